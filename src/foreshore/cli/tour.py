"""The tour: a made-up company from its reports to the first fixes, and what happens in the days after.

`DIR/company` holds the reports, `DIR/workspace` what Foreshore made of them, `DIR/demo.json` what was
done. The same tour in the same folder again imports nothing, computes the same answers, and says so.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore.cli.shared import note
from foreshore.cli.tour_words import Voice
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.estate import DemoFiles, ReportFile
    from foreshore.workspace import Workspace

ASSETS = 400
DECLARED = frozenset({"nuclei", "defender"})  # they do not say what they covered: a person does, for round 2
Placed = tuple[Path, str, str, str]  # a report, its site, the zone of its scanner, declared coverage
_STATE = "demo.json"


@dataclass
class Tour:
    """One tour: where it is, whom it tells, and what it found so far."""

    folder: Path
    seed: int
    voice: Voice
    started: float = field(default_factory=time.monotonic)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def workspace_folder(self) -> Path:
        """Where the demo's workspace is."""
        return self.folder / "workspace"

    def seconds(self) -> float:
        """Seconds since the tour began."""
        return round(time.monotonic() - self.started, 1)


def run(folder: Path, seed: int, say: Callable[[str], None], *, quiet: bool = False) -> dict[str, Any]:
    """Make the company in `folder`, show a whole cycle over it, and return what was found.

    `say` takes lines for people; with `quiet` no tables are printed. Raises UsageError for a folder
    that holds something else.
    """
    tour = Tour(folder, seed, Voice(say, quiet))
    state = _state(tour)
    if state.get("finished"):
        return _again(tour, state)
    _clear(tour, state)
    return _first_time(tour)


def _state(tour: Tour) -> dict[str, Any]:
    """Return what an earlier tour wrote down; {} where there was none."""
    place = tour.folder / _STATE
    if not place.exists():
        if tour.folder.exists() and (not tour.folder.is_dir() or any(tour.folder.iterdir())):
            raise UsageError(
                "something else is there already", where=str(tour.folder), hint="foreshore demo another-folder"
            )
        return {}
    try:
        state = dict(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise UsageError("it is damaged", where=str(place), hint="foreshore demo another-folder") from None
    if state.get("seed") != tour.seed:
        raise UsageError(
            f"a company with seed {state.get('seed')} lives there", where=str(tour.folder),
            hint="foreshore demo another-folder --seed " + str(tour.seed),
        )  # fmt: skip
    return state


def _clear(tour: Tour, state: dict[str, Any]) -> None:
    """Remove what an interrupted tour left, so that this one begins at the beginning."""
    if state:
        tour.voice.say("An earlier demo was interrupted here: beginning again.")
        for name in ("company", "workspace"):
            shutil.rmtree(tour.folder / name, ignore_errors=True)


def _write_state(tour: Tour, **more: Any) -> None:
    from foreshore import __version__
    from foreshore.workspace import write_atomically

    content = {"foreshore": __version__, "seed": tour.seed, **more}
    write_atomically(tour.folder / _STATE, (json.dumps(content, indent=2, default=str) + "\n").encode())


def _first_time(tour: Tour) -> dict[str, Any]:
    from foreshore.cli import tour_points as points
    from foreshore.cli import tour_words as words
    from foreshore.estate import write_demo
    from foreshore.workspace import Workspace

    tour.folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    _write_state(tour, finished=False)
    files = write_demo(tour.folder / "company", tour.seed, today=today, assets=ASSETS)
    workspace = Workspace.create(tour.workspace_folder, seed=tour.seed)
    shutil.copyfile(files.scope, workspace.scope_file)
    tour.result = _frame(tour, files, today)
    words.opening(tour.voice, tour.result)
    note("reading the reports, then a first cycle: about half a minute")
    tour.result["imports"] = take(workspace, placed(files.reports), points.days_before(today, 4))
    tour.result["intel"] = points.intel(workspace, files.signals)
    tour.result["first"] = words.scanners_only(tour.voice, workspace, _cycle(workspace), tour.result["imports"])
    before = points.Picture.of(workspace, tour.result["first"]["cycle"])
    take(workspace, _rules(files), points.days_before(today, 4))
    after = points.Picture.of(workspace, _cycle(workspace))
    tour.result["firewall"] = words.sharper(tour.voice, before, after)
    tour.result["points"] = points.days_after(workspace, files, today, lambda: _cycle(workspace))
    words.days_after(tour.voice, tour.result["points"])
    _finish(tour, workspace, files)
    return tour.result


def _finish(tour: Tour, workspace: Workspace, files: DemoFiles) -> None:
    from foreshore.cli import tour_points as points
    from foreshore.cli import tour_words as words
    from foreshore.report import writing

    result = tour.result
    result["points"]["ticket"] = points.ticket(workspace, tour.folder / "ticket.md")
    result["points"]["accounted"] = points.accounted(workspace)
    result["report"] = str(writing.write(workspace, "html", tour.folder / "report.html"))
    result["try"] = points.commands(workspace, tour.workspace_folder)
    result["fingerprint"] = points.fingerprint(workspace)
    result["seconds"] = tour.seconds()
    words.closing(tour.voice, result)
    _write_state(
        tour, finished=True, as_of=points.served(workspace)["as_of"], fingerprint=result["fingerprint"],
        report=result["report"], ticket=result["points"]["ticket"]["file"],
        files=[(path.relative_to(tour.folder).as_posix(), *rest) for path, *rest in _all(files)],
    )  # fmt: skip


def _frame(tour: Tour, files: DemoFiles, today: date) -> dict[str, Any]:
    formats = sorted({report.format for report in files.reports})
    return {
        "changed": True, "folder": str(tour.folder), "workspace": str(tour.workspace_folder), "seed": tour.seed,
        "today": today.isoformat(),
        "company": {"assets": files.company.assets, "reports": len(files.reports), "formats": formats},
    }  # fmt: skip


def _cycle(workspace: Workspace, as_of: datetime | None = None) -> dict[str, Any]:
    from foreshore.cycle import running

    return running.run(workspace, as_of=as_of)


def take(workspace: Workspace, files: Sequence[Placed], came: datetime | None = None) -> dict[str, Any]:
    """Import files in one commit and return the sums; `came` dates those that have no date of their own."""
    from foreshore import decisions
    from foreshore.cycle import taking
    from foreshore.discovery.importing import Importer, Origin
    from foreshore.discovery.reports import reports
    from foreshore.errors import BadReport

    with Importer(workspace, claims=taking.claims(workspace), now=came) as importer:
        for path, site, vantage, coverage in files:
            for report in reports([path]):
                if isinstance(report, BadReport):
                    importer.fail(report.where, report)
                else:
                    importer.read(report, Origin(site=site, vantage=vantage, coverage=coverage))
        found = importer.finish()
    with decisions.open(workspace) as opened:
        for one in found.runs:
            opened.acknowledge(f"import:{one.run}", "import", {"file": one.file})
    return {
        "files": len(found.runs), "findings": sum(one.findings for one in found.runs),
        "duplicates": sum(one.duplicate for one in found.runs), "new": found.exposures.new,
        "fixed": found.exposures.fixed, "coverage": sorted({one.coverage for one in found.runs}),
        "errors": [one.error for one in found.errors],
    }  # fmt: skip


def placed(reports: Sequence[ReportFile], *, declared: bool = False) -> list[Placed]:
    """Return reports with site and zone of the scanner; with `declared`, a person vouches for some."""
    return [
        (one.path, one.site, one.from_zone, "complete" if declared and one.format in DECLARED else "")
        for one in reports
    ]


def _all(files: DemoFiles) -> list[Placed]:
    """Return every file that the tour imports."""
    filtered = placed([files.filtered] if files.filtered else [])
    return placed(files.reports) + filtered + placed(files.round2, declared=True) + _rules(files)


def _rules(files: DemoFiles) -> list[Placed]:
    return [(path, site, "", "") for site, path in files.firewall.items()]


def _again(tour: Tour, state: dict[str, Any]) -> dict[str, Any]:
    """Import everything again and run the cycle of the same moment again: nothing may change."""
    from foreshore.cli import tour_points as points
    from foreshore.cli import tour_words as words
    from foreshore.workspace import Workspace

    note("the same reports and the same cycle again: some seconds")
    workspace = Workspace.open(tour.workspace_folder)
    files = [(tour.folder / name, *rest) for name, *rest in state["files"]]
    imports = take(workspace, files)
    _cycle(workspace, as_of=datetime.fromisoformat(state["as_of"]))
    same = points.fingerprint(workspace) == state["fingerprint"]
    tour.result = {
        "changed": not same or imports["duplicates"] != imports["files"], "folder": str(tour.folder),
        "workspace": str(tour.workspace_folder), "seed": tour.seed,
        "imports": imports, "same_answers": same,
        "report": state["report"], "ticket": state["ticket"],
        "try": points.commands(workspace, tour.workspace_folder), "seconds": tour.seconds(),
    }  # fmt: skip
    words.nothing_new(tour.voice, tour.result)
    return tour.result
