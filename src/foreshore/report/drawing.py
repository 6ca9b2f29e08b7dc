"""Geometry of the drawings: bars, intervals on a scale, and chains of a path, as numbers for SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foreshore.report import figures
from foreshore.report.chains import Node

LEAST = 0.35  # percent of a bar's width, so that one of a million can still be seen
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

NODE_WIDTH, NODE_HEIGHT, LINK_WIDTH, ROW_WIDTH = 190, 46, 70, 990
TALL_WIDTH, TALL_LINK = 340, 44


def funnel(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the funnel's steps with `yes` and `maybe`, widths in percent of the widest."""
    widest = max((step["count"] + step["unknown"] for step in steps), default=0) or 1
    return [
        {
            **step,
            "yes": _width(step["count"], widest),
            "maybe": _width(step["unknown"], widest),
            "fill": "routine" if step["step"] == "findings" else "yes",  # another unit than the rest
        }
        for step in steps
    ]


def _width(count: float, whole: float) -> float:
    return round(max(100 * count / whole, LEAST), 3) if count else 0.0


def stack(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts that are not empty with `x` and `width` in percent, together exactly 100."""
    shown = [part for part in parts if part["count"]]
    whole = sum(part["count"] for part in shown) or 1
    widths = [max(100 * part["count"] / whole, LEAST) for part in shown]
    scale = 100 / sum(widths) if widths else 1.0
    found, place = [], 0.0
    for part, width in zip(shown, widths, strict=True):
        found.append({**part, "x": round(place, 3), "width": round(width * scale, 3)})
        place += width * scale
    return found


def scale_end(services: Sequence[dict[str, Any]]) -> float:
    """Return the end of a common scale for chances: the first round number that holds all of them."""
    names = ("probability", "high", "worst_case")
    highest = max((one[name] or 0.0 for one in services for name in names), default=0.0)
    return next((tick for tick in TICKS if highest <= tick), 1.0)


def ticks(end: float) -> list[dict[str, Any]]:
    """Return the marks of a scale from 0 to `end`: `x` in percent, and the text."""
    return [{"x": 25 * step, "text": figures.percent(end * step / 4) if step else "0"} for step in range(5)]


def span(service: dict[str, Any], end: float) -> dict[str, float | None]:
    """Return where the parts of a service's interval lie, in percent of the scale; None is not drawn."""
    names = ("probability", "low", "high", "best_case", "worst_case")
    if not service["possible"]:
        return dict.fromkeys(names)
    return {name: None if service[name] is None else round(100 * min(service[name] / end, 1.0), 2) for name in names}


def chain(nodes: Sequence[Node]) -> dict[str, Any]:
    """Return a wide and a tall drawing of a path; each has `width`, `height`, `nodes` and `links`."""
    return {"wide": _wide(nodes), "tall": _tall(nodes)}


def _wide(nodes: Sequence[Node]) -> dict[str, Any]:
    per_row = max(1, (ROW_WIDTH + LINK_WIDTH) // (NODE_WIDTH + LINK_WIDTH))
    step, down = NODE_WIDTH + LINK_WIDTH, NODE_HEIGHT + 52
    placed, links = [], []
    for number, node in enumerate(nodes):
        row, column = divmod(number, per_row)
        x, y = 1 + column * step, 18 + row * down
        placed.append(_placed(node, x, y, NODE_WIDTH, 22))
        if not number:
            continue
        if column:
            points = f"M{x - LINK_WIDTH + 2} {y + NODE_HEIGHT / 2}H{x - 7}"
            text = {"x": x - LINK_WIDTH / 2 - 2, "y": y - 6, "anchor": "middle"}
        else:
            above = 1 + (per_row - 1) * step + NODE_WIDTH / 2
            points = f"M{above} {y - down + NODE_HEIGHT + 1}V{y - 24}H{x + NODE_WIDTH / 2}V{y - 7}"
            text = {"x": x + NODE_WIDTH / 2 + 10, "y": y - 10, "anchor": "start"}
        links.append({"d": points, "assumed": node.assumed, "text": figures.short(node.link_text, 30), **text})
    rows = -(-len(nodes) // per_row)
    columns = min(len(nodes), per_row)
    return {
        "width": columns * step - LINK_WIDTH + 2, "height": 18 + rows * down - 52 + 2,
        "nodes": placed, "links": links,
    }  # fmt: skip


def _tall(nodes: Sequence[Node]) -> dict[str, Any]:
    placed, links = [], []
    for number, node in enumerate(nodes):
        y = 1 + number * (NODE_HEIGHT + TALL_LINK)
        placed.append(_placed(node, 1, y, TALL_WIDTH - 2, 42))
        if number:
            links.append({
                "d": f"M24 {y - TALL_LINK + 1}V{y - 7}", "assumed": node.assumed,
                "text": figures.short(node.link_text, 46), "x": 36, "y": y - TALL_LINK / 2 + 4, "anchor": "start",
            })  # fmt: skip
    return {
        "width": TALL_WIDTH, "height": len(nodes) * (NODE_HEIGHT + TALL_LINK) - TALL_LINK + 2,
        "nodes": placed, "links": links,
    }  # fmt: skip


def _placed(node: Node, x: float, y: float, width: float, letters: int) -> dict[str, Any]:
    below = ", ".join([*([node.where] if node.where else []), *node.notes])
    return {
        "x": x, "y": y, "width": width, "height": NODE_HEIGHT, "kind": node.kind, "full": node.label,
        "text": figures.short(node.label, letters), "below": figures.short(below, letters + 6),
    }  # fmt: skip
