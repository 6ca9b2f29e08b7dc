"""Active Directory as SharpHound and its kin collect it for BloodHound: one file for each kind of object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _directory_attributes, _directory_checks, _naming
from foreshore.discovery.readers import _directory_objects as objects
from foreshore.discovery.readers._directory import POLICY, Ties, identifiers, key_of, kind_of
from foreshore.discovery.readers._directory_ties import ties_of
from foreshore.errors import BadReport
from foreshore.facts import Covered, Listed, Record, RunSeen, Sighting, Skipped

KINDS = (
    "computers", "users", "groups", "domains", "ous", "gpos", "containers", "certtemplates", "enterprisecas",
    "aiacas", "rootcas", "ntauthstores", "issuancepolicies",
)  # fmt: skip
_START = regex(r'\{\s*"(?:data|meta|computers|users|groups|domains|ous|gpos|containers)"\s*:')
_META = regex(r'"type"\s*:\s*"(?:%s)"' % "|".join(KINDS))  # noqa: UP031 - braces mean something else here


@dataclass(frozen=True)
class BloodHound:
    """Reads collections of Active Directory (versions 4 to 6): objects, their rights, sessions and trusts."""

    version: int = 3

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a file of such a collection."""
        opening = reports.decode_head(head)
        if not _START.match(opening.lstrip()):
            return False
        if _META.search(opening) and '"methods"' in opening:
            return True
        return '"ObjectIdentifier"' in opening and ('"Properties"' in opening or '"Aces"' in opening)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, every object with what is weak about it, then how objects are tied to each other."""
        document = _decoding.whole(report, objects.DOCUMENT)
        kind = _kind(report, document)
        yield _run(document.meta or objects.Meta(), kind)
        skipped: dict[str, Skipped] = {}

        def skip(one: Skipped) -> None:
            skipped.setdefault(one.where, one)

        said = Ties()
        inside: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}
        for number, head in enumerate(_numbered(objects.HEAD, document.data, skip)):
            for record in _object(number, kind, head, said, skip):
                if isinstance(record, Sighting) and (domain := dict(record.attributes).get("domain")):
                    looked = "distinguishedname" in dict(record.attributes)
                    inside[looked].setdefault(domain.lower(), []).append(record.key)
                yield record
        # Objects of other domains stand in a file by their names only: no object of those was looked at.
        yield from _listed(inside[True] or inside[False], kind, document.meta or objects.Meta())
        for tied in _numbered(objects.TIED, document.data, skip):
            if tied is not None and tied.IsDeleted is not True and tied.ObjectIdentifier:
                said.next_object()
                yield from ties_of(kind, tied, said)
        yield from skipped.values()


def _listed(inside: dict[str, list[str]], kind: str, meta: objects.Meta) -> Iterator[Listed]:
    """What a file lists: objects by domain, and which methods looked, so that only as thorough a run follows it."""
    methods = max(0, _naming.whole_number(meta.methods))
    for domain, keys in inside.items():
        # Whether the collector looked at the whole domain or at a part of its tree is not in the file.
        yield Listed(extent=f"directory:{domain}:{kind}", assets=tuple(keys), whole=False)
        for bit in (bit for bit in range(methods.bit_length()) if methods >> bit & 1):
            yield Listed(extent=f"directory:{domain}:{kind}:method {bit}", assets=())


def _numbered(
    decoder: msgspec.json.Decoder[Any], raws: list[msgspec.Raw] | None, skip: Callable[[Skipped], None]
) -> Iterator[Any]:
    """Every element in its place: None where it cannot be decoded, which `skip` is told."""
    for number, raw in enumerate(raws or ()):
        refused: list[Skipped] = []
        yield next(_decoding.each(decoder, [raw], "data", refused.append), None)
        for one in refused:
            skip(Skipped(f"data[{number}]", one.why))


def _kind(report: facts.Report, document: objects.Document) -> str:
    meta = document.meta or objects.Meta()
    kind = _naming.text(meta.type).lower()
    version = _naming.whole_number(meta.version, 0)
    hint = "collect again with SharpHound 2, or another collector that writes version 5 or 6"
    if version and version < 4:
        raise BadReport(
            f"is a collection of version {version}, which is older than those that are read",
            where=f"{report.name}, meta.version",
            hint=hint,
        )
    if document.data is None:
        raise BadReport("has no list of objects under “data”", where=report.name, hint=hint)
    if kind not in KINDS:
        raise BadReport(
            f"is no collection of a kind that is known: its meta.type is “{' '.join(kind.split())[:40]}”",
            where=f"{report.name}, meta.type",
            hint=hint,
        )
    return kind


def _run(meta: objects.Meta, kind: str) -> RunSeen:
    started = _naming.text(meta.collectionstart)
    observed, assumed = _naming.moment(started) if started else (None, False)
    given = (("kind", kind), ("format", meta.version), ("methods", meta.methods), ("count", meta.count))
    return RunSeen(
        tool="SharpHound",
        version=_naming.text(meta.collectorversion),
        observed_at=observed,
        observed_text=started,
        zone_assumed=assumed,
        settings=tuple((name, text) for name, value in given if (text := _naming.text(value))),
    )


def _object(
    number: int, kind: str, one: objects.Head | None, said: Ties, skip: Callable[[Skipped], None]
) -> Iterator[Record]:
    if one is None:
        return
    where = f"data[{number}]"
    identifier = _naming.text(one.ObjectIdentifier)
    if not identifier:
        skip(Skipped(where, "an object without an identifier"))
        return
    if one.IsDeleted is True:
        skip(Skipped(where, f"{identifier} is deleted in the directory"))
        return
    properties = one.Properties or {}
    key = key_of(identifier, _naming.text(properties.get("domain")))
    seen = list(said.sighting(_sighting(key, kind, one)))
    yield from seen
    if seen:
        yield from _directory_checks.findings(key, kind, one)
        if checks := _directory_checks.looked(kind, one):
            yield Covered(asset=key, checks=f"sharphound:{kind}", check_list=checks)
    else:
        skip(Skipped(where, f"{identifier} stands twice in the file: of the second its rights are taken only"))


def _sighting(key: str, kind: str, one: objects.Head) -> Sighting:
    said = one.Properties or {}
    name = _naming.text(said.get("name"))
    own = list(identifiers(key))
    if kind == "computers":
        own.extend(one for one in _naming.host_identifiers(name) if one[0] == "fqdn")
        if account := _naming.text(said.get("samaccountname")).rstrip("$"):
            own.append(("netbios", account))
    if kind in ("groups", "users") and (written := _naming.text(said.get("distinguishedname"))):
        own.append(("artifact", written.upper()))  # members of other domains stand by their path in the directory
    if kind == "issuancepolicies" and (number := _naming.text(said.get("certtemplateoid"))):
        own.append(("artifact", f"{POLICY} {number}"))
    return Sighting(
        key=key,
        name=name or key,
        kind=kind_of(kind),
        identifiers=tuple(own),
        os=_naming.text(said.get("operatingsystem")),
        attributes=_directory_attributes.attributes(kind, key, one),
    )


PLUGIN = BloodHound()
