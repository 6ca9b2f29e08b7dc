"""Collections of live sources, imported as they come; what the verb `collect` and the job of that name do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore.cycle import bringing, leave, scopes, taking
from foreshore.discovery import collecting
from foreshore.errors import ForeshoreError

if TYPE_CHECKING:
    from foreshore.discovery.collecting import Collected
    from foreshore.discovery.connectors._sources import Source
    from foreshore.workspace import Workspace

DECIDING = ("defectdojo",)  # connectors of products in which people decide
Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Say nothing."""


def collect(
    workspace: Workspace, names: Sequence[str] = (), *, decisions: bool = False, on_note: Say = _silent
) -> list[dict[str, Any]]:
    """Ask the sources of these names (all without one), import their answers, and return one result for each.

    An error of one source stands in its result and does not stop the others. Raises UsageError for a name
    that sources.toml does not have.
    """
    chosen = collecting.sources(workspace, names)
    return [one(workspace, source, decisions=decisions, note=on_note, say=on_note) for source in chosen]


def one(
    workspace: Workspace, source: Source, *, decisions: bool = False, note: Say = _silent, say: Say = _silent
) -> dict[str, Any]:
    """Collect and import one source; `note` gets the progress, `say` what a person has to know."""
    shown: dict[str, Any] = {"source": source.name, "connector": source.kind, "answers": 0, "resumed": 0,
                             "refused": [], "import": None, "error": None}  # fmt: skip
    try:
        with collecting.held(workspace, source):
            found = collecting.collect(workspace, source, on_note=note, leave=leave.of(workspace, source.kind))
            shown |= {"answers": found.answers, "resumed": found.resumed, "refused": msgspec.to_builtins(found.refused)}
            shown["import"] = _imported(workspace, found, say)
            if shown["import"]["errors"]:
                say(f"{source.name}: kept aside in {collecting.put_aside(workspace, source)}")
            else:
                if decisions and source.kind in DECIDING:
                    shown["decisions"] = _decided(workspace, found, say)
                collecting.clear(workspace, source)
                if found.resumed == found.answers:
                    say(f"{source.name}: this was the collection of {found.collected_at}; run again for the present")
    except ForeshoreError as error:
        shown["error"] = error.sentence()
        say(f"foreshore: {error.sentence()}")
    return shown


def _decided(workspace: Workspace, found: Collected, say: Say) -> dict[str, Any]:
    """Take over the words that people gave in the source."""
    told: dict[str, Any] = msgspec.to_builtins(bringing.bring(workspace, found))
    for each in told["left_out"]:
        say(f"not taken over: {each}")
    say(f"{found.source}: {told['taken']} decisions taken over, {told['known']} exposures had a word already")
    return told


def _imported(workspace: Workspace, found: Collected, say: Say) -> dict[str, Any]:
    """Import the reports of a collection, each under its source, and add up what that did."""
    site = scopes.site_of_import(workspace, found.site or None, found.vantage, say)
    total: dict[str, Any] = {}
    for path, source in found.reports:
        result = taking.take(
            workspace, [Path(path)], source=source or None, site=site, vantage=found.vantage, on_note=say
        )
        total = _sum(total, msgspec.to_builtins(result))
    return total


def _sum(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    if not left:
        return right
    counts = {name: {key: left[name][key] + right[name][key] for key in left[name]} for name in ("exposures", "assets")}
    lists = {name: [*left[name], *right[name]] for name in ("runs", "errors", "skipped")}
    return lists | counts
