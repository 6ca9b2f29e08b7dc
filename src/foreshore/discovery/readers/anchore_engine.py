"""Anchore's vulnerabilities of an image as JSON (`anchore-cli image vuln`, `anchorectl`, the API), any version."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _images, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Skipped

_DIGEST = regex(r'"(imageDigest|image_digest)"\s*:')
_LIST = regex(r'"vulnerabilities"\s*:\s*(\[|null)')
_FEED = regex(r'"(feed_group|feedGroup)"\s*:')
_ROW = regex(r'"(package_type|packageType|package_cpe|packageCpe|vuln)"\s*:')
_CAPITAL = regex(r"(?<=[a-z0-9])[A-Z]")


class _Row(msgspec.Struct, gc=False):
    vuln: Scalar = None
    severity: Scalar = None
    fix: Scalar = None
    feed: Scalar = None
    feed_group: Scalar = None
    package: Scalar = None
    package_name: Scalar = None
    package_version: Scalar = None
    package_path: Scalar = None
    package_type: Scalar = None
    package_cpe23: Scalar = None
    url: Scalar = None
    will_not_fix: Scalar = None
    detected_at: Scalar = None
    nvd_data: Any = None
    vendor_data: Any = None


class _Document(msgspec.Struct, gc=False):
    imageDigest: Scalar = None
    image_digest: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None
    vulnerability_type: Scalar = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_ROWS: msgspec.json.Decoder[_Row] = msgspec.json.Decoder(_Row)


@dataclass(frozen=True)
class AnchoreEngine:
    """Reads Anchore's list of weaknesses of one image."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a list: the digest of an image and its weaknesses."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if _DIGEST.search(opening) and ('"vulnerability_type"' in opening or '"vulnerabilityType"' in opening):
            return True
        return bool(_LIST.search(opening) and _FEED.search(opening) and _ROW.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the image, and one finding for each row."""
        document = _decoding.whole(report, _DECODER)
        digest = _naming.text(document.imageDigest) or _naming.text(document.image_digest)
        if document.vulnerabilities is None and not digest:
            raise BadReport(
                "is JSON of Anchore without weaknesses",
                where=report.name,
                hint="export with `anchore-cli --json image vuln IMAGE all`",
            )
        yield _images.run("anchore", ())
        skipped: list[Skipped] = []
        rows = list(_decoding.each(_ROWS, _plain(document.vulnerabilities), "vulnerabilities", skipped.append))
        os = next((_naming.text(one.feed_group) for one in rows if _images.family(_naming.text(one.feed_group))), "")
        sighting = _images.image([], [digest], os=os.replace(":", " "))
        yield sighting
        for number, row in enumerate(rows):
            if row.vuln:
                yield _finding(sighting.key, row, os)
            else:
                yield Skipped(f"vulnerabilities[{number}]", "names no weakness")
        yield from skipped


def _plain(raws: list[msgspec.Raw] | None) -> list[msgspec.Raw]:
    """The rows with names of fields as the engine writes them; newer clients write `packageName`."""
    found = []
    for raw in raws or ():
        if b'"package' in bytes(raw) and b'"package_' not in bytes(raw):
            raw = _renamed(raw)
        found.append(raw)
    return found


def _renamed(raw: msgspec.Raw) -> msgspec.Raw:
    try:
        values = msgspec.json.decode(raw)
        if not isinstance(values, dict):
            return raw
        names = {name: _CAPITAL.sub(lambda found: f"_{found.group(0).lower()}", name) for name in values}
        return msgspec.Raw(msgspec.json.encode({names[name]: value for name, value in values.items()}))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return raw  # decoding it will say what is wrong with it


def _finding(asset: str, row: _Row, os: str) -> Finding:
    rule, name = _naming.text(row.vuln), _said(row.package_name)
    kind = _naming.text(row.package_type)
    related = _naming.public_ids(*(_naming.text(one.get("id")) for one in _dicts(row.nvd_data)))
    path = _said(row.package_path)
    url = _said(row.url)
    component = _images.component(kind, _family_of(row, os), name) or _hosts.cpe(_said(row.package_cpe23))[0]
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(row.severity),
        weaknesses=_naming.weakness(rule) if rule.startswith("CVE-") or not related else related,
        component=component,
        component_name=name,
        version=_said(row.package_version),
        fixed_version=_said(row.fix),
        path="" if path == "pkgdb" else path,
        cvss_score=_score(row),
        # Only a product's name, guessed from the package, led to what the national database says
        proof="version" if _naming.text(row.feed) == "nvdv2" else "package",
        references=(url,) if url else (),
        first_seen=_naming.when(row.detected_at),
        tags=("status=will_not_fix",) if row.will_not_fix is True else (),
    )


def _said(value: Scalar) -> str:
    """A text; Anchore writes the word None for nothing."""
    found = _naming.text(value)
    return "" if found == "None" else found


def _family_of(row: _Row, os: str) -> str:
    group = _naming.text(row.feed_group)
    return group if _images.family(group) else os


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _score(row: _Row) -> float | None:
    """The score of version 3 before that of version 2, the vendor's before NVD's; -1 is none."""
    rows = [*_dicts(row.vendor_data), *_dicts(row.nvd_data)]
    for version, newer in (("cvss_v3", "cvssV3"), ("cvss_v2", "cvssV2")):
        for one in rows:
            said = one.get(version, one.get(newer))
            found = _naming.score(said.get("base_score", said.get("baseScore"))) if isinstance(said, dict) else None
            if found is not None:
                return found
    return None


PLUGIN = AnchoreEngine()
