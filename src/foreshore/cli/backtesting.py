"""The verb that asks whether the ranking would have worked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from foreshore.cli.shared import JsonOption, WorkspaceOption, day, note, open_workspace, print_json, say, table
from foreshore.errors import UsageError

_SHOWN = ("auc", "average_precision", "effort_for_half", "log_loss")
_HEADS = {"auc": "ROC AUC", "average_precision": "PR-AUC", "effort_for_half": "effort for half", "log_loss": "log-loss"}


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(backtest)


def backtest(
    first: Annotated[str, typer.Option("--from", help="The first past day, such as 2024-07-01.")],
    last: Annotated[str, typer.Option("--to", help="The last past day.")],
    horizon: Annotated[
        int | None, typer.Option(help="Days after each day in which something must come true (policy: 90).")
    ] = None,
    every: Annotated[int | None, typer.Option(help="Days between the days that are ranked (policy: 30).")] = None,
    effort: Annotated[str, typer.Option(help="Percent of the list that is worked on (policy: 5,10,15).")] = "",
    capacity: Annotated[int, typer.Option(help="Weaknesses the team really works on in that time.")] = 0,
    placing: Annotated[str, typer.Option(help="rolling, snapshots (days with EPSS scores of all), or auto.")] = "auto",
    among: Annotated[
        str, typer.Option(help="Who is on the list: published (dated records), or scored (by EPSS).")
    ] = "published",
    records: Annotated[
        list[str] | None, typer.Option(help="Count only records of this source, such as cve (default: all).")
    ] = None,
    present: Annotated[bool, typer.Option("--present", help="Only weaknesses that reports had found by then.")] = False,
    learned: Annotated[
        bool, typer.Option("--learned", help="Count a fact only from the day on which this workspace read it.")
    ] = False,
    samples: Annotated[int | None, typer.Option(help="Samples drawn for the intervals (policy: 1000).")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with the curves to this file.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Rank past days with only what was known then, and compare the order with what came true.

    Our order is held against EPSS, CVSS, SSVC and others at the effort a team has, with intervals.

    Example: foreshore backtest --from 2024-07-01 --to 2025-08-31 --html backtest.html
    """  # fmt: skip
    from foreshore.cycle import backtesting

    found = backtesting.backtest(
        open_workspace(workspace), _date(first, "--from"), _date(last, "--to"), horizon=horizon, every=every,
        efforts=_efforts(effort), capacity=capacity, placing=placing, among=among, records=records or (),
        present=present, learned=learned, samples=samples, on_note=note,
    )  # fmt: skip
    if html is not None:
        _write_page(html, found)
    if json:
        print_json(found)
    else:
        _show(found)


def _date(text: str, flag: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{flag} is no day: {text[:40]}", hint="write it as 2024-07-01") from error


def _efforts(text: str) -> tuple[float, ...]:
    try:
        found = {float(one) / 100 for one in text.replace("%", "").split(",") if one.strip()}
    except ValueError as error:
        raise UsageError(f"--effort is no list of percentages: {text[:40]}", hint="--effort 5,10,15") from error
    return tuple(sorted(found))


def _write_page(path: Path, found: dict[str, Any]) -> None:
    from foreshore.intel.backtest import page

    try:
        path.write_text(page.html(found), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the page cannot be written: {error.strerror}", where=str(path)) from error
    say(f"written: {path}")


def _show(found: dict[str, Any]) -> None:
    for sentence in found["headline"]:
        typer.echo(sentence)
    typer.echo("")
    _show_days(found)
    typer.echo("")
    _show_orders(found)
    typer.echo("")
    _show_differences(found)
    typer.echo("")
    from foreshore.intel.backtest import sentences

    typer.echo("How late news was, in days:")
    for one in found["delays"]:
        typer.echo(f"  {sentences.delay(one)}")
    typer.echo("")
    for one in found["cautions"]:
        typer.echo(f"- {one}")


def _show_days(found: dict[str, Any]) -> None:
    typer.echo(f"Ranked {found['placed']}; what came true within {found['horizon_days']} days of each:")
    rows = [
        (day(one["day"]), f"{one['weaknesses']:,}", str(one["came_true"]), f"{sum(one['missed'].values()):,}",
         _epss(one))
        for one in found["days"]
    ]  # fmt: skip
    table(("as of", "on the list", "came true", "came true off it", "EPSS of"), rows, right=(1, 2, 3))


def _epss(one: dict[str, Any]) -> str:
    if one["epss_day"] is None:
        return "none"
    old = one["epss_age_days"]
    return f"{day(one['epss_day'])} ({one['epss_model']})" + (f", {old} days old" if old else "")


def _show_orders(found: dict[str, Any]) -> None:
    from foreshore.intel.backtest import sentences

    recalls = [kind for kind in found["orders"][0]["measures"] if kind.startswith("recall_")]
    kinds = [*recalls, *_SHOWN]
    level = f"{100 * found['interval']['level']:g}"
    typer.echo(f"Found in the first part of the list, and other measures, with {level} % intervals:")
    heads = [sentences.short(kind) for kind in recalls]
    rows = [
        (one["name"] + ("*" if one["seen_in_training"] else ""), *(_cell(one["measures"].get(kind), kind) for kind in kinds),
         f"{sum(one['unscored']):,}")
        for one in found["orders"]
    ]  # fmt: skip
    table(("order", *heads, *(_HEADS[kind] for kind in _SHOWN), "not scored"), rows, right=range(1, len(kinds) + 2))
    worst = [one["calibration"] for one in found["orders"] if one["calibration"]]
    for one in found["orders"]:
        if one["calibration"]:
            _show_calibration(one)
    if worst:
        typer.echo(f"Log-loss of stating the same share for all, in hindsight: {worst[0]['log_loss_of_base_rate']:.4f}")


def _show_calibration(one: dict[str, Any]) -> None:
    found = one["calibration"]
    typer.echo(
        f"{one['name']} stated {found['expected']:,.0f} to come true, {found['observed']:,} did "
        f"({_cell(found['expected_over_observed'], 'ratio')} times)"
    )


def _show_differences(found: dict[str, Any]) -> None:
    shown = [one for one in found["differences"] if one["order"] == found["ours"]]
    kinds = list(dict.fromkeys(one["measure"] for one in shown if not one["measure"].startswith("efficiency")))
    against = list(dict.fromkeys(one["against"] for one in shown))
    from foreshore.intel.backtest import sentences

    rows = [
        (sentences.measure(kind), *(_signed(next(
            (one for one in shown if one["measure"] == kind and one["against"] == other), None), kind)
            for other in against))
        for kind in kinds
    ]  # fmt: skip
    typer.echo("Our order minus another, on the same days and samples:")
    table(("measure", *(f"minus {other}" for other in against)), rows, right=range(1, len(against) + 1))


def _cell(one: dict[str, Any] | None, kind: str) -> str:
    if one is None or one["value"] is None:
        return "–"
    # A cell of at most 21 letters stays on one line.
    unit = " %" if kind == "effort_for_half" else ""
    if one["low"] is None or kind == "log_loss":
        return _number(one["value"], kind) + unit
    return f"{_number(one['value'], kind)}{unit} ({_number(one['low'], kind)}–{_number(one['high'], kind)})"


def _signed(one: dict[str, Any] | None, kind: str) -> str:
    if one is None or one["value"] is None:
        return "–"
    digits = ".4f" if kind in ("log_loss", "average_precision") else ".2f"
    texts = [f"{value:+{digits}}".replace("-", "−") for value in (one["value"], one["low"], one["high"])
             if value is not None]  # fmt: skip
    return texts[0] if len(texts) < 3 else f"{texts[0]} ({texts[1]} … {texts[2]})"


def _number(value: float, kind: str) -> str:
    if kind == "log_loss":
        return f"{value:.4f}"
    if kind == "average_precision":
        return f"{value:.3f}"
    return f"{100 * value:.1f}" if kind == "effort_for_half" else f"{value:.2f}"
