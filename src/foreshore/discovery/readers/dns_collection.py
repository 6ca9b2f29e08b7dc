"""What the DNS connector collected: names with their addresses, aliases that lead nowhere, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foreshore import facts
from foreshore.discovery.readers import _collected, _dns_certificates, _hosts
from foreshore.discovery.readers._collected import Answer
from foreshore.facts import Finding, Record, Sighting, Skipped

_NOBODY = "foreshore-asks-for-no-such-name."  # the name by which the connector finds domains that answer to all
Rows = list[list[Any]]


@dataclass(frozen=True)
class DnsCollection:
    """Reads names as assets, aliases of names that do not exist, and the certificates of approved hosts.

    A common name that only answers because its domain answers to every name is left out. The addresses of
    an alias that leaves our domains are another's and no identifiers of ours.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a collection of the DNS connector."""
        return _collected.begins(head, "dns")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each name that exists, findings and ports of certificates, and what was refused."""
        found = _collected.read(report)
        run = found.run("dns")
        yield run
        names = _Names(found.answers)
        said: set[str] = set()
        for name in names.existing():
            said.add(name)
            yield names.sighting(name)
            if (target := names.lost(name)) is not None:
                yield _dangling(name, target)
        for answer in found.answers:
            if answer.call == "certificate" and answer.about.get("name") in said:
                yield from _certificate(answer, run.observed_at, found.skipped)
        yield from found.skipped


class _Names:
    """What the answers say of each name, together."""

    def __init__(self, answers: list[Answer]) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.domains: set[str] = set()
        self.listed: set[str] = set()  # by a transfer
        self.asked: dict[str, None] = {}
        self.missing: set[str] = set()
        self.guessed: set[str] = set()  # names that nothing but a list of common names told
        for answer in answers:
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, dict) else {}
        records = body.get("records")
        rows = [
            one for one in (records if isinstance(records, list) else ()) if isinstance(one, list) and len(one) == 4
        ]
        if answer.call == "transfer":
            self.listed |= {str(row[0]) for row in rows}
        elif answer.call == "lookup":
            name = answer.about.get("name", "")
            self.asked[name] = None
            if answer.about.get("type") == "SOA":
                self.domains.add(name)
            if body.get("guessed") is True:
                self.guessed.add(name)
            if body.get("status") == "NXDOMAIN":
                self.missing.add(name)
        for row in rows:
            held = self.records.setdefault((str(row[0]), str(row[2])), [])
            if str(row[3]) not in held:
                held.append(str(row[3]))

    def chain(self, name: str) -> list[str]:
        """`name` and the names that its aliases lead to, in order; a circle ends where it closes."""
        found = [name]
        while (after := self.records.get((found[-1], "CNAME"))) and (end := after[0].rstrip(".").lower()) not in found:
            found.append(end)
        return found

    def addresses(self, name: str) -> tuple[str, ...]:
        end = self.chain(name)[-1]
        return tuple(sorted(one for kind in ("A", "AAAA") for one in self.records.get((end, kind), ())))

    def existing(self) -> Iterator[str]:
        """Names with an address or an alias, without those that exist only because every name does."""
        for name in self.asked:
            if name.startswith(_NOBODY) or not (self.addresses(name) or (name, "CNAME") in self.records):
                continue
            if name not in self.guessed or name in self.listed or not self._like_any(name):
                yield name

    def _like_any(self, name: str) -> bool:
        """Does a name that nobody made have the same answer?"""
        for domain in self.domains:
            anyone = f"{_NOBODY}{domain}"
            if name.endswith(f".{domain}") and (self.addresses(anyone) or len(self.chain(anyone)) > 1):
                return (self.addresses(name), self.chain(name)[1:]) == (self.addresses(anyone), self.chain(anyone)[1:])
        return False

    def lost(self, name: str) -> str | None:
        """The name that an alias leads to and that does not exist (RFC 6604: the status is of the chain's end)."""
        chain = self.chain(name)
        return chain[-1] if len(chain) > 1 and name in self.missing and not self.addresses(name) else None

    def sighting(self, name: str) -> Sighting:
        chain = self.chain(name)
        ours = all(any(one == domain or one.endswith(f".{domain}") for domain in self.domains) for one in chain)
        addresses = self.addresses(name) if ours else ()
        return Sighting(
            key=name,
            name=name,
            identifiers=_hosts.gather(_hosts.named("fqdn", name), *(_hosts.named("ip", one) for one in addresses)),
            tags=() if ours else ("alias of another domain",),
            attributes=tuple(("cname", one) for one in chain[1:][-1:]),
        )


def _dangling(name: str, target: str) -> Finding:
    return Finding(
        asset=name,
        rule="dns-alias-of-nothing",
        title="A name is an alias of a name that does not exist",
        severity="medium",
        kind="misconfiguration",
        resource=name,
        cwes=(350,),
        proof="configuration",
        description="Whoever can register the missing name, or the service behind it, answers under ours.",
        solution="Remove the alias, or take the missing name back.",
        evidence=f"{name} CNAME {target}",
    )


def _certificate(answer: Answer, at: datetime | None, skipped: list[Skipped]) -> Iterator[Record]:
    name = answer.about.get("name", "")
    body = answer.body if isinstance(answer.body, dict) else {}
    try:
        yield from _dns_certificates.records(name, body, at)
    except ValueError as error:
        skipped.append(Skipped(f"certificate {name}", f"cannot be read ({error})"))


PLUGIN = DnsCollection()
