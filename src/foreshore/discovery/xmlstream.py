"""XML as a stream of elements, from files that may be hostile: no entities, no network, flat memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, cast

from lxml import etree

from foreshore import facts
from foreshore.discovery.reports import KIB, MIB, decode_head, limits_of
from foreshore.errors import BadReport

LARGEST_PROLOG = MIB
_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
}


def looks_like(head: bytes, *roots: str) -> bool:
    """Is `head` the beginning of an XML document whose root element is one of `roots` (local names)?"""
    return root_of(head) in roots


def root_of(head: bytes) -> str:
    """The local name of the root element, '' where `head` is not XML or its prolog is longer than that."""
    text = decode_head(head).lstrip()
    if not text.startswith("<"):
        return ""
    place = 0
    while (place := text.find("<", place)) >= 0:
        if text.startswith("<?", place):
            place = text.find("?>", place)
        elif text.startswith("<!--", place):
            place = text.find("-->", place)
        elif text.startswith("<!", place):
            place = _after_doctype(text, place)
        else:
            return _name_at(text, place + 1)
        if place < 0:
            return ""
    return ""


def _after_doctype(text: str, place: int) -> int:
    end = text.find(">", place)
    inner = text.find("[", place)
    if 0 <= inner < end:
        closed = text.find("]", inner)
        return text.find(">", closed) if closed >= 0 else -1
    return end


def _name_at(text: str, place: int) -> str:
    end = place
    while end < len(text) and (text[end].isalnum() or text[end] in "_-.:"):
        end += 1
    return text[place:end].rpartition(":")[2]


def elements(
    report: facts.Report,
    tags: Collection[str],
    *,
    starts: Collection[str] = (),
    namespaces: bool = False,
    within: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, etree._Element]]:
    """Yield ("end", element) for each complete element named in `tags`, ("start", element) for `starts`.

    An element of `tags` is emptied once the caller asks for the next one, and so are its earlier
    siblings; do not name in `tags` an element inside another that is read as a whole, and do name the
    containers that repeat, so that memory stays flat. At a start only the attributes are there.
    `within` gives for a name the parent it must have, where a format uses one name for two things; an
    element elsewhere is left as it is. With `namespaces`, names match in any namespace.

    Raises BadReport, naming the line, for a DOCTYPE that declares entities, XML that is cut short or
    broken, and elements larger than the limit; what was yielded before is then not to be kept.
    """
    _refuse_entities(report)
    ends, begins = frozenset(tags), frozenset(starts)
    parents = within or {}
    with report.open() as stream:
        counted = _Counted(stream, report.name, limits_of(report).element)
        parser = _parser(counted, ends | begins, both=bool(begins), namespaces=namespaces)
        try:
            for event, element in parser:
                counted.since = 0
                name = _local(element) if namespaces else element.tag
                if event == "start":
                    if name in begins:
                        yield event, element
                elif name in ends:
                    if name in parents and not _stands_in(element, parents[name]):
                        continue
                    yield event, element
                    _forget(element)
                elif name in begins:
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise _broken(report.name, error) from error


def _parser(source: _Counted, names: frozenset[str], *, both: bool, namespaces: bool) -> Any:
    # Texts above ten megabytes are wanted (screenshots in Nessus reports), hence huge_tree; what it
    # switches off, the limits on entities and size, is done by us.
    return etree.iterparse(
        source,
        events=("start", "end") if both else ("end",),
        tag=sorted(f"{{*}}{name}" if namespaces else name for name in names),
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        **_SAFE,
    )


def _stands_in(element: etree._Element, parent: str) -> bool:
    above = element.getparent()
    return above is not None and _local(above) == parent


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _forget(element: etree._Element) -> None:
    """Empty an element that was read and drop its earlier siblings, so that memory stays flat."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while parent[0] is not element:
            del parent[0]


class _Counted:
    """A stream that refuses to go on when too much is read without an element of interest."""

    def __init__(self, stream: BinaryIO, name: str, most: int) -> None:
        self.since = 0
        self._stream = stream
        self._name = name
        self._most = most

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.since += len(chunk)
        if self.since > self._most:
            raise BadReport(
                f"holds an XML element larger than {self._most:,} bytes",
                where=self._name,
                hint="export the report in parts",
            )
        return chunk


def _refuse_entities(report: facts.Report) -> None:
    """Parse up to the root element with all of the library's own guards on, and look at the DOCTYPE."""
    parser = etree.XMLPullParser(events=("start",), huge_tree=False, **_SAFE)
    read = 0
    try:
        with report.open() as stream:
            while read < LARGEST_PROLOG and (chunk := stream.read(64 * KIB)):
                read += len(chunk)
                parser.feed(chunk)
                for event in parser.read_events():
                    document = cast(etree._Element, event[1]).getroottree().docinfo.internalDTD
                    if document is not None and any(True for _ in cast(Any, document).iterentities()):
                        raise _entities(report.name)
                    return
            if read < LARGEST_PROLOG:
                parser.close()
    except etree.XMLSyntaxError as error:
        raise _broken(report.name, error) from error
    raise BadReport("has no root element", where=report.name, hint="export the report again")


def _entities(name: str) -> BadReport:
    return BadReport(
        "declares XML entities, which reports do not need and attacks do",
        where=name,
        hint="check where the file came from; export it again from the tool",
    )


def _broken(name: str, error: etree.XMLSyntaxError) -> BadReport:
    line = error.lineno or 0
    said = " ".join((error.msg or "no content").split())
    return BadReport(
        f"the XML is broken or cut short ({said})",
        where=f"{name}, line {line}" if line else name,
        hint="export or copy the report again; nothing of it was kept",
    )


def text_of(element: etree._Element, name: str) -> str:
    """The text of the child `name`, stripped; '' where there is none."""
    return (element.findtext(name) or "").strip()


def misplaced(report: facts.Report, element: etree._Element, parent: str) -> BadReport:
    """The error of an element that stands outside the one that it belongs to."""
    return BadReport(
        f"holds a {element.tag} outside of a {parent}",
        where=f"{report.name}, line {element.sourceline}",
        hint="export the report again",
    )
