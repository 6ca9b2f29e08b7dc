"""What is this file? Reads without storing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts
from foreshore.discovery.reports import LIMITS, FileReport, Limits, reports
from foreshore.discovery.sniffing import Reader, pick
from foreshore.errors import BadReport

if TYPE_CHECKING:
    from foreshore.discovery.mapped import Mapped

MOST_SKIPPED = 1_000
SAMPLE = 6  # records that are shown of a file that is read by a mapping


class SkippedPart(msgspec.Struct, frozen=True):
    """One part of a report that was not taken."""

    where: str
    why: str


class Inspection(msgspec.Struct, frozen=True):
    """What was understood of one file; `msgspec.to_builtins` gives the fields of `inspect --json`."""

    file: str
    reader: str | None = None
    assets: int = 0
    ports: int = 0
    findings: int = 0
    relations: int = 0
    skipped: tuple[SkippedPart, ...] = ()
    error: str | None = None
    tool: str = ""
    version: str = ""
    observed_text: str = ""
    covered: int = 0  # assets that the report proves to have looked at completely
    sample: tuple[dict[str, Any], ...] | msgspec.UnsetType = msgspec.UNSET  # first records, with a mapping only


def inspect(
    paths: Iterable[str | Path],
    *,
    limits: Limits = LIMITS,
    among: Mapping[str, Reader] | None = None,
    mapping: str | Path | None = None,
) -> list[Inspection]:
    """Read every report under `paths` and return what was found, one entry a file, errors included.

    With the path of a `mapping` file all are read as it says, and `sample` holds the first records. Raises
    UsageError for a mapping that is wrong.
    """
    chosen = None
    if mapping is not None:
        from foreshore.discovery.mapping import load

        chosen = load(Path(mapping))
    return [
        Inspection(file=found.where, error=found.sentence())
        if isinstance(found, BadReport)
        else inspect_one(found, among, chosen)
        for found in reports(paths, limits)
    ]


def inspect_one(
    report: FileReport, among: Mapping[str, Reader] | None = None, mapped: Mapped | None = None
) -> Inspection:
    """Read one report to its end; a report that fails half-way counts as nothing but its error."""
    try:
        name, reader = (mapped.name, mapped) if mapped is not None else pick(report, among)
    except BadReport as error:
        return Inspection(file=report.name, error=error.sentence())
    counts: Counter[type] = Counter()
    assets: set[str] = set()
    skipped: list[SkippedPart] = []
    sample: list[dict[str, Any]] = []
    run = facts.RunSeen()
    try:
        for record in reader.read(report):
            counts[type(record)] += 1
            if mapped is not None and len(sample) < SAMPLE and not isinstance(record, (facts.RunSeen, facts.Skipped)):
                sample.append({"record": type(record).__name__, **msgspec.to_builtins(record)})
            if isinstance(record, facts.Sighting):
                assets.add(record.key)
            elif isinstance(record, facts.RunSeen):
                run = record
            elif isinstance(record, facts.Skipped) and counts[facts.Skipped] <= MOST_SKIPPED:
                skipped.append(SkippedPart(record.where, record.why))
    except BadReport as error:
        return Inspection(file=report.name, reader=name, error=error.sentence())
    if counts[facts.Skipped] > MOST_SKIPPED:
        skipped.append(SkippedPart("and more", f"{counts[facts.Skipped] - MOST_SKIPPED:,} others like these"))
    return Inspection(
        file=report.name,
        reader=name,
        assets=len(assets),
        ports=counts[facts.PortSeen],
        findings=counts[facts.Finding],
        relations=counts[facts.Relation],
        skipped=tuple(skipped),
        tool=run.tool,
        version=run.version,
        observed_text=run.observed_text,
        covered=counts[facts.Covered],
        sample=tuple(sample) if mapped is not None else msgspec.UNSET,
    )
