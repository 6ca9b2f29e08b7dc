"""Nikto (version 2.1 to now): the XML, JSON and CSV reports."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Skipped

if TYPE_CHECKING:
    from lxml.etree import _Element

_NAMES = ('"host"', '"port"', '"banner"')
_LIST = regex(r'"vulnerabilities"\s*:\s*\[\s*(?:\]|\{\s*"(?:id|OSVDB|method|references|url|msg)")')
_CSV = regex(r'^"?Nikto - v([\w.]{1,20})')
_COLUMNS = 7  # host, address, port, reference, method, path, message
_OSVDB = regex(r"^OSVDB-(\d{1,9})$")
# Internal checks that state what there is, not what is wrong: headers that are not usual, methods,
# robots.txt, changed banners, certificates' names, icons that tell the product.
_STATEMENTS = frozenset({"999986", "999990", "999996", "999962", "999100", "999992", "999967", "500008"})
_SECURE = regex(r"\b(?:uses? (?:SSL|TLS)|wildcard certificate|SSL certificate)\b")
_ABOUT = (
    regex(r"\bheader '([\w-]{1,100})'", re.IGNORECASE),
    regex(r"^Retrieved ([\w-]{1,100}) header", re.IGNORECASE),
    regex(r"\bCookie (\S{1,200}) created without", re.IGNORECASE),
    regex(r"\bmissing: ([\w-]{1,100})", re.IGNORECASE),
)
_VARIABLE = regex(r"""["'(]|: |\d""")


class _Item(msgspec.Struct, gc=False):
    """One thing that was found; `references` since version 2.5, OSVDB before."""

    id: Scalar = None
    OSVDB: Scalar = None
    references: Scalar = None
    method: Scalar = None
    url: Scalar = None
    msg: Scalar = None


class _Host(msgspec.Struct, gc=False):
    host: Scalar = None
    ip: Scalar = None
    port: Scalar = None
    banner: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None


_DECODED_HOST: msgspec.json.Decoder[_Host] = msgspec.json.Decoder(_Host)
_ITEM: msgspec.json.Decoder[_Item] = msgspec.json.Decoder(_Item)


@dataclass(frozen=True)
class Nikto:
    """Reads every item; Nikto gives no severities, so that all are info and the kind tells them apart."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Nikto."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] in ("{", "["):
            return all(name in opening[:4096] for name in _NAMES) and bool(_LIST.search(opening))
        if _CSV.match(opening):
            return True
        if "<niktoscan" not in opening:
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "niktoscan")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each site once, and one finding for each item."""
        opening = reports.decode_head(report.head).lstrip()
        if opening[:1] in ("{", "["):
            return _of_json(report)
        return _of_xml(report) if opening[:1] == "<" else _of_csv(report)


# -- XML ----------------------------------------------------------------------------------------


def _of_xml(report: facts.Report) -> Iterator[Record]:
    """Each host is a `scandetails`; the scan around it may stand in another, or there is none."""
    from foreshore.discovery import xmlstream

    yield _xml_run(report)
    applications = _web_scans.Applications()
    site, count = "", 0
    for event, element in xmlstream.elements(report, ("item", "scandetails"), starts=("scandetails",)):
        if event == "start":
            site = _site(element)
            address, server = element.get("targetip") or "", element.get("targetbanner") or ""
            yield from applications.at(site, address=address, server=server)[1]
        elif element.tag == "item":
            count += 1
            yield from _xml_item(element, site, count, applications)


def _site(element: _Element) -> str:
    name = (element.get("sitename") or "").strip()
    if _web_scans.origin(name).host:
        return name
    return f"{element.get('targethostname') or element.get('targetip') or ''}:{element.get('targetport') or 80}"


def _xml_run(report: facts.Report) -> RunSeen:
    """Version and latest end, by a first pass; Nikto writes its computer's local time."""
    from foreshore.discovery import xmlstream

    version = ""
    stamps: list[str] = []
    for _event, element in xmlstream.elements(report, ("item", "statistics"), starts=("niktoscan", "scandetails")):
        if element.tag == "niktoscan":
            version = version or element.get("version") or ""
        elif element.tag == "scandetails":
            stamps.append(element.get("starttime") or "")
        elif element.tag == "statistics":
            stamps.append(element.get("endtime") or "")
    stamp = max(stamps, default="")
    observed, assumed = _naming.moment(stamp)
    return RunSeen(tool="nikto", version=version, observed_at=observed, observed_text=stamp, zone_assumed=assumed)


def _xml_item(element: _Element, site: str, count: int, applications: _web_scans.Applications) -> Iterator[Record]:
    from foreshore.discovery.xmlstream import text_of

    item = _Item(
        id=element.get("id"),
        OSVDB=element.get("osvdbid"),
        references=text_of(element, "references") or element.get("references") or element.get("osvdblink"),
        method=element.get("method"),
        url=text_of(element, "uri"),
        msg=text_of(element, "description").removeprefix("CDATA["),  # half a mark, where it was written twice
    )
    yield from _records(item, site, f"item {count}, line {element.sourceline}", applications)


# -- JSON ---------------------------------------------------------------------------------------


def _of_json(report: facts.Report) -> Iterator[Record]:
    yield RunSeen(tool="nikto")
    applications = _web_scans.Applications()
    skipped: list[Skipped] = []
    for host in _decoding.rows(report, _DECODED_HOST, skipped.append):
        name, address = _naming.text(host.host), _naming.text(host.ip)
        if host.vulnerabilities is None and not name and not address:
            skipped.append(Skipped("a host", "has neither a name nor a list of what was found"))
            continue
        where = f"{name} vulnerabilities"
        items = list(_decoding.each(_ITEM, host.vulnerabilities, where, skipped.append))
        site = _address(name or address, _naming.port(host.port), items)
        called, server = "site scanned by Nikto", _naming.text(host.banner)
        yield from applications.at(site, address=address, server=server, called=called)[1]
        for number, item in enumerate(items):
            yield from _records(item, site, f"{where}[{number}]", applications)
    yield from skipped


def _address(host: str, port: int, items: list[_Item]) -> str:
    """The site of a host, whose scheme these forms do not say: by its port, else by what was found on it."""
    secure = port in (443, 8443) or any(_SECURE.search(_naming.text(one.msg)) for one in items)
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}{f':{port}' if port else ''}" if host else ""


# -- CSV ----------------------------------------------------------------------------------------


def _of_csv(report: facts.Report) -> Iterator[Record]:
    """Rows without column names: the first of a host says its banner, the others what was found."""
    applications = _web_scans.Applications()
    banners: dict[tuple[str, str, str], str] = {}
    began = False
    for line, cells in _lines(report):
        if not began:
            began = True
            found = _CSV.match(cells[0] if cells else "")
            yield RunSeen(tool="nikto", version=found.group(1) if found else "")
            continue
        if len(cells) < _COLUMNS:
            yield Skipped(f"line {line}", f"has {len(cells)} cells, not {_COLUMNS}")
            continue
        host, ip, port, reference, method, path = (cell.strip() for cell in cells[:6])
        message = ",".join(cells[6:]).strip()
        if not method and not path and not reference:
            banners[host, ip, port] = message
            continue
        item = _Item(references=reference, method=method, url=path, msg=message)
        site = _address(host or ip, _naming.port(port), [item])
        yield from applications.at(site, address=ip, server=banners.get((host, ip, port), ""))[1]
        yield from _records(item, site, f"line {line}", applications)
    if not began:
        yield RunSeen(tool="nikto")


def _lines(report: facts.Report) -> Iterator[tuple[int, list[str]]]:
    """The rows with their line numbers; raises BadReport for a quote that is never closed."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader((line.replace("\0", "") for line in reports.lines(report)), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadReport(
                f"the CSV is broken ({error})",
                where=f"{report.name}, line {line}",
                hint="export or copy the report again",
            ) from error
        if any(cells):
            yield line, cells


# -- findings -----------------------------------------------------------------------------------


def _records(item: _Item, site: str, where: str, applications: _web_scans.Applications) -> Iterator[Record]:
    path = _naming.text(item.url).strip()
    message = _naming.text(item.msg).strip()
    if path and message.startswith(f"{path}:"):  # said again in front of many texts
        message = message[len(path) + 1 :].strip()
    rule = _rule(item, message)
    if not rule:
        yield Skipped(where, "has neither a number nor a text")
        return
    asset, before = applications.at(site, called="site scanned by Nikto")
    yield from before
    url = _web_scans.joined(site, path or "/")
    yield _finding(item, asset, url, rule, _web_scans.without_passwords(message) or rule)


def _rule(item: _Item, message: str) -> str:
    """Nikto's number of the check; CSV has none, there it is OSVDB's, else the text up to what varies in it."""
    number = _naming.text(item.id).strip()
    if number:
        return number
    reference = _naming.text(item.references).strip()
    if _OSVDB.match(reference) and reference != "OSVDB-0":
        return reference
    return " ".join(_VARIABLE.split(message.lstrip("\"'("), maxsplit=1)[0].split())[:100] or message[:100]


def _finding(item: _Item, asset: str, url: str, rule: str, message: str) -> Finding:
    references = [one for one in re.split(r"[,\s]+", _naming.text(item.references)) if one]
    weaknesses = _naming.public_ids(message, *references)
    osvdb = _naming.text(item.OSVDB).strip().removeprefix("OSVDB-")
    kind = _kind(rule, osvdb, references, vulnerable=bool(weaknesses))
    found = _web_scans.origin(url)
    pages = (one for one in references if "://" in one and not one.endswith("osvdb.org/0"))
    return Finding(
        asset=asset,
        rule=rule,
        title=" ".join(message.split())[:500],
        severity="info",
        weaknesses=weaknesses,
        kind=kind,
        port=found.port,
        protocol="tcp" if found.port else "",
        url=_web_scans.bare_url(url),
        method=_naming.text(item.method),
        parameter=next((match.group(1) for one in _ABOUT if (match := one.search(message[:1000]))), ""),
        proof="configuration" if kind == "misconfiguration" else "probe",
        references=tuple(_web_scans.each_once(pages)),
        tags=(f"osvdb={osvdb}",) if osvdb not in ("", "0") else (),
    )


def _kind(rule: str, osvdb: str, references: list[str], *, vulnerable: bool) -> ExposureKind:
    """Items of the database of tests are weaknesses of what was found, internal checks are configuration."""
    if vulnerable or osvdb not in ("", "0") or any(_OSVDB.match(one) and one != "OSVDB-0" for one in references):
        return "vulnerability"
    return "observation" if rule in _STATEMENTS else "misconfiguration"


PLUGIN = Nikto()
