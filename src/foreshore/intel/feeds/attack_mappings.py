"""Which ATT&CK techniques a CVE stands for: files of Mappings Explorer, and the older table of CVEs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.documents import parse as parse_json
from foreshore.intel.rows import Rows, Wanted, moment, wants
from foreshore.intel.tables import lines

_TABLE = ("CVE ID", "Primary Impact", "Secondary Impact", "Exploitation Technique", "Uncategorized")
_EXPORT = ("capability_id", "attack_object_id", "mapping_type")
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\Z")


@dataclass(frozen=True)
class AttackMappings:
    """Mappings Explorer: CVEs with the techniques that exploit them and what follows (Apache-2.0).

    Of files that map security controls nothing is taken: they speak of no weakness.
    """

    url: str = ""  # one file for each version: name the one that is used
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds mappings to ATT&CK."""
        first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
        if b"CVE ID" in first and b"Exploitation Technique" in first:
            return True
        exported = b"capability_id" in first and b"attack_object_id" in first and b"{" not in first
        return (
            exported or b'"mapping_framework"' in head or (b'"capability_id"' in head and b'"attack_object_id"' in head)
        )

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `technique` for each wanted CVE: the technique in `text`, the kind of mapping in `model`."""
        rows = Rows("attack-mappings")
        start = body.head[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
        if start.startswith(b"{"):
            _mappings(parse_json(body.read(), body.name), rows, wanted, body)
        else:
            rows.date(body.seen())
            for line in lines(body, _EXPORT if b"capability_id" in start.split(b"\n", 1)[0] else _TABLE[:1]):
                _line(line, rows, wanted, body.seen())
        rows.mark("attack_mappings")
        yield rows.table()


def _line(line: dict[str, str], rows: Rows, wanted: Wanted, when: datetime | None) -> None:
    if "capability_id" in line:
        _take(rows, line["capability_id"], line["attack_object_id"], line["mapping_type"], when, wanted)
        return
    for column in _TABLE[1:]:
        _take(rows, line["CVE ID"], line.get(column, ""), column.lower().replace(" ", "_"), when, wanted)


def _mappings(content: Any, rows: Rows, wanted: Wanted, body: Body) -> None:
    mappings = content.get("mapping_objects") if isinstance(content, dict) else None
    if not isinstance(mappings, list):
        raise BadFeed("it has no list of mappings", where=body.name, hint="a JSON file of Mappings Explorer")
    about = content.get("metadata")
    when = _day(about.get("last_update")) or _day(about.get("creation_date")) if isinstance(about, dict) else None
    rows.date(when or body.seen())
    for one in mappings:
        if isinstance(one, dict):
            cve, technique, role = (str(one.get(key) or "") for key in _EXPORT)
            _take(rows, cve, technique, role, when or body.seen(), wanted)


def _take(rows: Rows, cve: str, techniques: str, role: str, when: datetime | None, wanted: Wanted) -> None:
    name = cve.strip().upper()
    if wants(name, wanted):
        for technique in dict.fromkeys(_TECHNIQUE.findall(techniques)):
            rows.add(name, "technique", when, text=technique, model=role)


def _day(text: Any) -> datetime | None:
    """Return the day; Mappings Explorer writes month/day/year."""
    found = _AMERICAN.match(str(text or "").strip())
    return moment(f"{found[3]}-{found[1]:0>2}-{found[2]:0>2}") if found else moment(text)


PLUGIN = AttackMappings()
