"""MITRE ATT&CK as STIX 2.x: a whole bundle, a TAXII answer, or a folder with one bundle for each object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.intel.body import Body
from foreshore.intel.documents import documents, items
from foreshore.intel.rows import Rows, Wanted, moment

_SOURCES = ("mitre-attack", "mitre-mobile-attack", "mitre-ics-attack")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?\Z")


@dataclass(frozen=True)
class Attack:
    """ATT&CK: what adversaries do, by name and tactic ((c) The MITRE Corporation, under its terms of use)."""

    url: str = "https://raw.githubusercontent.com/mitre-attack/attack-stix-data/master/enterprise-attack/enterprise-attack.json"
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds objects of ATT&CK."""
        listed = b'"objects"' in head or b'"bundle"' in head
        return (
            listed and (b'"mitre-' in head or b'"x_mitre_' in head or b'"x-mitre-' in head) and b'"x_capec_' not in head
        )

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield, whatever is wanted, `name` of techniques and tactics, and each technique's `tactic`.

        A `tactic` has the phase's short name in `text` and the tactic's number in `model`; what was
        revoked or deprecated is `rejected` and keeps its name.
        """
        rows = Rows("attack")
        objects = list(documents(body, inside=("objects",)))
        tactics: dict[str, str] = {}
        for one in objects:
            number, short = _number(one), one.get("x_mitre_shortname")
            if one.get("type") == "x-mitre-tactic" and number and isinstance(short, str):
                tactics.setdefault(short, number)
        for one in objects:
            _object(one, rows, tactics, body.seen())
        rows.mark("attack")
        yield rows.table()


def _number(one: dict[str, Any]) -> str:
    for reference in items(one.get("external_references")):
        if isinstance(reference, dict) and reference.get("source_name") in _SOURCES:
            return str(reference.get("external_id") or "")
    return ""


def _object(one: dict[str, Any], rows: Rows, tactics: dict[str, str], seen: datetime | None) -> None:
    when = moment(one.get("modified")) or seen
    if one.get("type") in ("attack-pattern", "x-mitre-tactic", "x-mitre-collection"):
        rows.date(when)
    number = _number(one)
    if not number or one.get("type") not in ("attack-pattern", "x-mitre-tactic"):
        return
    rows.add(number, "name", when, text=str(one.get("name") or ""))
    if one.get("revoked") is True or one.get("x_mitre_deprecated") is True:
        rows.add(number, "rejected", when, value=1)
    for phase in items(one.get("kill_chain_phases")):
        if isinstance(phase, dict) and phase.get("kill_chain_name") in _SOURCES:
            short = str(phase.get("phase_name") or "")
            rows.add(number, "tactic", when, text=short, model=tactics.get(short, ""))
    for reference in items(one.get("external_references")):
        if isinstance(reference, dict) and reference.get("source_name") == "capec" and _TECHNIQUE.match(number):
            rows.add(str(reference.get("external_id") or ""), "technique", when, text=number)


PLUGIN = Attack()
