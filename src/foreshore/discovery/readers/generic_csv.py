"""CSV with documented columns, for what no other reader knows (docs/reference/generic.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _generic, _generic_columns
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Skipped


@dataclass(frozen=True)
class GenericCsv:
    """Reads any CSV that names what was found and where or how bad, by its column names."""

    version: int = 2
    priority: int = -100

    def sniff(self, head: bytes) -> bool:
        """Whether the first row of `head` has columns that make findings."""
        return any(_generic_columns.fits(line) for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, assets each once, and one finding for each row and asset."""
        table = csvrows.table(report)
        if not _generic_columns.enough(_generic_columns.columns(table.columns)):
            raise BadReport(
                "has no columns that make findings",
                where=report.name,
                hint="columns such as asset, cve, severity, title",
            )
        yield RunSeen(tool="generic csv")
        skipped: list[Skipped] = []
        unknown = [name for name in table.columns if name and not _generic_columns.columns([name])]
        if unknown:
            skipped.append(Skipped("columns", "not understood: " + ", ".join(unknown[:20])))
        reading = _generic.Reading(skipped.append)
        for line, row in table.rows:
            yield from reading.of(f"line {line}", row)
        yield from skipped


PLUGIN = GenericCsv()
