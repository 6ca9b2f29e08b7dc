"""The facts folded again from the evidence: the result has to equal what is there, or it is told where not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore import decisions
from foreshore.cycle.inputs import aliases
from foreshore.discovery.importing import Importer, Origin
from foreshore.discovery.reports import FileReport
from foreshore.errors import ForeshoreError, NothingToRead
from foreshore.store import evidence, open_lake
from foreshore.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

Say = Callable[[str], None]
# What is compared, told without anything that depends on when it was written.
_STATE = {
    "imports": "select run, digest, source, site, observed_at, coverage, findings, ports, relations from runs",
    "assets": "select asset, kind, site from assets",
    "which assets are one": "select asset, canonical from asset_now",
    "identifiers": "select distinct asset, kind, value, observed_at::DATE as day from identifiers",
    "exposures": """select e.exposure, coalesce(n.canonical, e.exposure) as canonical, e.asset, e.weakness, e.place_kind,
        e.place from exposures e left join exposure_now n using (exposure)""",
    "lives": """select e.exposure, e.happened_at, e.kind, e.source, e.run from exposure_events_now e
        anti join exposure_now n using (exposure)""",
    "seen": "select run, exposure, proof, word from seen",
    "findings": "select finding, asset, source, rule, severity, word from findings",
    "extents": "select run, extent, asset from listed",
    "ends": "select run, asset, reason, observed_at from ended",
    "relations": "select run, kind, source, target, ports, protocol, allowed, note from relations",
}  # fmt: skip
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Beside(Workspace):
    """The same workspace with its facts in a folder of their own, beside the real ones."""

    @property
    def facts_dir(self) -> Path:
        """Where the rebuilt lake lives."""
        return self.root / "tmp" / "rebuilt"


def rebuild(workspace: Workspace, *, on_note: Say = lambda _: None) -> dict[str, Any]:
    """Read all kept evidence again, in the order of the commits, and compare the result with the facts.

    Returns `equal`, `imports` (read again), `lost` (imports whose evidence is gone, or cannot be read any
    more) and `differences` (what, how many rows only here, how many only there). Nothing is changed.
    Raises NothingToRead where nothing was imported.
    """
    beside = Beside(**{one.name: getattr(workspace, one.name) for one in fields(workspace)})
    shutil.rmtree(beside.facts_dir, ignore_errors=True)
    with open_lake(workspace, read_only=True) as lake:
        runs = lake.sql("select * from runs order by known_at, job, observed_at, digest, run").to_pylist()
        renamed = lake.sql("select * from weakness_aliases")
        if not runs:
            raise NothingToRead("nothing was imported yet", hint="foreshore import reports/")
        try:
            lost = _read_again(workspace, beside, runs, renamed, aliases(lake), on_note)
            with open_lake(beside, read_only=True) as again:
                differences = list(_differences(lake, again))
        finally:
            shutil.rmtree(beside.facts_dir, ignore_errors=True)
    return {"equal": not differences and not lost, "imports": len(runs) - len(lost), "lost": lost,
            "differences": differences}  # fmt: skip


def _read_again(
    workspace: Workspace, beside: Beside, runs: list[dict[str, Any]], renamed: pa.Table, ids: dict[int, int], say: Say
) -> list[dict[str, str]]:
    lost: list[dict[str, str]] = []
    with open_lake(beside) as lake:
        if renamed.num_rows:
            lake.append({"weakness_aliases": renamed}, job="rebuild: names of weaknesses")
    done = 0
    for (moment, _job), group in groupby(runs, itemgetter("known_at", "job")):
        rows = list(group)
        lost += _commit(workspace, beside, rows, moment, ids)
        done += len(rows)
        say(f"{done:,} of {len(runs):,} imports read again")
    return lost


def _commit(
    workspace: Workspace, beside: Beside, rows: list[dict[str, Any]], moment: datetime, ids: dict[int, int]
) -> list[dict[str, str]]:
    """Read the imports of one commit again, with what people had said until then."""
    lost = []
    with decisions.open(workspace) as opened:
        reviews = opened.reviews(moment)
        claims = [one for one in opened.effective(moment, ids) if one.disposition == "claimed_fixed"]
    # Imports by one mapping need an importer of their own; a commit rarely has more than one kind.
    for mapping, group in groupby(rows, _mapping_of):
        with _mapping(workspace, mapping, rows) as path, Importer(
            beside, reviews=reviews, claims=claims, mapping=path
        ) as importer:  # fmt: skip
            for row in group:
                if row["reader"] == "records":
                    importer.review(row["digest"], row["observed_at"].replace(tzinfo=UTC))
                    continue
                try:
                    origin = Origin(_source(row), row["site"], row["vantage"], row["coverage_text"], _asset(row))
                    # A report without a date counts as seen when it was read.
                    now = moment if row["observed_text"] else row["observed_at"]
                    with _report(workspace, row) as report:
                        importer.read(report, origin, now=now.replace(tzinfo=UTC))
                except ForeshoreError as error:
                    lost.append({"file": row["file"], "why": error.sentence()})
            failed = importer.finish().errors
        lost += [{"file": one.file, "why": one.error} for one in failed]
    return lost


def _source(row: dict[str, Any]) -> str | None:
    """The source that a person gave at the import: the read key tells."""
    return row["read_key"].split("|")[3].replace("%7C", "|") or None


def _asset(row: dict[str, Any]) -> str:
    parts = row["read_key"].split("|")
    return parts[8].replace("%7C", "|") if len(parts) > 8 else ""


def _mapping_of(row: dict[str, Any]) -> str:
    parts = row["read_key"].split("|")
    return parts[7] if len(parts) > 7 else ""


@contextmanager
def _mapping(workspace: Workspace, digest: str, rows: list[dict[str, Any]]) -> Iterator[Path | None]:
    """Yield the mapping of that digest from the evidence, as a file of its old name; None where there is none."""
    if not digest:
        yield None
        return
    name = next(row["reader"].removeprefix("mapping ") for row in rows if _mapping_of(row) == digest)
    with tempfile.TemporaryDirectory(dir=workspace.temporary_dir) as folder:
        path = Path(folder) / f"{name}.toml"
        with evidence.open_evidence(workspace, digest) as stream:
            path.write_bytes(stream.read())
        yield path


@contextmanager
def _report(workspace: Workspace, row: dict[str, Any]) -> Iterator[FileReport]:
    """Yield the report of an import from the evidence, as a file of its old name."""
    with tempfile.NamedTemporaryFile(dir=workspace.temporary_dir) as file:
        with evidence.open_evidence(workspace, row["digest"]) as stream:
            shutil.copyfileobj(stream, file, _CHUNK)
        file.flush()
        yield FileReport(row["file"], Path(file.name))


def _differences(lake: Lake, again: Lake) -> Iterator[dict[str, Any]]:
    """What is in one and not in the other, by table."""
    for name, query in _STATE.items():
        there = again.sql(query)
        compared = lake.sql(
            f"""with here as ({query}) select
                (select count(*) from (from here except all from there)) as only_here,
                (select count(*) from (from there except all from here)) as only_rebuilt""",
            there=there,
        ).to_pylist()[0]
        if compared["only_here"] or compared["only_rebuilt"]:
            yield {"what": name, **compared}
