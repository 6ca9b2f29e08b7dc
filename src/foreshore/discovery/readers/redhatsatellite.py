"""Red Hat Satellite (Katello, Foreman), errata as JSON from its interface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers import _host_scans as _scans
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_ERRATUM = regex(r'"(errata_id|hosts_applicable_count|hosts_available_count|pulp_id)"\s*:')
_PAGE = ('"subtotal"', '"selectable"', '"per_page"', '"results"')
_NEVRA = regex(r"^(.+)-((?:\d+:)?[^-]+-[^-]+?)(?:\.(?:noarch|src|i[3-6]86|x86_64|aarch64|ppc64le|s390x))?(?:\.rpm)?$")
_LINK = "https://access.redhat.com/errata/"
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class _Page(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Page | list[msgspec.Raw]] = msgspec.json.Decoder(_Page | list[msgspec.Raw])


@dataclass(frozen=True)
class RedHatSatellite:
    """Reads one finding for each erratum, or for each erratum on each host where the page names hosts.

    A page of errata usually names no host, only their number: its findings then belong to the hosts of
    that page as one asset. Errata that mend no security hole, or that apply to no host, are observations.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it a page of errata? An empty page is known by its own fields."""
        text = reports.decode_head(head)
        if text.lstrip()[:1] not in ("{", "["):
            return False
        return bool(_ERRATUM.search(text)) or (len(text) < 4096 and all(name in text for name in _PAGE))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the hosts, and the errata."""
        yield RunSeen(tool="red hat satellite")
        document = _decoding.whole(report, _DECODER)
        raws = document if isinstance(document, list) else document.results
        if raws is None:
            raise BadReport(
                "has no list called “results”",
                where=report.name,
                hint="keep the whole answer of the interface, one page a file",
            )
        skipped: list[Skipped] = []
        said: set[str] = set()
        unnamed = _scans.by_file("hosts of red hat satellite", report.name)
        for number, row in enumerate(_decoding.each(_ROW, raws, "results", skipped.append)):
            erratum = _naming.text(row.get("errata_id")) or _naming.text(row.get("pulp_id"))
            if not erratum:
                skipped.append(Skipped(f"results, row {number}", "names no erratum"))
                continue
            for host in _hosts_of(row) or [unnamed]:
                if host not in said:
                    said.add(host)
                    yield _sighting(host, host == unnamed)
                yield _finding(host, erratum, row, 1 if host != unnamed else _count(row) or 1)
        yield from skipped


PLUGIN = RedHatSatellite()


def _hosts_of(row: dict[str, Any]) -> list[str]:
    """Names of the hosts that the erratum applies to, where the answer lists them."""
    found: list[str] = []
    for field in ("hosts_applicable", "hosts_available", "applicable_hosts"):
        listed = row.get(field)
        for one in listed if isinstance(listed, list) else ():
            name = _naming.text(one.get("name")) if isinstance(one, dict) else _naming.text(one)
            found.extend([name] if name else [])
    return list(dict.fromkeys(found))


def _sighting(host: str, unnamed: bool) -> Sighting:
    known = () if unnamed else _hosts.named("fqdn", host)
    return Sighting(key=host, name=host, identifiers=known or (("artifact", host),), authenticated=True)


def _count(row: dict[str, Any]) -> int:
    """How many hosts it applies to; -1 where the answer does not say."""
    value = row.get("hosts_applicable_count", row.get("hosts_available_count"))
    return -1 if value is None else max(_naming.whole_number(value), 0)


def _packages(row: dict[str, Any]) -> tuple[str, str, str]:
    """(purl, name, fixed version) where all packages of the erratum are of one name and version."""
    found = {match.groups()[:2] for one in _naming.texts(row.get("packages")) if (match := _NEVRA.match(one))}
    if len(found) != 1:
        return "", "", ""
    name, version = found.pop()
    return _naming.built_package("redhat", name), name, version


def _cves(row: dict[str, Any]) -> tuple[str, ...]:
    listed = row.get("cves")
    texts = [
        _naming.text(one.get("cve_id") or one.get("name")) if isinstance(one, dict) else _naming.text(one)
        for one in (listed if isinstance(listed, list) else ())
    ]
    return _naming.public_ids(*texts)


def _finding(host: str, erratum: str, row: dict[str, Any], instances: int) -> Finding:
    cves, applies = _cves(row), _count(row) != 0
    security = bool(cves) or _naming.text(row.get("type")).lower() == "security" or erratum.startswith("RHSA-")
    purl, name, fixed = _packages(row)
    links = [_LINK + erratum] if erratum.startswith(("RHSA-", "RHBA-", "RHEA-")) else []
    bugs = row.get("bugs")
    links.extend(
        _naming.text(one.get("href")) for one in (bugs if isinstance(bugs, list) else ()) if isinstance(one, dict)
    )
    parts = (_naming.text(row.get("summary")), _naming.text(row.get("description")))
    return Finding(
        asset=host,
        rule=erratum,
        title=_naming.text(row.get("title")) or _naming.text(row.get("name")) or erratum,
        severity=_naming.severity(row.get("severity")) if applies else "info",
        weaknesses=cves or ((erratum,) if security else ()),
        kind="vulnerability" if security and applies else "observation",
        component=purl,
        component_name=name,
        fixed_version=fixed,
        fix=erratum,
        proof="package",
        description="\n\n".join(dict.fromkeys(part.strip() for part in parts if part.strip())),
        solution=_naming.text(row.get("solution")),
        references=tuple(dict.fromkeys(link for link in links if link)),
        evidence="\n".join(_naming.texts(row.get("packages"))),
        instances=instances if instances > 0 else 1,
        tags=("reboot",) if row.get("reboot_suggested") is True else (),
    )
