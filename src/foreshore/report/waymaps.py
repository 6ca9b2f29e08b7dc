"""A picture of the few likeliest ways to a service, laid over each other: boxes in layers, arrows with words.

Layers go down from where attackers start to the service. A box that several ways share is drawn once, so
that the places where they meet can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foreshore.report import chains, figures
from foreshore.report.chains import Node

BOX, HIGH, GAP, DOWN = 216, 46, 24, 68  # a box's width and height, space beside and below it
BEND = 30  # width kept free where an arrow passes a layer between boxes
LETTERS, LINES = 20, 2  # of an arrow's words
MOST_BOXES = 18  # more are no picture any more: the last ways are left out


@dataclass
class _Box:
    node: Node | None  # None: an arrow only passes here
    layer: int = 0
    x: float = 0.0
    after: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)


@dataclass
class _Link:
    path: list[int]
    text: str
    assumed: bool


def picture(ways: Sequence[Iterable[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the drawing of `ways` (rows of the table `steps` of each): width, height, boxes, links, ways drawn.

    The numbers are for SVG; there are no more than MOST_BOXES boxes, at least the first way is drawn.
    """
    told = [chains.chain(list(way)) for way in ways]
    drawn = len(told)
    while drawn > 1 and len({_key(node) for way in told[:drawn] for node in way}) > MOST_BOXES:
        drawn -= 1
    boxes, links = _joined(told[:drawn])
    _layers(boxes)
    links = [_stretched(boxes, one) for one in links]
    rows = _ordered(boxes)
    width = max((sum(_wide(boxes[one]) for one in row) + GAP * (len(row) - 1) for row in rows), default=0)
    for row in rows:
        x = (width - sum(_wide(boxes[one]) for one in row) - GAP * (len(row) - 1)) / 2 + 1
        for one in row:
            boxes[one].x = x
            x += _wide(boxes[one]) + GAP
    height = len(rows) * (HIGH + DOWN) - DOWN + 2
    placed = [_placed(one) for one in boxes if one.node is not None]
    return {
        "width": round(width + 2), "height": round(height), "ways": drawn, "nodes": placed,
        "links": [_drawn(boxes, one) for one in links],
    }  # fmt: skip


def _key(node: Node) -> tuple[str, str]:
    return ("service" if node.kind == "service" else "", node.label)


def _joined(told: Sequence[Sequence[Node]]) -> tuple[list[_Box], list[_Link]]:
    """One box for each thing and one link for each pair of things, whichever ways they are on."""
    number: dict[tuple[str, str], int] = {}
    boxes: list[_Box] = []
    links: dict[tuple[int, int], _Link] = {}
    for way in told:
        last = -1
        for node in way:
            here = number.setdefault(_key(node), len(boxes))
            if here == len(boxes):
                boxes.append(_Box(node))
            if node.kind == "entry":
                last = here if last < 0 else last
                continue
            if last >= 0 and here != last and not _leads(boxes, here, last):
                link = links.setdefault((last, here), _Link([last, here], node.link_text, node.assumed))
                link.assumed = link.assumed and node.assumed
                if here not in boxes[last].after:
                    boxes[last].after.append(here)
                    boxes[here].before.append(last)
            last = here
    return boxes, list(links.values())


def _leads(boxes: Sequence[_Box], start: int, end: int) -> bool:
    """Is there a way of arrows from `start` to `end`? Then an arrow back would go in a circle."""
    todo, seen = [start], set()
    while todo:
        one = todo.pop()
        if one == end:
            return True
        if one not in seen:
            seen.add(one)
            todo += boxes[one].after
    return False


def _layers(boxes: Sequence[_Box]) -> None:
    """Put each box one layer below the lowest of those before it."""
    waiting = {number: len(box.before) for number, box in enumerate(boxes)}
    ready = [number for number, count in waiting.items() if not count]
    while ready:
        one = ready.pop()
        for after in boxes[one].after:
            boxes[after].layer = max(boxes[after].layer, boxes[one].layer + 1)
            waiting[after] -= 1
            if not waiting[after]:
                ready.append(after)


def _stretched(boxes: list[_Box], link: _Link) -> _Link:
    """Give an arrow that passes layers a place of its own in each."""
    start, end = link.path
    path = [start]
    for layer in range(boxes[start].layer + 1, boxes[end].layer):
        boxes.append(_Box(None, layer, before=[path[-1]]))
        boxes[path[-1]].after.append(len(boxes) - 1)
        path.append(len(boxes) - 1)
    if len(path) > 1:
        boxes[path[-1]].after.append(end)
        boxes[end].before.append(path[-1])
        boxes[start].after.remove(end)
        boxes[end].before.remove(start)
    return _Link([*path, end], link.text, link.assumed)


def _ordered(boxes: Sequence[_Box]) -> list[list[int]]:
    """Order each layer by the mean place of what comes before (down) and after (up), so that few arrows cross."""
    count = max((box.layer for box in boxes), default=-1) + 1
    rows = [[number for number, box in enumerate(boxes) if box.layer == layer] for layer in range(count)]
    for sweep in range(4):
        down = sweep % 2 == 0
        for row in rows[1:] if down else reversed(rows[:-1]):
            place = {one: at for line in rows for at, one in enumerate(line)}
            row.sort(key=lambda one: (_mean(boxes[one].before if down else boxes[one].after, place), place[one]))
    return rows


def _mean(neighbours: Sequence[int], place: Mapping[int, int]) -> float:
    return sum(place[one] for one in neighbours) / len(neighbours) if neighbours else 0.0


def _wide(box: _Box) -> int:
    return BOX if box.node is not None else BEND


def _top(box: _Box) -> float:
    return 1 + box.layer * (HIGH + DOWN)


def _placed(box: _Box) -> dict[str, Any]:
    node = box.node
    assert node is not None
    below = ", ".join([*([node.where] if node.where else []), *node.notes])
    return {
        "x": round(box.x, 1), "y": round(_top(box), 1), "width": BOX, "height": HIGH, "kind": node.kind,
        "full": node.label, "text": figures.short(node.label, 26), "below": figures.short(below, 32),
    }  # fmt: skip


def _drawn(boxes: Sequence[_Box], link: _Link) -> dict[str, Any]:
    """Return the curve of an arrow, and its words in the middle of its first stretch."""
    points = []
    for number in link.path:
        box = boxes[number]
        middle = box.x + _wide(box) / 2
        points += [(middle, _top(box)), (middle, _top(box) + HIGH)]
    points = points[1:-1]
    curve = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in zip(points[0::2], points[1::2], strict=True):
        end = y1 - 6 if (x1, y1) == points[-1] else y1
        half = (end - y0) / 2
        curve += f"C{x0:.1f} {y0 + half:.1f} {x1:.1f} {end - half:.1f} {x1:.1f} {end:.1f}"
        if (x1, y1) != points[-1]:
            curve += f"V{y1 + HIGH:.1f}"
    lines = _lines(link.text + (" (assumed)" if link.assumed else ""))
    x, y = _middle(boxes, link, points, 6 * (len(lines) - 1))
    return {"d": curve, "assumed": link.assumed, "x": round(x, 1), "y": round(y, 1), "lines": lines}


def _middle(
    boxes: Sequence[_Box], link: _Link, points: Sequence[tuple[float, float]], half: float
) -> tuple[float, float]:
    """Return where an arrow's words stand: at the end that it shares with fewer other arrows."""
    (x0, y0), (x1, y1) = (points[-2], points[-1]) if len(link.path) == 2 else (points[0], points[1])
    share = 0.5
    if len(boxes[link.path[0]].after) > 1 and len(link.path) == 2 and len(boxes[link.path[1]].before) == 1:
        share = 1.0
    elif len(boxes[link.path[0]].after) == 1 and len(boxes[link.path[-1]].before) > 1:
        share = 0.0
    lift = {0.0: -7.0, 0.5: 0.0, 1.0: 2.0}[share]
    return x0 + (x1 - x0) * share, (y0 + y1) / 2 + 3 - half + lift


def _lines(text: str) -> list[str]:
    """Break an arrow's words into at most LINES lines, at commas first."""
    parts = text.split(", ")
    lines = [""]
    for number, part in enumerate(parts):
        word = part + ("," if number + 1 < len(parts) else "")
        if lines[-1] and len(lines[-1]) + 1 + len(word) > LETTERS and len(lines) < LINES:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [figures.short(one, LETTERS + 8) for one in lines]


def label(service: str, ways: Sequence[Iterable[Mapping[str, Any]]]) -> str:
    """Return the picture in words, for those who do not see it."""
    told = [" → ".join(node.label for node in chains.chain(list(way))) for way in ways]
    return f"The likeliest ways to {service}. " + " ".join(f"{number}: {one}." for number, one in enumerate(told, 1))
