"""Indexes of public proof-of-concept code: which CVE has one, since when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from foreshore.intel.body import Body
from foreshore.intel.rows import Rows, Wanted, moment, wants
from foreshore.intel.tables import lines

_DATED = re.compile(r"n_ref\w*_asof_(\d{4}-\d{2}-\d{2})\Z")


@dataclass(frozen=True)
class PocIndex:
    """An index of proof-of-concept code by CVE, as CSV with columns `cve`, `first_seen` and counts.

    Where the index counts references to code (a column `n_ref_asof_DATE`), an entry without one is
    only mentioned somewhere and does not count, unless it came after the counting.
    """

    url: str = ""
    complete: tuple[str, ...] = ()
    grouped: bool = False

    def sniff(self, head: bytes) -> bool:
        """Say whether this is such an index."""
        return head.lstrip(b"\xef\xbb\xbf").startswith(b"cve,first_seen")

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield one `exploit_poc` for each CVE that has code."""
        rows = Rows("poc-index")
        for line in lines(body, ("cve", "first_seen")):
            when = moment(line["first_seen"])
            rows.date(when)
            if when and wants(line["cve"], wanted) and _has_code(line):
                rows.add(line["cve"], "exploit_poc", when, value=1)
        rows.mark("poc_index", history=True)
        yield rows.table()


def _has_code(line: dict[str, str]) -> bool:
    for name, count in line.items():
        counted = _DATED.match(name)
        if counted and line["first_seen"] <= counted[1]:
            return count not in ("", "0")
    return True


PLUGIN = PocIndex()
