"""Burp Suite DAST (formerly Enterprise): the HTML report of a scan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, cast

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _burp, _hosts, _naming, _web_scans
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Skipped

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_TITLE = regex(r"<title>[^<]{0,100}(?:\bscan\b[^<]{0,100}report|burp)", re.IGNORECASE)
_MARKERS = regex(r"issue-(?:container|table|type-row|type-container)|Scan (?:Remediation|Detailed|Summary) Report")
_ON = regex(r"(?:Issues found on|More details for)\s+(\S+)")
_COUNT = regex(r"\s*\[\d{1,9}\]$")
_ENDS = ("end", "end time", "finished", "completed")


class _Row(NamedTuple):
    """A row of the overview: all that is said of an issue but its texts."""

    name: str
    base: str
    caption: str
    severity: str
    confidence: str


@dataclass(frozen=True)
class BurpSuiteDast:
    """Reads the overview's rows, one finding each, with the texts of the details; no requests, no responses."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins the HTML report of a scan."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "<" and bool(_TITLE.search(opening[:8192]) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each row of the overview."""
        root = _parsed(report)
        rows = _rows(root)
        details = _details(root)
        yield _run(root)
        applications = _web_scans.Applications()
        for heading in root.iterfind(".//h1"):
            if found := _ON.search(_text(heading)):
                yield from applications.at(found.group(1))[1]
        for number, (anchor, row) in enumerate(rows, 1):
            if not row.name:
                yield Skipped(f"row {number} of the overview", "names no issue")
                continue
            asset, before = applications.at(row.base)
            yield from before
            yield _finding(asset, row, details.get(anchor) or {})


def _parsed(report: facts.Report) -> HtmlElement:
    """The document; parsers of HTML accept anything, so that its end is looked for by us."""
    from lxml import etree, html

    text = report.text()
    if "<!entity" in text[: reports.HEAD].lower():
        raise BadReport(
            "declares entities, which reports do not need and attacks do",
            where=report.name,
            hint="check where the file came from; export it again",
        )
    if not text.rstrip().lower().endswith("</html>"):
        raise BadReport(
            "ends in the middle: the end of the HTML is missing",
            where=f"{report.name}, last byte",
            hint="save or copy the whole report again",
        )
    try:
        parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, no_network=True)
        return cast("HtmlElement", html.document_fromstring(text.encode("utf-8", "replace"), parser=parser))
    except (etree.LxmlError, ValueError) as error:
        raise BadReport("cannot be read as HTML", where=report.name, hint="export the report again") from error


def _text(element: HtmlElement) -> str:
    return " ".join("".join(str(part) for part in element.itertext()).split())


def _run(root: HtmlElement) -> RunSeen:
    """The run; a table at the top says when the scan ended, in the server's own time (2024-11-05 5:13 PM)."""
    stamp = ""
    for cell in root.iter("td", "th"):
        if _text(cell).rstrip(":").lower() in _ENDS and (after := cell.getnext()) is not None:
            stamp = _text(after)
            break
    observed, assumed = _hosts.moment(stamp)
    if observed is None and stamp:
        try:
            observed, assumed = datetime.strptime(stamp, "%Y-%m-%d %I:%M %p").replace(tzinfo=UTC), True
        except ValueError:
            observed, assumed = None, False
    return RunSeen(tool="burp", observed_at=observed, observed_text=stamp, zone_assumed=assumed)


def _rows(root: HtmlElement) -> list[tuple[str, _Row]]:
    """(anchor of the details, row) for each row of the overview, whose site and issue stand above it."""
    found: list[tuple[str, _Row]] = []
    base = name = ""
    for element in root.iter("h1", "tr"):
        if element.tag == "h1":
            match = _ON.search(_text(element))
            base = match.group(1) if match else base
            continue
        cells = element.findall("td")
        if cells and "issue-type-row" in (element.get("class") or ""):
            name = _COUNT.sub("", _text(cells[0]))
        elif base and len(cells) >= 3 and (rated := _text(cells[1])) and _naming.is_severity(rated):
            link = cells[-1].find(".//a[@href]")
            anchor = "" if link is None else (link.get("href") or "").lstrip("#")
            found.append((anchor, _Row(name, base, _text(cells[0]), rated, _text(cells[2]))))
    return found


def _details(root: HtmlElement) -> dict[str, dict[str, str]]:
    """Texts of issues by the anchor that the overview links to."""
    found: dict[str, dict[str, str]] = {}
    for element in root.find_class("issue-container"):
        texts = _sections(element)
        for link in element.iterfind("a[@name]"):
            found[link.get("name") or ""] = texts
    return found


def _sections(container: HtmlElement) -> dict[str, str]:
    """The HTML of each part of a container by its heading in lower case; evidence stands deeper and is left."""
    from lxml import html

    found: dict[str, str] = {}
    for heading in container.iterfind("h3"):
        body = heading.getnext()
        if body is not None and body.tag == "div":
            text = html.tostring(body, encoding="unicode", with_tail=False)
            found.setdefault(_text(heading).rstrip(":").lower(), text)
    return found


def _finding(asset: str, row: _Row, texts: dict[str, str]) -> Finding:
    path = row.caption.partition(" [")[0]
    return _burp.finding(
        asset,
        rule=row.name,
        name=row.name,
        severity=row.severity,
        confidence=row.confidence,
        url=_web_scans.joined(row.base, path or "/"),
        caption=row.caption,
        classifications=texts.get("vulnerability classifications", ""),
        detail=texts.get("issue detail", ""),
        background=texts.get("issue description", "") or texts.get("issue background", ""),
        solution=texts.get("issue remediation", "") or texts.get("remediation detail", ""),
        references=_web_scans.links(texts.get("references", "")),
    )


PLUGIN = BurpSuiteDast()
