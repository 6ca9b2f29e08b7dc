"""From the words of a supposition to supposed facts, scope and policy: each word found in the cycle that is served."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from foreshore import keys
from foreshore.cycle import naming, supposed, supposed_policy
from foreshore.cycle.opened import Opened
from foreshore.cycle.supposed_added import with_exposures
from foreshore.cycle.supposed_reach import INTERNET, Way, with_ways
from foreshore.errors import BadPolicy, UsageError
from foreshore.policy import checks

if TYPE_CHECKING:
    from foreshore.cycle.scenarios import Suppose
    from foreshore.workspace import Workspace

_PORTS = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")
_ADDED = re.compile(r"(?P<weakness>[^@\s]+)@(?P<asset>.+?)(?::(?P<port>\d{1,5}))?")
_RIGHTS = (
    "admin_of", "runs_as", "trusts", "runs", "depends_on", "member_of", "controls", "logged_on",
)  # fmt: skip


@dataclass
class Meaning:
    """What the words of a supposition stand for in one cycle.

    `was` says in words what each is; `gone` what of it does not exist any more, with the reason; `notes` what a
    person should know.
    """

    fixed: set[int] = field(default_factory=set)
    added: list[tuple[str, int, int]] = field(default_factory=list)  # weakness, asset, port
    ways: list[Way] = field(default_factory=list)
    rights: list[tuple[str, int, int, str]] = field(default_factory=list)  # kind, source, target, note
    controls: list[tuple[str, tuple[int, ...], str]] = field(default_factory=list)  # kind, assets, state
    assets: set[int] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    numbers: dict[str, float] = field(default_factory=dict)
    was: dict[str, str] = field(default_factory=dict)
    gone: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def only_fixes(self) -> bool:
        """Is nothing supposed but that exposures are fixed?"""
        others = (self.added, self.ways, self.rights, self.controls, self.assets, self.sources, self.numbers)
        return not any(others)

    @property
    def anything(self) -> bool:
        """Is anything left that can be supposed?"""
        return bool(self.fixed) or not self.only_fixes


def meant(workspace: Workspace, opened: Opened, suppose: Suppose, *, strict: bool = True) -> Meaning:
    """Find what is supposed in the served cycle.

    `strict` raises UsageError, with near candidates, for the first word that names nothing; else such words are
    left out and listed in `gone`, as for a scenario of an earlier cycle.
    """
    found = Meaning()
    for kind, text in suppose.parts():
        try:
            _FINDERS[kind](_Where(workspace, opened, found), text)
        except UsageError as error:
            if strict:
                raise
            found.gone.append({"what": f"{kind.replace('_', '-')} {text}", "why": error.what})
    return found


def applied(opened: Opened, meaning: Meaning) -> supposed.Supposed:
    """Return the served cycle's snapshot as it would be."""
    found = supposed.supposed(opened.snapshot)
    for sensor in sorted(meaning.sources):
        found = supposed.without_source(found, sensor)
    for kind, source, target, note in meaning.rights:
        found = supposed.without_relations(found, kind, source, target, note)
    for control, assets, state in meaning.controls:
        found = supposed.with_control(found, control, assets, state)
    found = with_ways(found, meaning.ways)
    if meaning.added:
        found = with_exposures(found, meaning.added)
    if meaning.fixed:
        found = supposed.without_exposures(found, sorted(meaning.fixed))
    if meaning.assets:
        found = supposed.without_assets(found, sorted(meaning.assets))
    if meaning.numbers:
        found = replace(found, policy=supposed_policy.with_numbers(found.policy, meaning.numbers))
    return found


@dataclass(frozen=True)
class _Where:
    """Where words are looked up, and where what they mean is put."""

    workspace: Workspace
    opened: Opened
    into: Meaning

    def assets(self, text: str) -> tuple[int, ...]:
        """Keys of the assets that a word names; a zone stands for all that is in it."""
        one = naming.meant(self.workspace, self.opened, text)
        rows = one.assets
        if one.places:
            place_of = self.opened.found.compiled.reach.place_of
            rows = tuple(row for row, place in enumerate(place_of.tolist()) if place in one.places)
        if not rows:
            raise UsageError(
                f"“{text}” names no asset", hint="an asset's key or name, a zone, or a selector such as tag:pci"
            )
        if len(rows) > 1 and not one.places:
            self.into.notes.append(f"“{text}” names {len(rows):,} assets: all of them")
        return tuple(int(self.opened.asset_keys[row]) for row in rows)

    def name(self, asset: int) -> str:
        """The name of an asset."""
        import numpy as np

        return self.opened.asset_names[int(np.searchsorted(self.opened.asset_keys, asset))]


def _fix(at: _Where, text: str) -> None:
    from foreshore.query import lists

    if text.upper().startswith("ACT-"):
        low, high = keys.parse(text, "ACT")
        rows = lists.rows(
            at.workspace,
            f"select action, title from actions where action between {low} and {high} order by action limit 6",
        )
        if len(rows) != 1:
            names = "; ".join(f"{keys.show('ACT', one['action'])} {one['title']}" for one in rows[:5])
            what = f"several actions begin with {text}: {names}" if rows else f"no action has the key {text}"
            raise UsageError(what, hint="foreshore actions lists them")
        closed = lists.rows(at.workspace, f"select exposure from exposures where action = {int(rows[0]['action'])}")
        at.into.fixed |= {int(one["exposure"]) for one in closed}
        at.into.was[text] = str(rows[0]["title"])
        return
    one = naming.meant(at.workspace, at.opened, text)
    if not one.exposures:
        raise UsageError(f"“{text}” names no open exposure", hint="a key EXP-… or ACT-…, or a CVE that is open here")
    at.into.fixed |= {int(at.opened.exposure_keys[row]) for row in one.exposures}
    first = at.opened.found.context.exposures.slice(int(one.exposures[0]), 1).to_pylist()[0]
    more = f" and {len(one.exposures) - 1:,} more" if len(one.exposures) > 1 else ""
    at.into.was[text] = f"{first['weakness']} on {at.name(first['asset'])}{more}"


def _add(at: _Where, text: str) -> None:
    read = _ADDED.fullmatch(text)
    if read is None:
        raise UsageError(f"“{text}” is not WEAKNESS@ASSET", hint="--add CVE-2021-44228@web-1, or …@web-1:8443")
    port = int(read["port"] or 0)
    if port > 65535:
        raise UsageError(f"there is no port {port}", where=text)
    name = read["weakness"].upper() if read["weakness"][:4].upper() in ("CVE-", "GHSA") else read["weakness"]
    for asset in at.assets(read["asset"]):
        at.into.added.append((name, asset, port))
    known = at.opened.snapshot.sql(
        "select 1 from signals where weakness = wanted.name limit 1".replace(
            "wanted.name", "'" + name.replace("'", "''") + "'"
        )
    )
    if not known.num_rows:
        at.into.notes.append(f"nothing is known of {name}: it counts as one of its kind of which no feed speaks")


def _way(at: _Where, text: str, allowed: bool) -> None:
    ends = _ends(text)
    problems: list[UsageError] = []
    for source, target, ports in ends:
        try:
            at.into.ways.append(_one_way(at, text, source, target, ports, allowed))
            return
        except UsageError as error:
            problems.append(error)
    if problems:
        raise problems[0]
    raise UsageError(f"“{text}” is not FROM:TO or FROM:TO:PORTS", hint="--cut internet:dmz:443")


def _ends(text: str) -> list[tuple[str, str, str]]:
    """Return the ways to read FROM:TO[:PORTS], likeliest first; names may have colons of their own."""
    parts = text.split(":")
    found = []
    for ports in (parts[-1], ""):
        rest = parts[:-1] if ports else parts
        if ports and not _PORTS.fullmatch(ports.replace(" ", "")):
            continue
        for cut in range(1, len(rest)):
            source, target = ":".join(rest[:cut]).strip(), ":".join(rest[cut:]).strip()
            if source and target:
                found.append((source, target, ports.replace(" ", "")))
    return found


def _one_way(at: _Where, text: str, source: str, target: str, ports: str, allowed: bool) -> Way:
    reach = at.opened.found.compiled.reach
    place = _place(at, source)
    aim = naming.meant(at.workspace, at.opened, target)
    if aim.places and any(number == 0 for number in aim.places):
        raise UsageError("ways to the internet play no part: attackers come from there", where=text)
    whole = reach.places[aim.places[0]].name if aim.places else ""
    every = at.assets(target)
    if any(int(part) > 65535 for part in re.split("[,-]", ports) if part):
        raise UsageError("a port lies between 0 and 65535", where=text)
    _refuse_same_place(at, text, place, every)
    sites = dict(
        zip(at.opened.asset_keys.tolist(), at.opened.found.context.assets.column("site").to_pylist(), strict=True)
    )
    stated = dict(
        zip(at.opened.asset_keys.tolist(), at.opened.found.context.assets.column("internet").to_pylist(), strict=True)
    )
    by_site: dict[str, list[int]] = {}
    for asset in every:
        by_site.setdefault(sites[asset], []).append(asset)
    return Way(
        place, whole, {site: tuple(found) for site, found in by_site.items()}, ports, allowed,
        {asset: stated[asset] for asset in every} if place == INTERNET else {},
    )  # fmt: skip


def _place(at: _Where, text: str) -> str:
    """Return the place that traffic comes from; of an asset, the place that it stands in."""
    one = naming.meant(at.workspace, at.opened, text)
    reach = at.opened.found.compiled.reach
    if one.places:
        return reach.places[one.places[0]].name
    places = sorted({int(reach.place_of[row]) for row in one.assets})
    if len(places) != 1:
        raise UsageError(f"“{text}” is not one place to come from", hint="a zone, internet, or an asset")
    name = reach.places[places[0]].name
    at.into.notes.append(f"reach is known by zones: all of “{name}”, where {one.label} stands, counts as its source")
    return name


def _refuse_same_place(at: _Where, text: str, place: str, assets: tuple[int, ...]) -> None:
    import numpy as np

    reach = at.opened.found.compiled.reach
    rows = np.searchsorted(at.opened.asset_keys, np.array(assets, np.int64))
    if any(reach.places[int(reach.place_of[row])].name == place for row in rows):
        raise UsageError(
            f"what stands in “{place}” reaches each other there: rules speak of ways between zones", where=text,
            hint="give it a zone of its own in scope.yaml, and compare the cycles",
        )  # fmt: skip


def _remove_right(at: _Where, text: str) -> None:
    parts = text.split(":")
    ties = at.opened.found.context.ties.to_pylist()
    rights: set[tuple[str, int, int, str]] = set()
    between: set[str] = set()
    for first in range(1, len(parts) - 1):
        for second in range(first + 1, len(parts)):
            source, right, target = ":".join(parts[:first]), ":".join(parts[first:second]), ":".join(parts[second:])
            ends = _both(at, source, target)
            if ends is None:
                continue
            for tie in ties:
                if tie["source"] in ends[0] and tie["target"] in ends[1] and tie["kind"] in _RIGHTS:
                    note = tie.get("note") or ""
                    between.add(note or tie["kind"])
                    if right == "*" or right.lower() in (note.lower(), tie["kind"]):
                        rights.add((tie["kind"], tie["source"], tie["target"], note))
    if not rights:
        hint = (
            "between them are known: " + ", ".join(sorted(between)[:8])
            if between
            else "--remove-right SOURCE:RIGHT:TARGET"
        )
        raise UsageError(f"no right is known that “{text}” describes", hint=hint)
    at.into.rights += sorted(rights)


def _both(at: _Where, source: str, target: str) -> tuple[set[int], set[int]] | None:
    """Return the assets at both ends, None where either word names none."""
    ends = []
    for word in (source, target):
        try:
            one = naming.meant(at.workspace, at.opened, word)
        except UsageError:
            return None
        if not one.assets:
            return None
        ends.append({int(at.opened.asset_keys[row]) for row in one.assets})
    return ends[0], ends[1]


def _control(at: _Where, text: str, state: str) -> None:
    kind, sign, where = text.partition("@")
    known = (
        at.opened.snapshot.sql("select distinct lower(kind) as kind from controls order by 1")
        .column("kind")
        .to_pylist()
    )
    kind = kind.strip().lower()
    if state == "on" and not sign:
        raise UsageError(f"“{text}” does not say where", hint=f"--gain {kind}@web-1, or @ a zone or a selector")
    if kind not in known and state == "off":
        raise UsageError(f"no source speaks of a control “{kind}”", hint=_near(kind, known))
    assets = at.assets(where) if sign else _having(at, kind)
    if state == "on" and kind not in known:
        at.into.notes.append(f"no source speaks of a control “{kind}” as yet")
    at.into.controls.append((kind, assets, state))


def _having(at: _Where, kind: str) -> tuple[int, ...]:
    """Return the assets on which a control is on."""
    rows = at.opened.found.context.controls.to_pylist()
    return tuple(row["asset"] for row in rows if str(row["kind"]).lower() == kind and row["state"] == "on")


def _lose_asset(at: _Where, text: str) -> None:
    found = at.assets(text)
    at.into.assets |= set(found)
    at.into.was[text] = ", ".join(map(at.name, found[:3]))


def _lose_sensor(at: _Where, text: str) -> None:
    known = at.opened.snapshot.sql("select distinct source from runs order by 1").column("source").to_pylist()
    name = next((one for one in known if one.lower() == text.strip().lower()), None)
    if name is None:
        raise UsageError(f"there is no source “{text}”", hint=_near(text, known))
    at.into.sources.add(name)


def _set(at: _Where, text: str) -> None:
    name, sign, figure = (part.strip() for part in text.partition("="))
    try:
        value = float(figure)
    except ValueError:
        value = math.nan
    if not sign or not name or not math.isfinite(value):
        raise UsageError(f"“{text}” is not NAME=NUMBER", hint="--set movement.credentials.harvest_admin=0.2")
    rules = at.opened.snapshot.policy
    try:
        number = rules.number(name)
    except BadPolicy:
        raise UsageError(
            f"the policy has no number “{name}”", hint=_near(name, sorted(supposed_policy.names(rules)))
        ) from None
    least, most = checks.UNITS[number.unit]
    if not least <= value <= most:
        raise UsageError(f"{name} is a {number.unit}: it lies between {least:g} and {most:g}", where=text)
    at.into.numbers[name] = value
    at.into.was[text] = f"{name} was {number.value:g} ({number.low:g} to {number.high:g})"


_FINDERS: dict[str, Callable[[_Where, str], None]] = {
    "fix": _fix, "add": _add, "cut": lambda at, text: _way(at, text, False), "open": lambda at, text: _way(at, text, True),
    "remove_right": _remove_right, "lose": lambda at, text: _control(at, text, "off"),
    "gain": lambda at, text: _control(at, text, "on"), "lose_asset": _lose_asset, "lose_sensor": _lose_sensor, "set": _set,
}  # fmt: skip


def _near(text: str, known: list[str]) -> str:
    near = difflib.get_close_matches(text, known, 3, 0.5)
    return ", ".join(near or known[:8]) or "none is known"
