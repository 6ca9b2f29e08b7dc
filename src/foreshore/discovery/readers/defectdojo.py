"""DefectDojo's own findings: pages of its interface (`/api/v2/findings/`), lists of these, and its CSV export.

The asset is the host of each endpoint; a finding without endpoints is about its product. Products are named by
`related_fields=true`, by `prefetch=test,…`, or by the columns of the CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _generic_values, _hosts, _naming, _platforms
from foreshore.discovery.readers._platforms import Row
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Sighting, Skipped, Word

_COLUMNS = ("false_p", "out_of_scope", "risk_accepted", "numerical_severity", "title")
_MARKS = tuple(regex(rf'"{name}"\s*:') for name in ("false_p", "out_of_scope", "numerical_severity", "risk_accepted"))
_PAGE = regex(r'^\s*\{\s*"count"\s*:\s*0\s*,\s*"next"\s*:\s*null\s*,\s*"previous"\s*:\s*null\s*,\s*"results"\s*:')
_FINDS_SECRETS = regex(r"gitleaks|trufflehog|detect-secrets|secret", re.IGNORECASE)
_NEWLINE = " NEWLINE "  # how the CSV export writes a line's end
NUMBER = "defectdojo"  # the tag that holds its own number of a finding
_ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)


@dataclass(frozen=True)
class DefectDojo:
    """Reads DefectDojo's findings with the words that people gave them there."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins findings with DefectDojo's fields, or an empty page of them."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            return bool(_PAGE.match(opening)) or sum(bool(mark.search(opening)) for mark in _MARKS) >= 3
        return csvrows.has_columns(head, *_COLUMNS)

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each host or product once, and one finding for each finding and host."""
        skipped: list[Skipped] = []
        yield RunSeen(tool="defectdojo")
        is_json = reports.decode_head(report.head).lstrip()[:1] in ("{", "[")
        said: set[str] = set()
        for where, row in _of_json(report, skipped) if is_json else _of_csv(report):
            title = _naming.text(row.get("title")).strip()
            if not title:
                skipped.append(Skipped(where, "has no title"))
                continue
            for asset, port, url in _assets(row):
                if asset.key not in said:
                    said.add(asset.key)
                    yield asset
                yield _finding(asset, port, url, title, row)
        yield from skipped


# -- forms ---------------------------------------------------------------------------------------


def _of_csv(report: facts.Report) -> Iterator[tuple[str, Row]]:
    """Rows of the export as the interface would name them; its lists are parted by semicolons."""
    for line, cells in csvrows.table(report, find=_COLUMNS, fold=True).rows:
        row: Row = {name: text.replace(_NEWLINE, "\n") for name, text in cells.items()}
        for name in ("endpoints", "vulnerability_ids", "tags"):
            parts = [one.strip() for one in cells.get(name, "").split(";")]
            row[name] = [one.removesuffix("...") for one in parts if one.strip(".")]
        yield f"line {line}", row


def _of_json(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, Row]]:
    opening = reports.decode_head(report.head).lstrip()
    if opening.startswith("{") and re.search(r'"results"\s*:\s*\[', opening):
        document = _platforms.envelope(report)
        known = _Known(document.get("prefetch"))
        rows = _platforms.members(report, document, "results", skipped.append)
    else:
        known = _Known(None)
        rows = _decoding.rows(report, _platforms.ROW, skipped.append)
    for number, row in enumerate(rows, 1):
        yield f"finding {number}", known.named(row)
    if known.unnamed:
        why = f"{known.unnamed} are only numbers: ask with `prefetch=endpoints` to have their hosts as assets"
        skipped.append(Skipped("endpoints", why))


class _Known:
    """What a page knows of the objects that its findings name by number."""

    def __init__(self, raw: msgspec.Raw | None) -> None:
        try:
            found = _ANYTHING.decode(raw) if raw is not None else {}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = {}
        self._found: Row = found if isinstance(found, dict) else {}
        self.unnamed = 0  # endpoints that the page does not describe

    def _one(self, name: str, number: Any) -> Row:
        if isinstance(number, dict):
            return number
        table = self._found.get(name)
        found = table.get(_naming.text(number)) if isinstance(table, dict) else None
        return found if isinstance(found, dict) else {}

    def named(self, row: Row) -> Row:
        """`row` with the names of its test, engagement and product, and with its endpoints as objects."""
        related = row.get("related_fields")
        own = related.get("test") if isinstance(related, dict) else None
        test = own if isinstance(own, dict) else self._one("test", row.get("test"))
        engagement = self._one("engagement", test.get("engagement"))
        product = self._one("product", engagement.get("product"))
        kind = self._one("test_type", test.get("test_type"))
        listed = row.get("endpoints")
        return row | {
            "product": _naming.text(product.get("name")),
            "engagement": _naming.text(engagement.get("name")),
            "found_by": _naming.text(kind.get("name")) or _naming.text(test.get("test_type_name")),
            "endpoints": [self._endpoint(one) for one in (listed if isinstance(listed, list) else [])],
        }

    def _endpoint(self, value: Any) -> Any:
        """A text, or the object with host and port; newer releases hold a location with its text."""
        if isinstance(value, str):
            return value
        found = self._one("endpoints", value)
        if not found:
            self.unnamed += 1
        return _naming.text(found.get("location_value")) or found


# -- assets --------------------------------------------------------------------------------------


def _assets(row: Row) -> Iterator[tuple[Sighting, int, str]]:
    """(asset, port, URL) of each endpoint, or the product where there is no endpoint that names a host."""
    done: set[tuple[str, int]] = set()
    for text in _generic_values.urls(row.get("endpoints")):
        where = _platforms.place(text)
        if where.identifiers and (where.name, where.port) not in done:
            done.add((where.name, where.port))
            yield _host(where, row), where.port, where.url
    if not done:
        yield _product(row), 0, ""


def _host(where: _platforms.Place, row: Row) -> Sighting:
    product = _naming.text(row.get("product"))
    return Sighting(
        key=where.name,
        name=where.name,
        identifiers=where.identifiers,
        attributes=(("product", product),) if product else (),
    )


def _product(row: Row) -> Sighting:
    """The product; else the service, else the test, which keeps its number when it is imported again."""
    text = _naming.text
    test = text(row.get("test_id")) or text(row.get("test"))
    name = text(row.get("product")) or text(row.get("service")) or f"DefectDojo test {test}".strip()
    in_code = bool(text(row.get("file_path"))) and not text(row.get("component_name"))
    return Sighting(
        key=f"product {name}",
        name=name,
        kind="repository" if in_code else "code_component",
        identifiers=(("artifact", name),),
    )


# -- findings ------------------------------------------------------------------------------------


def _finding(asset: Sighting, port: int, url: str, title: str, row: Row) -> Finding:
    text = _naming.text
    weaknesses = _weaknesses(row)
    kind = _kind(row, weaknesses)
    name = text(row.get("component_name"))
    purl, plain, version = _naming.package(name)
    word = _word(row)
    hidden = kind == "secret"
    return Finding(
        asset=asset.key,
        rule=text(row.get("vuln_id_from_tool")) or (weaknesses[0] if weaknesses else title),
        title=title,
        severity=_naming.severity(text(row.get("severity"))),
        weaknesses=weaknesses,
        kind=kind,
        component=purl,
        component_name=plain or name,
        version=text(row.get("component_version")) or version,
        fixed_version=text(row.get("fix_version")),
        port=port,
        protocol="tcp" if port else "",
        url=url,
        parameter=text(row.get("param")),
        path=text(row.get("file_path")) or text(row.get("sast_source_file_path")),
        line=_naming.whole_number(row.get("line")) or _naming.whole_number(row.get("sast_source_line")),
        context="" if hidden else text(row.get("sast_sink_object")),
        cvss_vector=text(row.get("cvssv4")) or text(row.get("cvssv3")),
        cvss_score=_naming.score(row.get("cvssv4_score")) or _naming.score(row.get("cvssv3_score")),
        epss=_naming.number(row.get("epss_score")),
        cwes=_naming.cwes(row.get("cwe") or ()),
        proof="confirmed" if _generic_values.true(row.get("verified")) else "unknown",
        word=word,
        description="" if hidden else _described(row),
        solution=text(row.get("mitigation")),
        references=_generic_values.lines(row.get("references")),
        evidence="" if hidden else text(row.get("steps_to_reproduce")),
        instances=max(1, _naming.whole_number(row.get("nb_occurences"), 1)),
        first_seen=_hosts.when(text(row.get("date"))),
        fixed_at=_hosts.when(text(row.get("mitigated"))) if word == "fixed" else None,
        tags=_tags(row),
    )


def _weaknesses(row: Row) -> tuple[str, ...]:
    given = row.get("vulnerability_ids")
    listed = given if isinstance(given, list) else [given]
    texts = [_naming.text(one.get("vulnerability_id") if isinstance(one, dict) else one) for one in listed]
    found = _naming.public_ids(*texts, _naming.text(row.get("cve")))
    return found or tuple(dict.fromkeys(one.strip() for one in texts if one.strip()))[:1]


def _kind(row: Row, weaknesses: tuple[str, ...]) -> ExposureKind:
    if 798 in _naming.cwes(row.get("cwe") or ()) or _FINDS_SECRETS.search(_naming.text(row.get("found_by"))):
        return "secret"
    if weaknesses or row.get("component_name"):
        return "vulnerability"
    return "code" if _naming.text(row.get("file_path")) else "vulnerability"


def _word(row: Row) -> Word:
    """The strongest of its flags: a person's word goes before what a newer import found."""
    if _generic_values.true(row.get("false_p")):
        return "false_positive"
    if _generic_values.true(row.get("is_mitigated")):
        return "fixed"
    if _generic_values.true(row.get("risk_accepted")):
        return "accepted"
    aside = any(_generic_values.true(row.get(name)) for name in ("duplicate", "out_of_scope"))
    return "suppressed" if aside or _generic_values.false(row.get("active")) else "open"


def _described(row: Row) -> str:
    parts = (_naming.text(row.get("description")).strip(), _naming.text(row.get("impact")).strip())
    return "\n\n".join(part for part in parts if part)


def _tags(row: Row) -> tuple[str, ...]:
    flags = ("duplicate", "out_of_scope", "under_review", "known_exploited", "ransomware_used")
    found = [name for name in flags if _generic_values.true(row.get(name))]
    for name in ("found_by", "engagement"):
        if value := _naming.text(row.get(name)):
            found.append(f"{name}={value}")
    if number := _naming.text(row.get("id")):
        found.append(f"{NUMBER}={number}")
    return (*found, *_generic_values.tags(row.get("tags")))


PLUGIN = DefectDojo()
