"""Imports with what people claimed: a fix that was claimed is verified by the next look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from foreshore import decisions, facts
from foreshore.cycle import reviewing
from foreshore.cycle.inputs import aliases
from foreshore.discovery import importing
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.discovery.imported import ImportResult
    from foreshore.workspace import Workspace


def take(
    workspace: Workspace,
    paths: Sequence[Path],
    *,
    source: str | None = None,
    site: str = "main",
    vantage: str = "",
    coverage: str = "",
    on_note: Callable[[str], None] | None = None,
    mapping: Path | None = None,
    asset: str = "",
) -> ImportResult:
    """Import `paths` as `discovery.importing.import_paths`, and acknowledge the runs among the decisions."""
    result = importing.import_paths(
        workspace, paths, source=source, site=site, vantage=vantage, coverage=coverage, on_note=on_note,
        claims=claims(workspace), reviews=reviewing.reviews(workspace), mapping=mapping, asset=asset,
    )  # fmt: skip
    with decisions.open(workspace) as opened:
        for run in result.runs:
            if not run.duplicate:
                opened.acknowledge(f"import:{run.run}", "import", {"file": run.file})
    return result


def claims(workspace: Workspace) -> list[facts.Decision]:
    """Return the claims of fixes that are effective now."""
    if not decisions.exist(workspace):
        return []
    now = datetime.now(UTC)
    with decisions.open(workspace) as opened:
        if not any(one.disposition == "claimed_fixed" for one in opened.effective(now, {})):
            return []  # most imports: nobody needs to ask the facts where ids lead
        with open_lake(workspace, read_only=True) as lake:
            words = opened.effective(now, aliases(lake))
    return [one for one in words if one.disposition == "claimed_fixed"]
