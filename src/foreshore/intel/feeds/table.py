"""A plain table of signals as CSV: for what a team knows itself, and for the demo's own facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.rows import SCHEMA, Rows, Wanted, is_public, moment
from foreshore.intel.tables import lines

KINDS = (
    "cvss",
    "epss",
    "kev",
    "ransomware",
    "exploit_poc",
    "exploit_weaponized",
    "ssvc_exploitation",
    "ssvc_automatable",
    "ssvc_impact",
    "cwe",
    "published",
    "rejected",
    "description",
    "exploited",
    "technique",
    "tactic",
    "name",
    "affected",
    "fixed_in",
    "not_affected",
    "end_of_life",
    "own_model",
    "product",
    "reference",
    "alias",
)
_HEADING = ",".join(SCHEMA.names).encode()


@dataclass(frozen=True)
class Table:
    """Signals as rows: weakness, kind, value, text, source, model, observed_at (ISO date or time, UTC).

    Kinds are those of the table `signals`. A row with weakness `*` and kind `feed:NAME` says that NAME
    was read up to that date, so that what it does not list is a "no" and not unknown.
    """

    url: str = ""
    complete: tuple[str, ...] = ()
    grouped: bool = False

    def sniff(self, head: bytes) -> bool:
        """Say whether the first line is this table's heading."""
        return head.removeprefix(b"\xef\xbb\xbf").startswith(_HEADING)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the rows; raises BadFeed, with the line, for an unknown kind, a bad number or date."""
        rows = Rows("table")
        for number, line in enumerate(lines(body, tuple(SCHEMA.names)), start=2):
            _line(line, rows, wanted, f"{body.name}:{number}")
        rows.mark("table")
        yield rows.table()


def _line(line: dict[str, str], rows: Rows, wanted: Wanted, where: str) -> None:
    weakness, kind, when = line["weakness"], line["kind"], moment(line["observed_at"])
    if when is None:
        raise BadFeed(f"“{line['observed_at'][:40]}” is not a date", where=where, hint="2025-08-17")
    if kind not in KINDS and not (weakness == "*" and kind.startswith("feed:")):
        raise BadFeed(f"“{kind[:40]}” is not a kind of signal", where=where, hint=", ".join(KINDS))
    try:
        value = float(line["value"]) if line["value"] else None
    except ValueError as error:
        raise BadFeed(f"“{line['value'][:40]}” is not a number", where=where) from error
    if kind == "epss" and not (value is not None and 0 <= value <= 1):
        raise BadFeed("an EPSS score lies between 0 and 1", where=where)
    rows.date(when)
    # A team may speak of names that are not public; they are few, and kept whether present or not.
    if wanted is None or weakness in wanted or not is_public(weakness):
        rows.add(weakness, kind, when, value=value, text=line["text"], model=line["model"], source=line["source"])


PLUGIN = Table()
