"""What the words of a question about paths stand for in the graph: states to start from or end in, and steps."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from foreshore import scratch
from foreshore.cycle.opened import Bools, Ints, Opened
from foreshore.errors import UsageError
from foreshore.query import compiling, selectors
from foreshore.query import things as words
from foreshore.query.fields import ASSETS
from foreshore.query.things import Thing

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.workspace import Workspace

MOST = 500  # assets that one word may name; of more, the first are taken, and it is said


@dataclass(frozen=True)
class Meant:
    """What one thing stands for: rows of what it names, a name for it, and what a person should know."""

    label: str
    places: tuple[int, ...] = ()
    people: bool = False
    services: tuple[int, ...] = ()
    assets: tuple[int, ...] = ()
    exposures: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()
    held: str = "admin"
    notes: list[str] = field(default_factory=list)


def meant(workspace: Workspace, opened: Opened, text: str) -> Meant:
    """Find what `text` names; raises UsageError where it names nothing, with what is near."""
    thing = words.thing(text)
    found = _FINDERS[thing.kind](workspace, opened, thing)
    if thing.kind in ("asset", "selector", "asset_query", "any") and len(found.assets) > MOST:
        note = f"“{text}” names {len(found.assets):,} assets; the first {MOST} by key are taken"
        return Meant(found.label, assets=found.assets[:MOST], held=thing.held or "admin", notes=[note])
    return found


def states_of(opened: Opened, one: Meant) -> Ints:
    """Return the states in which an attacker holds what was meant; any of them will do."""
    states = opened.found.compiled.states
    parts = [states.place(np.array(one.places, np.int64)), states.harm(np.array(one.services, np.int64))]
    rows = np.array(one.assets, np.int64)
    parts.append(states.user(rows) if one.held == "user" else states.admin(rows))
    if one.people:
        parts.append(np.array([states.opened], np.int64))
    return np.unique(np.concatenate(parts))


def steps_of(opened: Opened, one: Meant) -> Bools:
    """Return which steps touch what was meant: take it, leave it, use it, or are of its kind."""
    steps, states = opened.found.compiled.steps, opened.found.compiled.states
    touched = np.zeros(states.total, np.bool_)
    touched[states_of(opened, one)] = True
    rows = np.array(one.assets, np.int64)
    touched[states.user(rows)] = True
    touched[states.admin(rows)] = True
    if one.places:
        inside = np.flatnonzero(np.isin(opened.found.compiled.reach.place_of, one.places))
        touched[states.user(inside)] = touched[states.admin(inside)] = True
    columns = steps.columns
    found = touched[columns["src"]] | touched[columns["dst"]]
    guarded = columns["guard"] >= 0
    found[guarded] |= touched[columns["guard"][guarded]]
    found |= np.isin(columns["cause"], one.exposures)
    return np.asarray(found | np.isin(columns["rule"], one.rules), np.bool_)


def _place(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    return Meant("the internet", places=(0,)) if thing.kind == "internet" else Meant("people", people=True)


def _service(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    number = _named(thing.text, opened.service_names)
    if number is None:
        raise _unknown(thing, "service", opened.service_names)
    return Meant(opened.service_names[number], services=(number,))


def _zone(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    numbers = _all_named(thing.text, opened.place_names)
    if not numbers:
        raise _unknown(thing, "zone", opened.place_names[1:])
    return Meant(opened.place_names[numbers[0]], places=tuple(numbers))


def _asset(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    return _assets(opened, thing, _picked(opened, [f"id:{thing.text}"]))


def _selector(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    return _assets(opened, thing, _picked(opened, [thing.text]))


def _asset_query(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    now = datetime.now(UTC).replace(tzinfo=None)
    condition = compiling.where(thing.text, now=now, fields=ASSETS)
    return _assets(opened, thing, _matching(opened.assets, condition.sql, list(condition.parameters)))


def _any(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    """A bare word: a service, then a zone, then whatever asset has that name, at last a part of a service's name."""
    if not thing.held:
        number = _named(thing.text, opened.service_names)
        if number is not None:
            return Meant(opened.service_names[number], services=(number,))
        zones = _all_named(thing.text, opened.place_names)
        if zones:
            return Meant(opened.place_names[zones[0]], places=tuple(zones))
    keys = _called(opened, thing.text)
    if not len(keys) and thing.text.count("/") == 1:  # namespace/name, whatever kind of object it is
        keys = _called(opened, thing.text.replace("/", "/*/"))
    if len(keys):
        return _assets(opened, thing, keys)
    if not thing.held:
        near = [row for row, name in enumerate(opened.service_names) if thing.text.casefold() in name.casefold()]
        if len(near) == 1:
            return Meant(opened.service_names[near[0]], services=(near[0],))
    if thing.held:
        raise _unknown(thing, "asset", opened.asset_names)
    raise _unknown(thing, "service, zone or asset", [*opened.service_names, *opened.place_names, *opened.asset_names])


def _technique(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    wanted = thing.text.upper()
    rules = [n for n, one in enumerate(opened.techniques) if one == wanted or one.startswith(wanted + ".")]
    if not rules:
        raise _unknown(thing, "step of the technique", sorted({one for one in opened.techniques if one}))
    return Meant(wanted, rules=tuple(rules))


def _rule(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    number = _named(thing.text, list(opened.rule_names))
    if number is None:
        raise _unknown(thing, "step of the rule", sorted(opened.rule_names))
    return Meant(f"rule {opened.rule_names[number]}", rules=(number,))


def _weakness(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    names = opened.found.context.exposures.column("weakness").to_pylist()
    rows = tuple(row for row, name in enumerate(names) if name.casefold() == thing.text.casefold())
    if not rows:
        raise _unknown(thing, "open exposure of", sorted(set(names)))
    return Meant(thing.text, exposures=rows)


def _exposure(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    from foreshore.query import lists

    row = lists.find(workspace, [thing.text])[0]
    return Meant(thing.text, exposures=_rows_of(opened, [int(row["exposure"])]))


def _exposure_query(workspace: Workspace, opened: Opened, thing: Thing) -> Meant:
    from foreshore.query import lists

    rows = lists.exposure_rows(workspace, where=thing.text, dismissed=False)
    found = _rows_of(opened, [int(row["exposure"]) for row in rows])
    if not found:
        raise UsageError(f"no open exposure matches “{thing.text}”", hint="foreshore exposures --where …")
    return Meant(f"exposures with {thing.text}", exposures=found)


def _rows_of(opened: Opened, keys: list[int]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(np.isin(opened.exposure_keys, np.array(keys, np.int64))).tolist())


_FINDERS = {
    "internet": _place, "people": _place, "service": _service, "zone": _zone, "asset": _asset, "selector": _selector,
    "asset_query": _asset_query, "any": _any, "technique": _technique, "rule": _rule, "weakness": _weakness,
    "exposure": _exposure, "exposure_query": _exposure_query,
}  # fmt: skip


def _named(text: str, names: list[str]) -> int | None:
    return next((row for row, name in enumerate(names) if name.casefold() == text.casefold()), None)


def _all_named(text: str, names: list[str]) -> list[int]:
    return [row for row, name in enumerate(names) if name.casefold() == text.casefold()]


def _assets(opened: Opened, thing: Thing, keys: Ints) -> Meant:
    if not len(keys):
        raise _unknown(thing, "asset", opened.asset_names)
    rows = np.searchsorted(opened.asset_keys, np.sort(keys))
    first = opened.asset_names[int(rows[0])]
    label = first if len(rows) == 1 else f"{thing.text} ({len(rows):,} assets)"
    notes = [f"“{thing.said}” names {len(rows):,} assets: any of them"] if len(rows) > 1 else []
    return Meant(label, assets=tuple(rows.tolist()), held=thing.held or "admin", notes=notes)


def _picked(opened: Opened, chosen: list[str]) -> Ints:
    hits = selectors.matches(opened.found.context.assets, chosen)
    return np.asarray(hits.column("asset").to_numpy(), np.int64)


_CALLED = """
    exists (select 1 from unnest(list_append(identifiers, name)) as one(value)
        where lower(value) = lower(?) or (? and lower(value) like ? escape '\\')
            or (not contains(?, '.') and contains(value, '.') and not regexp_matches(value, '^[0-9.]+$')
                and (lower(split_part(value, '.', 1)) = lower(?)
                    or (? and lower(split_part(value, '.', 1)) like ? escape '\\'))))
"""


def _called(opened: Opened, text: str) -> Ints:
    """Return the assets that any source calls `text`; short names meet the first label of longer ones."""
    pattern, like = selectors.is_pattern(text), selectors.like(text)
    return _matching(opened.assets, _CALLED, [text, pattern, like, text, text, pattern, like])


def _matching(table: pa.Table, condition: str, values: list[object]) -> Ints:
    connection = scratch.connect()
    try:
        connection.register("here", table)
        found = connection.execute(f"select asset from here where {condition} order by asset", values).fetchnumpy()
    finally:
        connection.close()
    return np.asarray(found["asset"], np.int64)


def _unknown(thing: Thing, noun: str, names: list[str]) -> UsageError:
    folded = {name.casefold(): name for name in names if name}
    near = difflib.get_close_matches(thing.text.casefold(), list(folded), 3, 0.5)
    hint = ", ".join(folded[one] for one in near) or ", ".join(list(dict.fromkeys(names))[:6]) or "foreshore assets"
    return UsageError(f"there is no {noun} “{thing.text}”", hint=hint)
