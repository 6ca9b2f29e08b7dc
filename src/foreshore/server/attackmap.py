"""The attack map: the graph of the served cycle summed up into groups, so that a page can draw it.

Attackers enter on the left, services stand on the right, zones between them; a zone opens into its assets.
Whatever the graph's size, at most `MOST` things are sent. Who sees a part of the organisation gets groups of
their assets and services alone, and ways between these.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foreshore import keys
from foreshore.server import assets
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

if TYPE_CHECKING:
    from foreshore.cycle.opened import Opened

Ints = NDArray[np.int64]
MOST = 2_000  # nodes and edges together that are ever sent
MOST_GROUPS = 36  # zones that are drawn by themselves; the smaller ones stand together
MOST_OPEN = 120  # assets of an opened zone that are drawn by themselves
_KEPT = 24
_kept: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


class _Group(NamedTuple):
    """A node of the map: what it is, what it is called, what it holds."""

    id: str
    kind: str  # entry, zone, accounts, service, foundation, asset, others
    name: str
    assets: int = 0
    act_now: int = 0
    open: str = ""  # the zone that a click opens


def drawn(shelf: Shelf, access: Access, expand: str = "") -> dict[str, Any]:
    """Return `nodes` and `edges` of the map, with the zone called `expand` opened into its assets.

    A node has id, kind, name, assets, act_now, column (0 is left) and row; an edge source, target and steps (how
    many steps of the attack graph it stands for). `left_out` counts what was not sent.
    """
    from foreshore.cycle import opened

    graph = opened.current(shelf.workspace)
    key = (shelf.state, repr(access.parts.get("see")), access.may("names"), expand)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = _Summed(shelf, access, graph, expand).result()
    with _lock:
        _kept[key] = found
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found


class _Summed:
    """Puts each state of the graph into a group and counts the steps between groups."""

    def __init__(self, shelf: Shelf, access: Access, graph: Opened, expand: str) -> None:
        self.graph = graph
        self.expand = expand
        self.states = graph.found.compiled.states
        self.groups: list[_Group] = []
        self.of_state = np.full(self.states.total, -1, np.int64)
        of = assets.source(access)
        table = shelf.ask(f"select asset, name, act_now, open_exposures from {of.sql}", of.values)
        self.seen = {int(row["asset"]): row for row in table}
        numbers = np.fromiter(self.seen, np.int64, len(self.seen))
        self.mask = np.isin(graph.asset_keys, numbers)
        scope = access.services()
        self.services = {
            row["service"]: row for row in shelf.ask(f"select * from services where {scope.sql}", scope.values)
        }
        self.whole = access.everywhere()

    def add(self, group: _Group, states: Ints | Sequence[int]) -> None:
        """Add a group and put states into it."""
        self.of_state[np.asarray(states, np.int64)] = len(self.groups)
        self.groups.append(group)

    def result(self) -> dict[str, Any]:
        self._entries()
        left_out = self._zones()
        self._services()
        self._through()
        edges = self._edges()
        used = {end for one in edges for end in (one[0], one[1])}
        kept = [
            number for number, one in enumerate(self.groups) if number in used or one.kind not in ("accounts", "asset")
        ]
        return self._shown(kept, edges, left_out)

    def _entries(self) -> None:
        names, entered = self.graph.place_names, set(self.graph.found.model.entries.tolist())
        self.add(_Group("internet", "entry", "internet"), [int(self.states.place(0))])
        if self.states.opened in entered:
            self.add(_Group("people", "entry", "somebody opens a message"), [self.states.opened])
        for number in range(1, len(names)):
            if int(self.states.place(number)) in entered and self.whole:
                self.add(_Group(f"entry:{names[number]}", "entry", f"attackers in {names[number]}"), [])

    def _zones(self) -> int:
        """Make groups of zones, the largest by themselves, and open the one that was asked for."""
        place_of = np.asarray(self.graph.found.compiled.reach.place_of, np.int64)
        names, sizes = self.graph.place_names, np.bincount(place_of[self.mask], minlength=self.states.places)
        order = [int(one) for one in np.argsort(-sizes, kind="stable") if sizes[one] and one]
        wanted = names.index(self.expand) if self.expand in names else -1
        alone = sorted(set(order[:MOST_GROUPS]) | ({wanted} & set(order)))
        rest, left_out = [one for one in order if one not in alone], 0
        for place in alone:
            rows = np.flatnonzero(self.mask & (place_of == place))
            if place == wanted:
                left_out += self._opened(place, rows)
            else:
                self.add(
                    self._zone(f"zone:{names[place]}", names[place], rows, names[place]), self._held(rows, [place])
                )
        if rest:
            rows = np.flatnonzero(self.mask & np.isin(place_of, rest))
            self.add(self._zone("zones:others", f"{len(rest)} smaller zones", rows, ""), self._held(rows, rest))
        if self.whole:
            first = int(self.states.site_pool(0))
            for number, name in enumerate(self._sites()):
                if name:
                    self.add(
                        _Group(f"accounts:{name}", "accounts", f"accounts that work across {name}"), [first + number]
                    )
        return left_out

    def _sites(self) -> list[str]:
        places = self.graph.found.compiled.reach.places
        return sorted({one.site for one in places})

    def _zone(self, id: str, name: str, rows: Ints, opens: str) -> _Group:
        held = [self.seen[int(key)] for key in self.graph.asset_keys[rows]]
        return _Group(id, "zone", name, len(rows), sum(int(one["act_now"] or 0) for one in held), opens)

    def _held(self, rows: Ints, places: Sequence[int]) -> Ints:
        where = np.asarray(places, np.int64)
        return np.concatenate(
            [self.states.user(rows), self.states.admin(rows), self.states.place(where), self.states.pool(where)]
        )

    def _opened(self, place: int, rows: Ints) -> int:
        """Make a group of each of the first assets of a zone, and one of the others; return how many these are."""
        name = self.graph.place_names[place]
        held = [self.seen[int(key)] for key in self.graph.asset_keys[rows]]
        order = sorted(
            range(len(rows)), key=lambda at: (-int(held[at]["act_now"] or 0), -int(held[at]["open_exposures"] or 0), at)
        )
        alone, others = order[:MOST_OPEN], [int(rows[at]) for at in order[MOST_OPEN:]]
        self.add(_Group(f"zone:{name}", "zone", name, len(rows), sum(int(one["act_now"] or 0) for one in held)),
                 self._held(np.asarray(others, np.int64), [place]))  # fmt: skip
        for at in alone:
            row, key = held[at], keys.show("AST", int(self.graph.asset_keys[rows[at]]))
            states = [int(self.states.user(int(rows[at]))), int(self.states.admin(int(rows[at])))]
            self.add(_Group(key, "asset", row["name"] or key, 1, int(row["act_now"] or 0)), states)
        return len(others)

    def _services(self) -> None:
        for number, name in enumerate(self.graph.service_names):
            if name in self.services:
                kind = "foundation" if self.services[name]["foundation"] else "service"
                self.add(_Group(f"service:{name}", kind, name, int(self.services[name]["assets"] or 0)),
                         [int(self.states.harm(number))])  # fmt: skip

    def _through(self) -> None:
        """What is held together at a gate belongs to what it leads to."""
        columns = self.graph.found.compiled.steps.columns
        src, dst = (np.asarray(columns[name], np.int64) for name in ("src", "dst"))
        into = (src >= int(self.states.gate(0))) & (self.of_state[dst] >= 0)
        self.of_state[src[into]] = self.of_state[dst[into]]

    def _edges(self) -> list[tuple[int, int, int]]:
        columns, count = self.graph.found.compiled.steps.columns, len(self.groups)
        src, dst = (np.asarray(columns[name], np.int64) for name in ("src", "dst"))
        one, other = self.of_state[src], self.of_state[dst]
        good = (one >= 0) & (other >= 0) & (one != other)
        pairs = np.concatenate([one[good] * count + other[good], self._over_endpoints(src, dst)])
        pairs, steps = np.unique(pairs, return_counts=True)
        found = [(int(at // count), int(at % count), int(many)) for at, many in zip(pairs, steps, strict=True)]
        for number, group in enumerate(self.groups):  # attackers who begin inside stand before their zone
            if group.id.startswith("entry:"):
                inside = next((at for at, one in enumerate(self.groups) if one.id == f"zone:{group.id[6:]}"), None)
                found += [(number, inside, 1)] if inside is not None else []
        return found

    def _over_endpoints(self, src: Ints, dst: Ints) -> Ints:
        """Pairs of groups between which a port of somebody is reached: into the endpoint, then on from it."""
        count, first, last = len(self.groups), int(self.states.endpoint(0)), int(self.states.user(0))
        into = (dst >= first) & (dst < last) & (self.of_state[src] >= 0)
        from_ = (src >= first) & (src < last) & (self.of_state[dst] >= 0)
        comes = np.unique(dst[into] * count + self.of_state[src[into]])
        goes = np.unique(src[from_] * count + self.of_state[dst[from_]])
        begin = np.searchsorted(goes // count, comes // count, "left")
        many = np.searchsorted(goes // count, comes // count, "right") - begin
        at = np.repeat(begin - np.cumsum(many) + many, many) + np.arange(int(many.sum()))
        one, other = np.repeat(comes % count, many), goes[at] % count
        return np.asarray((one * count + other)[one != other], np.int64)

    def _shown(self, kept: list[int], edges: list[tuple[int, int, int]], left_out: int) -> dict[str, Any]:
        room = max(0, MOST - len(kept))
        chosen = sorted(edges, key=lambda one: -one[2])[:room]
        columns = _columns(self.groups, kept, chosen)
        rows: dict[int, int] = {}
        nodes = []
        for number in sorted(kept, key=lambda at: (columns[at], self.groups[at].kind, at)):
            group, column = self.groups[number], columns[number]
            nodes.append({**group._asdict(), "column": column, "row": rows.get(column, 0)})
            rows[column] = rows.get(column, 0) + 1
        sent = set(kept)
        shown = [
            {"source": self.groups[one].id, "target": self.groups[other].id, "steps": steps}
            for one, other, steps in chosen
            if one in sent and other in sent
        ]
        return {"cycle": keys.show("CYC", self.graph.cycle), "nodes": nodes, "edges": shown, "expanded": self.expand,
                "left_out": {"assets": left_out, "ways": len(edges) - len(chosen)}}  # fmt: skip


def _columns(groups: Sequence[_Group], kept: Sequence[int], edges: Sequence[tuple[int, int, int]]) -> dict[int, int]:
    """Return the column of each group: entries first, then by the fewest ways from these, services last."""
    ahead: dict[int, list[int]] = {}
    for one, other, _ in edges:
        ahead.setdefault(one, []).append(other)
    depth = {number: 0 for number in kept if groups[number].kind == "entry"}
    level = list(depth)
    while level:
        following = dict.fromkeys(other for one in level for other in ahead.get(one, ()) if other not in depth)
        depth.update(dict.fromkeys(following, depth[level[0]] + 1))
        level = list(following)
    middle = [number for number in kept if groups[number].kind not in ("entry", "service", "foundation")]
    deepest = max((depth.get(number, 1) for number in middle), default=1)
    last = {"foundation": deepest + 1, "service": deepest + 2}
    return {
        number: last.get(
            groups[number].kind, 0 if groups[number].kind == "entry" else max(1, depth.get(number, deepest))
        )
        for number in kept
    }


def listed(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the map as rows of a list: each group with what it leads to, the most steps first."""
    names = {one["id"]: one["name"] for one in found["nodes"]}
    ahead: dict[str, list[tuple[int, str]]] = {}
    for one in found["edges"]:
        ahead.setdefault(one["source"], []).append((one["steps"], names[one["target"]]))
    return [
        {**one, "leads": [name for _, name in sorted(ahead.get(one["id"], ()), reverse=True)[:12]]}
        for one in found["nodes"]
    ]
