"""The result as one HTML page that loads nothing: coverage against effort, differences, calibration, days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from foreshore.intel.backtest import sentences

if TYPE_CHECKING:
    import jinja2

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 430, 52, 46, 14, 128
FULL = 0.5  # of the list: beyond, every curve nears the corner
SHOWN = ("ours", "own model", "EPSS", "CVSS", "rank sum", "SSVC", "newest", "random")
_APART = 15  # pixels between two labels


def html(result: Mapping[str, Any]) -> str:
    """Return the page for a result of `cycle.backtesting.backtest`."""
    template = _environment().get_template("page.html.j2")
    return template.render(
        r=result, chart=chart(result["orders"], result["efforts"]), forest=forest(result),
        reliability=reliability(result["orders"]), s=sentences,
    )  # fmt: skip


def chart(orders: Sequence[Mapping[str, Any]], efforts: Sequence[float]) -> dict[str, Any]:
    """Return the curves as points of a drawing, with axes, marks at `efforts` and labels that do not overlap."""
    by_name = {one["name"]: one for one in orders}
    drawn = [by_name[name] for name in SHOWN if name in by_name]
    lines = []
    for one in drawn:
        points = [(point["effort"], point["coverage"]) for point in one["curve"] if point["effort"] <= FULL]
        lines.append({
            "name": one["name"], "kind": f"k{SHOWN.index(one['name'])}", "end": _y(points[-1][1]),
            "points": " ".join(f"{_x(effort):.1f},{_y(share):.1f}" for effort, share in points),
        })  # fmt: skip
    for line, place in zip(lines, _spread([line["end"] for line in lines]), strict=True):
        line["label"] = place
    ticks = [round(0.05 * number, 2) for number in range(int(FULL / 0.05) + 1)]
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM,
        "lines": lines,
        "x": [{"at": _x(one), "text": f"{100 * one:.0f} %"} for one in ticks if round(100 * one) % 10 == 0],
        "y": [{"at": _y(one / 5), "text": f"{20 * one} %"} for one in range(6)],
        "efforts": [{"at": _x(one), "text": f"{100 * one:g} %"} for one in efforts if one <= FULL],
    }  # fmt: skip


def _x(effort: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * effort / FULL


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share


def _spread(wanted: Sequence[float]) -> list[float]:
    """Return places near the wanted ones that are `_APART` from each other, within the drawing."""
    rising = sorted(range(len(wanted)), key=lambda number: wanted[number])
    places = [0.0] * len(wanted)
    least = float(TOP)
    for number in rising:
        places[number] = least = max(wanted[number], least)
        least += _APART
    most = float(HEIGHT - BOTTOM)
    for number in reversed(rising):
        places[number] = most = min(places[number], most)
        most -= _APART
    return places


def forest(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return our differences from the others with places in percent of a scale from -0.6 to 0.6."""
    kinds = [kind for kind in result["orders"][0]["measures"] if kind.startswith("recall_")] + ["auc"]
    found = []
    for one in result["differences"]:
        if one["order"] == result["ours"] and one["measure"] in kinds and one["value"] is not None:
            places = {
                name: None if one[name] is None else round(50 + 100 * max(-0.6, min(0.6, one[name])) / 1.2, 2)
                for name in ("value", "low", "high")
            }
            found.append({**one, "what": sentences.measure(one["measure"]), "places": places})
    return sorted(found, key=lambda one: (one["against"], kinds.index(one["measure"])))


def reliability(orders: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the orders that state a chance, with their groups."""
    return [one for one in orders if one["calibration"]]


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("foreshore.intel.backtest", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters["share"] = lambda value: "–" if value is None else f"{value:.2f}"
    found.filters["small"] = lambda value: "–" if value is None else f"{value:.2g}"
    found.filters["percent"] = lambda value: "–" if value is None else f"{100 * value:.1f} %"
    found.filters["count"] = lambda value: f"{value:,.0f}"
    return found
