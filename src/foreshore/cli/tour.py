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

from foreshore.cli.tour_words import Voice
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.estate import DemoFiles, ReportFile
    from foreshore.workspace import Workspace

ASSETS = 400
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
            raise UsageError("something else is there already", where=str(tour.folder), hint="foreshore demo another-folder")
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
    tour.result["imports"] = take(workspace, files.reports)
    tour.result["intel"] = points.intel(workspace, files.signals)
    tour.result["first"] = words.scanners_only(tour.voice, workspace, _cycle(workspace), tour.result["imports"])
    before = points.Picture.of(workspace, tour.result["first"]["cycle"])
    for site, path in files.firewall.items():
        _take(workspace, [path], site, "")
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
        groups=[
            {"site": site, "vantage": vantage, "files": [path.relative_to(tour.folder).as_posix() for path in paths]}
            for (site, vantage), paths in _groups(_all(files)).items()
        ],
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


def take(workspace: Workspace, reports: Sequence[ReportFile]) -> dict[str, Any]:
    """Import reports, those of one site and one place of the scanner together; return the sums."""
    total: dict[str, Any] = {"files": 0, "findings": 0, "duplicates": 0, "new": 0, "fixed": 0, "errors": []}
    for (site, vantage), paths in _groups([(one.path, one.site, one.from_zone) for one in reports]).items():
        found = _take(workspace, paths, site, vantage)
        for name, value in found.items():
            total[name] += value
    return total


def _take(workspace: Workspace, paths: Sequence[Path], site: str, vantage: str) -> dict[str, Any]:
    from foreshore.cycle import taking

    found = taking.take(workspace, paths, site=site, vantage=vantage)
    return {
        "files": len(found.runs), "findings": sum(one.findings for one in found.runs),
        "duplicates": sum(one.duplicate for one in found.runs), "new": found.exposures.new,
        "fixed": found.exposures.fixed, "errors": [one.error for one in found.errors],
    }  # fmt: skip


def _groups(files: Sequence[tuple[Path, str, str]]) -> dict[tuple[str, str], list[Path]]:
    grouped: dict[tuple[str, str], list[Path]] = {}
    for path, site, vantage in files:
        grouped.setdefault((site, vantage), []).append(path)
    return grouped


def _all(files: DemoFiles) -> list[tuple[Path, str, str]]:
    """Return every file that the tour imports, with site and place of the scanner."""
    later = [one for one in (files.filtered, *files.round2) if one is not None]
    found = [(one.path, one.site, one.from_zone) for one in (*files.reports, *later)]
    return found + [(path, site, "") for site, path in files.firewall.items()]


def _again(tour: Tour, state: dict[str, Any]) -> dict[str, Any]:
    """Import everything again and run the cycle of the same moment again: nothing may change."""
    from foreshore.cli import tour_points as points
    from foreshore.cli import tour_words as words
    from foreshore.workspace import Workspace

    workspace = Workspace.open(tour.workspace_folder)
    files = duplicates = 0
    for group in state["groups"]:
        paths = [tour.folder / name for name in group["files"]]
        found = _take(workspace, paths, group["site"], group["vantage"])
        files += found["files"]
        duplicates += found["duplicates"]
    _cycle(workspace, as_of=datetime.fromisoformat(state["as_of"]))
    same = points.fingerprint(workspace) == state["fingerprint"]
    tour.result = {
        "changed": not same or duplicates != files, "folder": str(tour.folder),
        "workspace": str(tour.workspace_folder), "seed": tour.seed,
        "imports": {"files": files, "duplicates": duplicates}, "same_answers": same,
        "report": state["report"], "ticket": state["ticket"],
        "try": points.commands(workspace, tour.workspace_folder), "seconds": tour.seconds(),
    }  # fmt: skip
    words.nothing_new(tour.voice, tour.result)
    return tour.result
