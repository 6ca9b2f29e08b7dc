"""MITRE CAPEC as STIX 2.x: attack patterns with the weaknesses they use and the techniques they are."""

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

_TECHNIQUE = re.compile(r"T?(\d{4}(\.\d{3})?)\Z")
_GONE = ("deprecated", "obsolete")


@dataclass(frozen=True)
class Capec:
    """CAPEC: from a CWE over attack patterns to ATT&CK techniques ((c) The MITRE Corporation, under its terms of use)."""

    url: str = "https://raw.githubusercontent.com/mitre/cti/master/capec/2.1/stix-capec.json"
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds objects of CAPEC."""
        own = b'"x_capec_' in head or (b'"capec"' in head and b'"x_mitre_' not in head and b'"mitre-' not in head)
        return own and (b'"objects"' in head or b'"bundle"' in head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield, whatever is wanted, `name` and `cwe` of each pattern, `technique` of patterns and of CWEs.

        A CWE's `technique` has in `model` the pattern that leads there.
        """
        rows = Rows("capec")
        for one in documents(body, inside=("objects",)):
            if one.get("type") == "attack-pattern":
                _pattern(one, rows, body.seen())
        rows.mark("capec")
        yield rows.table()


def _pattern(one: dict[str, Any], rows: Rows, seen: datetime | None) -> None:
    named: dict[str, list[str]] = {"capec": [], "cwe": [], "ATTACK": []}
    for reference in items(one.get("external_references")):
        source = str(reference.get("source_name")) if isinstance(reference, dict) else ""
        if source in named:
            named[source].append(str(reference.get("external_id") or ""))
    if not named["capec"]:
        return
    number, when = named["capec"][0], moment(one.get("modified")) or seen
    rows.date(when)
    rows.add(number, "name", when, text=str(one.get("name") or ""))
    if str(one.get("x_capec_status") or "").lower() in _GONE:
        rows.add(number, "rejected", when, value=1)
        return
    classes = [cwe for cwe in dict.fromkeys(named["cwe"]) if cwe.startswith("CWE-")]
    if classes:
        rows.add(number, "cwe", when, text=",".join(cwe[4:] for cwe in classes))
    for technique in dict.fromkeys(named["ATTACK"]):
        found = _TECHNIQUE.match(technique)
        if found:
            rows.add(number, "technique", when, text=f"T{found[1]}")
            for cwe in classes:
                rows.add(cwe, "technique", when, text=f"T{found[1]}", model=number)


PLUGIN = Capec()
