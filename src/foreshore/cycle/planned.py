"""The plan that a cycle made, kept whole beside its serving file, so that the usual question is answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts
from foreshore.cycle import kept
from foreshore.store import serving
from foreshore.workspace import write_atomically

if TYPE_CHECKING:
    from foreshore.workspace import Workspace


class Kept(msgspec.Struct, frozen=True):
    """A plan as programs read it, but for dates in change windows; and what limits hours and sets those dates."""

    about: dict[str, str]
    teams: tuple[facts.Team, ...]
    weeks: float
    answer: dict[str, Any]


def write(
    workspace: Workspace, row: Mapping[str, Any], teams: tuple[facts.Team, ...], weeks: float, answer: dict[str, Any]
) -> None:
    """Keep the plan that the cycle of `row` made; where the disk refuses, it is computed again when asked for."""
    told = msgspec.json.encode(Kept(kept.about(row), teams, weeks, answer))
    with suppress(OSError):
        workspace.serving_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(serving.kept_file(workspace, int(row["cycle"]), "plan"), told)


def read(workspace: Workspace, row: Mapping[str, Any]) -> Kept | None:
    """Return the plan that the cycle of `row` made, None where no file fits."""
    try:
        text = serving.kept_file(workspace, int(row["cycle"]), "plan").read_bytes()
        found = msgspec.json.decode(text, type=Kept)
        for one in found.answer["actions"]:
            one["due"] = one["due"] and date.fromisoformat(one["due"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
    return found if found.about == kept.about(row) else None
