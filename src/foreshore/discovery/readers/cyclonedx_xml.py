"""CycloneDX as XML, 1.0 to 1.6, and the vulnerability extension of the versions before 1.4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _cyclonedx, _naming
from foreshore.discovery.readers._cyclonedx import Bom, Component, Rating, Vulnerability
from foreshore.facts import Record

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True)
class CycloneDxXml:
    """Reads CycloneDX XML; vulnerabilities become findings, plain components are counted."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins an XML document `bom` in a namespace of CycloneDX."""
        opening = reports.decode_head(head)
        if "cyclonedx.org" not in opening:
            return False
        from foreshore.discovery import xmlstream

        return xmlstream.looks_like(head, "bom")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run with the number of components, the subject, and the findings."""
        reading = _Reading()
        reading.take(report)
        yield from _cyclonedx.records(reading.bom())


class _Reading:
    """What was collected of one document; components come before the vulnerabilities that name them."""

    def __init__(self) -> None:
        self.spec = self.serial = self.timestamp = ""
        self.tools: list[tuple[str, str]] = []
        self.subject: Component | None = None
        self.components: dict[str, Component] = {}
        self.count = 0
        self.vulnerabilities: list[Vulnerability] = []

    def take(self, report: facts.Report) -> None:
        from foreshore.discovery import xmlstream

        events = xmlstream.elements(
            report, ("component", "vulnerability", "metadata"), starts=("bom",), namespaces=True
        )
        for event, element in events:
            name = _local(element)
            if event == "start":
                self.spec = str(element.tag).partition("}")[0].rpartition("/")[2]
                self.serial = element.get("serialNumber") or ""
            elif name == "component":
                self.component(element)
            elif name == "vulnerability":
                self.vulnerabilities.append(_vulnerability(element))
            else:
                self.metadata(element)

    def component(self, element: _Element) -> None:
        parent = element.getparent()
        above = parent.getparent() if parent is not None else None
        if parent is None:
            return
        if _local(parent) == "metadata":
            self.metadata(parent)  # the stream forgets what stands before the subject
            self.subject = _component(element)
            if self.subject.ref:
                self.components.setdefault(self.subject.ref, self.subject)
        elif _local(parent) == "components" and above is not None and _local(above) == "tools":
            if above.getparent() is not None and _local(above.getparent()) == "metadata":
                self.tools.append((_text(element, "name"), _text(element, "version")))
        elif _local(parent) == "components":
            self.count += 1
            component = _component(element)
            if component.ref:
                self.components.setdefault(component.ref, component)

    def metadata(self, element: _Element) -> None:
        self.timestamp = self.timestamp or _text(element, "timestamp")
        for tool in element.iterfind("{*}tools/{*}tool"):
            self.tools.append((_text(tool, "name"), _text(tool, "version")))

    def bom(self) -> Bom:
        return Bom(
            spec=self.spec,
            serial=self.serial,
            timestamp=self.timestamp,
            tools=tuple(dict.fromkeys(self.tools)),
            subject=self.subject,
            components=self.components,
            count=self.count,
            vulnerabilities=tuple(self.vulnerabilities),
        )


def _local(element: _Element | None) -> str:
    return str(element.tag).rpartition("}")[2] if element is not None else ""


def _text(element: _Element, path: str) -> str:
    """The text of a child by local names, white space at its ends cut."""
    return (element.findtext("/".join(f"{{*}}{name}" for name in path.split("/"))) or "").strip()


def _texts(element: _Element, path: str) -> list[str]:
    found = element.iterfind("/".join(f"{{*}}{name}" for name in path.split("/")))
    return [text for one in found if (text := (one.text or "").strip())]


def _component(element: _Element) -> Component:
    return Component(
        name=_text(element, "name"),
        type=element.get("type") or "",
        ref=element.get("bom-ref") or "",
        group=_text(element, "group"),
        version=_text(element, "version"),
        purl=_text(element, "purl"),
        cpe=_text(element, "cpe"),
    )


def _vulnerability(element: _Element) -> Vulnerability:
    """A vulnerability of either form; in the extension it refers to, or stands inside, its component."""
    affects = _texts(element, "affects/target/ref")
    inside = None
    around = next((one for one in element.iterancestors() if _local(one) == "component"), None)
    if around is not None:
        inside = _component(around)
    elif not affects and element.get("ref"):
        affects = [element.get("ref") or ""]
    urls = [
        *_texts(element, "source/url"),
        *_texts(element, "advisories/advisory/url"),
        *_texts(element, "advisories/advisory"),
    ]
    return Vulnerability(
        id=_text(element, "id") or element.get("bom-ref") or "",
        aliases=tuple(_texts(element, "references/reference/id")),
        ratings=tuple(_rating(one) for one in element.iterfind("{*}ratings/{*}rating")),
        cwes=_naming.cwes(_texts(element, "cwes/cwe")),
        description="\n".join(part for part in (_text(element, "description"), _text(element, "detail")) if part),
        recommendation=_text(element, "recommendation") or "\n".join(_texts(element, "recommendations/recommendation")),
        references=tuple(dict.fromkeys(urls)),
        state=_text(element, "analysis/state"),
        justification=_text(element, "analysis/justification"),
        detail=_text(element, "analysis/detail"),
        fixed=_fixed(element),
        affects=tuple(affects) if inside is None else (),
        inside=inside,
    )


def _rating(element: _Element) -> Rating:
    """The score stands in the element itself, or as `base` in the extension, where 0 means none."""
    base = _text(element, "score/base")
    score = _naming.score(base) if base else _naming.number(_text(element, "score"))
    return Rating(score, _text(element, "severity"), _text(element, "method"), _text(element, "vector"))


def _fixed(element: _Element) -> str:
    versions = [
        _text(one, "version")
        for one in element.iterfind("{*}affects/{*}target/{*}versions/{*}version")
        if _text(one, "status") == "unaffected"
    ]
    for one in element.iterfind("{*}properties/{*}property"):
        if one.get("name") == "grype:fixed_versions":
            versions.append((one.text or "").strip())
    return ", ".join(dict.fromkeys(version for version in versions if version))


PLUGIN = CycloneDxXml()
