"""What all verbs share: the workspace option, output as text or JSON, and small formats for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace's folder (default: FORESHORE_WORKSPACE, or here)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def open_workspace(path: Path | None) -> Workspace:
    """Open the workspace that was named, or that of the environment, or the one we stand in."""
    from foreshore.workspace import Workspace

    return Workspace.open(path or Path(os.environ.get("FORESHORE_WORKSPACE", ".")))


def say(text: str) -> None:
    """Words for people, on stderr."""
    typer.echo(text, err=True)


def note(text: str) -> None:
    """Progress, only where a person watches."""
    if sys.stderr.isatty():
        typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """Write `value` as JSON; dates become ISO text with UTC's Z."""
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    sys.stdout.write(orjson.dumps(value, option=option, default=str).decode() + "\n")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print a plain table, as wide as the terminal; columns in `right` are numbers.

    Keys, numbers and words stay whole; where the width does not suffice, long texts wrap.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "160"))
    console = Console(width=width, highlight=False, soft_wrap=False)
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    cells = [[str(cell) for cell in row] for row in rows]
    for number, name in enumerate(head):
        longest = max([len(name), *(len(row[number]) for row in cells)])
        whole = longest <= _WHOLE
        shown.add_column(
            name, justify="right" if number in right else "left", overflow="fold", no_wrap=whole,
            min_width=longest if whole else min(longest, _LEAST), vertical="top",
        )  # fmt: skip
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)


_WHOLE, _LEAST = 21, 16  # a key has 19 letters


def percent(value: float | None) -> str:
    """Write a probability or share with two digits that mean something."""
    if value is None:
        return "–"
    if value <= 0:
        return "0 %"
    if value < 0.0005:
        return "< 0.05 %"
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"


def interval(low: float | None, high: float | None) -> str:
    """Write a range of probabilities or shares."""
    return f"{percent(low)} to {percent(high)}".replace(" % to", " to")


def day(value: datetime | date | None) -> str:
    """Write a day as ISO text."""
    return value.strftime("%Y-%m-%d") if value else ""


EXPLOITS = {
    "none_known": "none known", "poc": "proof of concept", "weaponized": "weaponised",
    "attacks": "used in attacks", "ransomware": "used by ransomware", "unknown": "unknown",
    "built_in": "none needed",
}  # fmt: skip
FUNNEL = {
    "findings": "findings read", "exposures": "open exposures", "in_scope": "in scope",
    "exploitable": "with a working exploit", "reachable": "and an attacker can get to them",
    "leads_to_critical": "and they lead to something critical",
}  # fmt: skip
