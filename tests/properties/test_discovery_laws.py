"""The laws of discovery: what is known does not depend on the order, number or grouping of arrivals.

The reference below is written plainly, from the definitions, over all runs at once; the engine takes
the same runs one commit after another. Both must tell the same assets, exposures and lives.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from statistics import median
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from foreshore import facts, keys, policy
from foreshore.discovery import identity, life, place, settling, weakness
from foreshore.discovery.importing import Origin
from foreshore.facts import Covered, Ended, Finding, Listed, Record, RunSeen, Sighting

START = datetime(2026, 1, 1, tzinfo=UTC)
RANK = {"unknown": 0, "banner": 1, "version": 2, "package": 3, "configuration": 4, "probe": 5, "confirmed": 6}
WINDOWS = settling.from_policy(policy.load()).windows
DAYS = {"short": WINDOWS.name, "hostname": WINDOWS.name, "netbios": WINDOWS.name, "ip": WINDOWS.address}
Run = tuple[str, list[Record], Origin]


# -- the reference: identity -----------------------------------------------------------------------


class Atom(NamedTuple):
    """A node of the reference: order, then what it holds."""

    anchor: str
    first: date
    number: int
    site: str
    sightings: frozenset[tuple[str, str]]
    held: frozenset[tuple[str, str, date]]


def sessions(days: Sequence[tuple[date, Any]], window: int | None) -> list[list[Any]]:
    found: list[list[Any]] = []
    last: date | None = None
    for day, what in sorted(days, key=lambda one: one[0]):
        if last is None or (window is not None and (day - last).days > window):
            found.append([])
        found[-1].append(what)
        last = day
    return found


def atoms_of(runs: Sequence[Run]) -> list[Atom]:
    by_anchor: dict[str, list[tuple[date, tuple[str, str, str, Any, date]]]] = defaultdict(list)
    for name, records, origin in runs:
        at = next(one.observed_at for one in records if isinstance(one, RunSeen))
        assert at is not None
        for one in records:
            if isinstance(one, Sighting):
                held = identity.cleaned(one)
                text, basis = identity.anchor(origin.site, one.kind, one.name, held)
                letter = {"strong": "x", "name": "n", "short": "s", "ip": "i"}[basis]
                row = (name, one.name, origin.site, held, at.date())
                by_anchor[f"{letter}{keys.of(text):016x}"].append((at.date(), row))
    found: list[Atom] = []
    for anchor in sorted(by_anchor):
        window = {"s": DAYS["short"], "i": DAYS["ip"]}.get(anchor[0])
        for rows in sessions(by_anchor[anchor], window):
            found.append(
                Atom(
                    anchor, min(row[4] for row in rows), len(found), rows[0][2],
                    frozenset((row[0], row[1]) for row in rows),
                    frozenset((kind, value, row[4]) for row in rows for kind, value in row[3]),
                )
            )  # fmt: skip
    return found


def shared(atoms: list[Atom]) -> list[tuple[str, list[Atom]]]:
    """(kind, atoms that share a value), in the total order."""
    held: dict[tuple[int, str, str, str], list[tuple[date, Atom]]] = defaultdict(list)
    for atom in atoms:
        for kind, value, day in atom.held:
            site = atom.site if kind in facts.WEAK else ""
            held[identity.ORDER[kind], kind, value, site].append((day, atom))
    found = []
    for key in sorted(held, key=lambda one: (one[0], one[2], one[3])):
        for group in sessions(held[key], DAYS.get(key[1])):
            found.append((key[1], sorted(set(group), key=lambda one: (one.anchor, one.first))))
    return found


def _contradict(kind: str, left: set[Atom], right: set[Atom]) -> bool:
    def values(part: set[Atom], wanted: str) -> set[str]:
        return {value for atom in part for one, value, _day in atom.held if identity.family_of(one, value) == wanted}

    def names(part: set[Atom]) -> set[str]:
        every = {(one, value) for atom in part for one, value, _day in atom.held}
        return {v.split(".")[0][:15] for one, v in every if one in ("fqdn", "hostname", "netbios")}

    held = {(one, value) for part in (left, right) for atom in part for one, value, _day in atom.held}
    for single in {identity.family_of(one, value) for one, value in held if one in facts.SINGLE_VALUED}:
        mine, other = values(left, single), values(right, single)
        if mine and other and not (mine <= other or other <= mine):
            return True
    mine, other = names(left), names(right)
    return kind == "ip" and bool(mine) and bool(other) and not mine & other


Told = tuple[tuple[str, str], tuple[str, str], bool]  # two sightings that a person called the same, or not


def partition_of(runs: Sequence[Run], words: Sequence[Told] = ()) -> list[set[Atom]]:
    atoms = atoms_of(runs)
    part_of = {atom: {atom} for atom in atoms}
    of = {sighting: atom for atom in atoms for sighting in atom.sightings}
    apart = [{of[left], of[right]} for left, right, same in words if not same]

    def contradict(kind: str, left: set[Atom], right: set[Atom]) -> bool:
        return any(one & left and one & right for one in apart) or _contradict(kind, left, right)

    for left, right, same in words:
        one, other = part_of[of[left]], part_of[of[right]]
        if same and one is not other and not any(pair & one and pair & other for pair in apart):
            for member in one | other:
                part_of[member] = one | other
    for kind, group in shared(atoms):
        standing: list[set[Atom]] = []
        for atom in group:
            part = part_of[atom]
            if any(part is part_of[next(iter(one))] for one in standing):
                continue
            current = list({id(part_of[next(iter(one))]): part_of[next(iter(one))] for one in standing}.values())
            fitting = next((one for one in current if not contradict(kind, one, part)), None)
            if fitting is None:
                standing.append(part)
                continue
            joined = fitting | part
            for member in joined:
                part_of[member] = joined
            standing = [joined if one is fitting else one for one in current]
    return list({id(part): part for part in part_of.values()}.values())


# -- the reference: exposures and lives ------------------------------------------------------------


def voices_at(looks: Sequence[life.Look]) -> dict[str, tuple[bool, int, datetime, list[datetime]]]:
    """source -> (sees it, rank, last look, all looks), from all `looks`, in order."""
    voices: dict[str, tuple[bool, int, datetime, list[datetime]]] = {}
    for look in looks:
        if look.source not in voices:
            if look.present:
                voices[look.source] = (not look.fixed, look.rank, look.at, [look.at])
            continue
        here, rank, _last, times = voices[look.source]
        if look.present:
            here, rank = not look.fixed, look.rank
        elif not (look.outside and here and rank in (3, 4)):
            here, rank = False, max(rank, look.rank)
        voices[look.source] = (here, rank, look.at, [*times, look.at])
    return voices


def is_open(looks: Sequence[life.Look]) -> bool | None:
    """Is it open after the last of `looks`? None: nobody has seen it yet."""
    voices, now = voices_at(looks), looks[-1].at
    if not voices or looks[-1].source not in voices:
        return None
    best = {True: -1, False: -1}
    for here, rank, last, times in voices.values():
        gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
        usual = max(median(gaps) if gaps else 30 * 86400.0, 86400.0)
        if (now - last).total_seconds() <= 2 * usual:
            best[here] = max(best[here], rank)
    return best[True] >= best[False]


def one_look_each(looks: Sequence[life.Look]) -> list[life.Look]:
    """Of one source's looks at one time the presences win, at their highest rank."""
    one_each: dict[tuple[datetime, str], list[life.Look]] = defaultdict(list)
    for look in looks:
        one_each[look.at, look.source].append(look)
    merged = []
    for group in one_each.values():
        chosen = [one for one in group if one.present] or group
        rank = max(one.rank for one in chosen)
        fixed, outside = all(one.fixed for one in chosen), all(one.outside for one in chosen)
        merged.append(min(chosen)._replace(rank=rank, fixed=fixed, outside=outside))
    return sorted(merged)


def life_of(looks: Sequence[life.Look], claims: Sequence[datetime] = ()) -> list[tuple[datetime, str]]:
    """(when, what) of one exposure, judged anew from all earlier looks at each step."""
    merged = one_look_each(looks)
    events: list[tuple[datetime, str]] = []
    opened, claimed = False, None
    steps: list[tuple[datetime, int, int]] = [(look.at, 0, number) for number, look in enumerate(merged)]
    steps += [(at, 1, 0) for at in set(claims)]
    for at, is_claim, number in sorted(steps):
        if is_claim:
            if opened and claimed is None:
                claimed = at
                events.append((at, "claimed"))
            continue
        look, now = merged[number], is_open(merged[: number + 1])
        if now is None:
            continue
        if now and not opened:
            past = any(kind in ("opened", "fixed") for _at, kind in events)
            events.append((at, "reopened" if past else "opened"))
        elif not now and (opened or not events):
            if claimed is not None:
                events.remove((claimed, "claimed"))
            events.append((claimed or at, "fixed"))
            claimed = None
        elif now and look.present and not look.fixed and claimed is not None:
            claimed = None
            events.append((at, "reopened"))
        opened = now
    return events


def reference(runs: Sequence[Run], words: Sequence[Told] = ()) -> dict[tuple[Any, ...], list[tuple[datetime, str]]]:
    """(sightings of the asset, weakness, place) -> life."""
    parts = partition_of(runs, words)
    of = {sighting: number for number, part in enumerate(parts) for atom in part for sighting in atom.sightings}
    whole = {number: frozenset(s for atom in part for s in atom.sightings) for number, part in enumerate(parts)}
    places: dict[tuple[int, str], set[tuple[str, str]]] = defaultdict(set)
    reported: dict[tuple[int, str, tuple[str, str]], list[tuple[str, Finding]]] = defaultdict(list)
    for name, records, _origin in runs:
        for one in records:
            if isinstance(one, Finding):
                where = place.of(one)
                for cve in weakness.canonical(one.weaknesses, "", one.rule):
                    places[of[name, one.asset], cve].add((str(where.kind), where.text))
                    reported[of[name, one.asset], cve, (str(where.kind), where.text)].append((name, one))
    found = {}
    for (asset, cve), held in places.items():
        level = {"port": 1, "none": 0}
        best = max(level.get(kind, 2) for kind, _text in held)
        for target in held:
            if level.get(target[0], 2) == best:
                shows = [
                    one
                    for where in held
                    if where == target or level.get(where[0], 2) < best
                    for one in reported[asset, cve, where]
                ]
                found[whole[asset], cve, *target] = life_of(looks_of(runs, asset, of, shows))
    return found


def looks_of(
    runs: Sequence[Run], asset: int, of: dict[tuple[str, str], int], shows: list[tuple[str, Finding]]
) -> list[life.Look]:
    looks = []
    meta = {name: next(one for one in records if isinstance(one, RunSeen)) for name, records, _origin in runs}
    knows: dict[str, list[Finding]] = defaultdict(list)
    for name, one in shows:
        knows[meta[name].tool].append(one)
    for name, records, _origin in runs:
        head = meta[name]
        assert head.observed_at is not None
        at = head.observed_at.replace(tzinfo=None)
        mine = [one for run, one in shows if run == name]
        if mine:
            rank = max(RANK[one.proof] for one in mine)
            looks.append(life.Look(at, name, head.tool, True, rank, all(one.word == "fixed" for one in mine)))
            continue
        covers = [
            one
            for one in records
            if isinstance(one, Covered) and of[name, one.asset] == asset and covered(one, knows[head.tool])
        ]
        ranks = [rank_of(one) for one in covers if not one.port]
        placed = [one for one in covers if one.port]
        spots = {spot_of(one) for one in knows[head.tool]}
        if placed and spots == {f"tcp/{one.port}" for one in placed} & spots:
            ranks.append(min(rank_of(one) for one in placed))
        looks += [life.Look(at, name, head.tool, False, rank, False, rank == 1) for rank in ranks]
    return looks


def rank_of(cover: Covered) -> int:
    return 3 if cover.authenticated else 0 if cover.authenticated is None else 1


def spot_of(finding: Finding) -> str:
    """Where a look at one port has to be to be a look at `finding`."""
    where = place.of(finding)
    return where.text if where.kind == "port" else ""


def covered(one: Covered, known: list[Finding]) -> bool:
    least = min((facts.SEVERITIES.index(finding.severity) for finding in known), default=-1)
    if least < facts.SEVERITIES.index(one.floor):
        return False
    here = [finding for finding in known if not one.port or spot_of(finding) == f"tcp/{one.port}"]
    return bool(here) and (not one.check_list or any(finding.rule in one.check_list for finding in here))


# -- worlds -----------------------------------------------------------------------------------------

IDENTIFIERS = (
    ("fqdn", "a.example.com"), ("fqdn", "b.example.com"), ("hostname", "a"), ("hostname", "c"),
    ("serial", "S1"), ("serial", "S2"), ("mac", "00:1b:21:00:00:01"), ("mac", "00:1b:21:00:00:02"),
    ("agent_id", "g1"), ("agent_id", "g2"), ("ip", "10.0.0.1"), ("ip", "10.0.0.2"),
)  # fmt: skip


@st.composite
def sightings(draw: st.DrawFn, name: str) -> Sighting:
    held = draw(st.lists(st.sampled_from(IDENTIFIERS), min_size=1, max_size=3, unique=True))
    return Sighting(key=name, name=name, identifiers=tuple(held))


@st.composite
def findings(draw: st.DrawFn, asset: str) -> Finding:
    cve = draw(st.sampled_from(("CVE-2024-0001", "CVE-2024-0002")))
    where: dict[str, Any] = draw(
        st.sampled_from(
            (
                {"component": "pkg:deb/debian/x@1"},
                {"component": "pkg:deb/debian/y@2"},
                {"port": 443, "protocol": "tcp"},
                {"port": 8443, "protocol": "tcp"},
                {},
            )
        )
    )
    return Finding(
        asset=asset,
        rule=draw(st.sampled_from(("r1", "r2"))),
        title="t",
        severity=draw(st.sampled_from(("medium", "high"))),
        weaknesses=(cve,),
        proof=draw(st.sampled_from(("unknown", "banner", "package", "probe"))),
        word=draw(st.sampled_from(("open", "open", "open", "fixed"))),
        **where,
    )


@st.composite
def reports(draw: st.DrawFn, number: int) -> Run:
    at = START + timedelta(days=draw(st.sampled_from((0, 1, 2, 7, 20, 45, 100))))
    names = [f"h{place}" for place in range(draw(st.integers(1, 2)))]
    records: list[Record] = [RunSeen(tool=draw(st.sampled_from(("alpha", "beta"))), observed_at=at)]
    records += [draw(sightings(name)) for name in names]
    for name in names:
        records += draw(st.lists(findings(name), max_size=2))
        if draw(st.booleans()):
            lists = draw(st.sampled_from(((), (), ("r1",))))
            records.append(
                Covered(
                    asset=name,
                    checks="*" if not lists else "listed",
                    check_list=lists,
                    floor=draw(st.sampled_from(("info", "high"))),
                    authenticated=draw(st.sampled_from((None, True, False))),
                    port=draw(st.sampled_from((0, 0, 443, 8443))),
                )
            )
    return f"run-{number}", records, Origin(site=draw(st.sampled_from(("hq", "hq", "south"))))


@st.composite
def histories(draw: st.DrawFn) -> list[Run]:
    return [draw(reports(number)) for number in range(draw(st.integers(1, 6)))]


def told(world: Any) -> dict[tuple[Any, ...], list[tuple[datetime, str]]]:
    order = ("opened", "claimed", "fixed", "reopened")
    return {
        key: sorted(((event[0], event[1]) for event in events), key=lambda one: (one[0], order.index(one[1])))
        for key, events in world.state().items()
    }


def ordered(
    lives: dict[tuple[Any, ...], list[tuple[datetime, str]]],
) -> dict[tuple[Any, ...], list[tuple[datetime, str]]]:
    order = ("opened", "claimed", "fixed", "reopened")
    return {key: sorted(events, key=lambda one: (one[0], order.index(one[1]))) for key, events in lives.items()}


# The same few examples on every run; HYPOTHESIS=explore draws many new ones.
RELAXED = settings(
    deadline=None,
    max_examples=200 if os.environ.get("HYPOTHESIS") == "explore" else 24,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@RELAXED
@given(st.data(), histories())
def test_any_order_and_grouping_tells_what_the_reference_tells(
    new_world: Any, data: st.DataObject, runs: list[Run]
) -> None:
    world = new_world()
    waiting = data.draw(st.permutations(runs))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        note(f"commit of {[one[0] for one in waiting[:size]]}")
        world.take(*waiting[:size])
        waiting = waiting[size:]
    assert set(world.parts().values()) == {
        frozenset(s for atom in part for s in atom.sightings) for part in partition_of(runs)
    }
    assert told(world) == ordered(reference(runs))


@RELAXED
@given(st.data(), histories())
def test_taking_everything_again_changes_nothing(new_world: Any, data: st.DataObject, runs: list[Run]) -> None:
    world = new_world()
    world.take(*runs)
    before, version = world.state(), world.lake.version
    for one in data.draw(st.permutations(runs)):
        assert world.take(one).runs[0].duplicate
    assert world.state() == before
    assert world.lake.version == version


@RELAXED
@given(histories(), reports(9))
def test_a_run_closes_nothing_outside_what_it_covers(new_world: Any, runs: list[Run], last: Run) -> None:
    name, records, origin = last
    bare = [one for one in records if not isinstance(one, (Covered, Finding))]
    world = new_world()
    world.take(*runs)
    before = set(world.parts().values())
    fixed = sum(events[-1][1] == "fixed" for events in world.state().values())
    found = world.take((name, bare, origin))
    after = {frozenset(one for one in part if one[0] != name) for part in world.parts().values()}
    # Assets that become one, or two, are covered by what covered their parts.
    assert found.exposures.fixed == 0 or after - {frozenset()} != before
    if {atom.anchor for atom in atoms_of([*runs, (name, bare, origin)])} == {atom.anchor for atom in atoms_of(runs)}:
        assert sum(events[-1][1] == "fixed" for events in world.state().values()) == fixed


@RELAXED
@given(st.data(), histories())
def test_a_decision_follows_its_exposure(new_world: Any, data: st.DataObject, runs: list[Run]) -> None:
    """Whatever id a person decided on leads to exactly one exposure in force, of the same weakness."""
    world = new_world()
    decided: dict[int, str] = {}
    for one in data.draw(st.permutations(runs)):
        world.take(one)
        decided |= {row["exposure"]: row["weakness"] for row in world.rows("FROM exposures")}
        alias = world.canonical("exposure_aliases")
        in_force = {
            row["exposure"]: row["weakness"] for row in world.rows("FROM exposures") if row["exposure"] not in alias
        }
        for exposure, named in decided.items():
            assert in_force[alias.get(exposure, exposure)] == named


@RELAXED
@given(st.data(), histories(), st.booleans())
def test_later_imports_obey_what_a_person_said_of_two_assets(
    new_world: Any, data: st.DataObject, runs: list[Run], same: bool
) -> None:
    world = new_world()
    known = data.draw(st.integers(1, len(runs)))
    world.take(*runs[:known])
    seen = world.rows(
        "SELECT min(s.asset) AS atom, r.digest, s.name FROM sightings s JOIN runs r USING (run) GROUP BY ALL"
    )
    atoms = sorted({row["atom"]: (row["digest"], row["name"]) for row in seen}.items(), key=lambda one: one[1])
    if len(atoms) < 2:
        return
    left, right = data.draw(st.permutations(atoms))[:2]
    world.reviews = [facts.AssetReview(left[0], right[0], same)]
    words = [(left[1], right[1], same)]
    world.take(reviewed="first")
    assert told(world) == ordered(reference(runs[:known], words))
    for one in runs[known:]:
        world.take(one)
    assert told(world) == ordered(reference(runs, words))


# -- assets that end ----------------------------------------------------------------------------------

EXTENTS = ("north", "south")
GROUPED = "aws:autoscaling:groupName=web"


@st.composite
def endings(draw: st.DrawFn, one: Run) -> Run:
    """The same report, which may also list extents, say that assets ended, or show machines of a group."""
    name, records, origin = one
    names = [record.key for record in records if isinstance(record, Sighting)]
    grouped = draw(st.sets(st.sampled_from(names)))
    records = [
        msgspec.structs.replace(one, tags=(GROUPED,)) if isinstance(one, Sighting) and one.key in grouped else one
        for one in records
    ]
    for extent in draw(st.sets(st.sampled_from(EXTENTS))):
        held = draw(st.lists(st.sampled_from(names), unique=True))
        records.append(Listed(extent=extent, assets=tuple(held), whole=draw(st.sampled_from((True, True, False)))))
    for ended in draw(st.sets(st.sampled_from(names), max_size=1)) if draw(st.booleans()) else ():
        records.append(Ended(asset=ended, observed_at=draw(st.sampled_from((None, START, START + timedelta(days=7))))))
    return name, records, origin


@st.composite
def stories(draw: st.DrawFn) -> list[Run]:
    return [draw(endings(one)) for one in draw(histories())]


def gone_of(runs: Sequence[Run], as_of: datetime) -> dict[frozenset[tuple[str, str]], tuple[datetime, str]]:
    """Sightings of the asset -> since when and why it is gone, from all that was said until `as_of`, anew."""
    days = int(policy.load().number("life.ephemeral.autoscaled.days").value)
    found = {}
    for part in partition_of(runs):
        sightings = frozenset(s for atom in part for s in atom.sightings)
        seen: list[datetime] = []
        named: list[tuple[tuple[str, str, str], datetime]] = []
        listings: list[tuple[tuple[str, str, str], datetime]] = []
        ends: list[datetime] = []
        grouped = False
        for name, records, origin in runs:
            head = next(one for one in records if isinstance(one, RunSeen))
            assert head.observed_at is not None
            at = head.observed_at
            mine = {one.key for one in records if isinstance(one, Sighting) and (name, one.name) in sightings}
            ended = {
                one.asset: one.observed_at or at for one in records if isinstance(one, Ended) and one.asset in mine
            }
            ends += [moment for moment in ended.values() if moment <= as_of]
            if at > as_of:
                continue
            # An end that lies after the moment that is looked at is not known of then.
            seen += [at for key in mine if ended.get(key, as_of + timedelta(days=1)) > as_of]
            grouped |= any(one.tags for one in records if isinstance(one, Sighting) and one.key in mine)
            for one in records:
                if isinstance(one, Listed):
                    key = (head.tool, origin.site, one.extent)
                    listings += [(key, at)] if one.whole else []
                    if mine & set(one.assets) and any(
                        other.whole for other in records if isinstance(other, Listed) and other.extent == one.extent
                    ):
                        named.append((key, at))
        last = max([*seen, *(at for _key, at in named)], default=None)
        missed = [at for key, at in listings if key in {one for one, _ in named} and last is not None and at > last]
        whys = [(min(missed), "not_listed")] if missed else []
        whys += (
            [(min(one for one in ends if last is None or one >= last), "ended")]
            if any(last is None or one >= last for one in ends)
            else []
        )
        if grouped and last is not None and last + timedelta(days=days) <= as_of:
            whys.append((last + timedelta(days=days), "silent"))
        if whys:
            since, why = min(whys, key=lambda one: (one[0], one[1]))
            found[sightings] = (since.replace(tzinfo=None), why)
    return found


MOMENTS = [START + timedelta(days=one) for one in (0, 1, 2, 7, 20, 40, 60, 100, 120)]


@RELAXED
@given(st.data(), stories())
def test_assets_end_the_same_in_any_order_and_grouping(new_world: Any, data: st.DataObject, runs: list[Run]) -> None:
    world = new_world()
    waiting = data.draw(st.permutations(runs))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        world.take(*waiting[:size])
        waiting = waiting[size:]
    lives = world.state()
    for moment in MOMENTS:
        expected = gone_of(runs, moment)
        assert world.gone(moment) == expected
        for key, state in world.states_at(moment).items():
            past = [one for one in lives[key] if one[0] <= moment.replace(tzinfo=None)]
            fixed = max(past, key=lambda one: (one[0], one[1] != "opened", one[1] == "reopened"))[1] == "fixed"
            assert (state == "gone") == (key[0] in expected and not fixed)
    for one in runs:
        assert world.take(one).runs[0].duplicate
    assert world.gone(MOMENTS[-1]) == gone_of(runs, MOMENTS[-1])


@RELAXED
@given(st.data(), stories())
def test_what_ends_an_asset_changes_no_life(new_world: Any, data: st.DataObject, runs: list[Run]) -> None:
    """Listings and ends never fix, and what comes back comes back under its key."""
    world, plain = new_world(), new_world()
    for name, records, origin in data.draw(st.permutations(runs)):
        world.take((name, records, origin))
        plain.take((name, [one for one in records if not isinstance(one, (Listed, Ended))], origin))
    assert world.state() == plain.state()


looks = st.builds(
    life.Look,
    at=st.sampled_from([datetime(2026, 1, 1) + timedelta(days=one) for one in (0, 1, 2, 3, 10, 60, 70, 200)]),
    digest=st.sampled_from("abcd"),
    source=st.sampled_from(("alpha", "beta", "gamma")),
    present=st.booleans(),
    rank=st.sampled_from((0, 1, 3, 4, 5)),
    fixed=st.sampled_from((False, False, True)),
    outside=st.booleans(),
).map(lambda one: one._replace(fixed=one.fixed and one.present, outside=one.outside and not one.present))
moments = st.sampled_from([datetime(2026, 1, 1, 12) + timedelta(days=one) for one in (0, 2, 9, 65)])


@settings(deadline=None, max_examples=1500)
@given(st.lists(looks, max_size=10), st.lists(moments, max_size=2), st.randoms())
def test_a_life_equals_the_reference_in_any_order(
    told_looks: list[life.Look], claims: list[datetime], chance: Any
) -> None:
    events = life.fold(told_looks, claims)
    assert [(one.at, one.kind) for one in events] == life_of(told_looks, claims)
    chance.shuffle(told_looks)
    assert life.fold([*told_looks, *told_looks[:3]], claims) == events


class Discovery(RuleBasedStateMachine):
    """Runs arrive late, early, twice and together; the state is always that of the set of them."""

    make: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make()
        self.taken: list[Run] = []

    @initialize(first=reports(0))
    def begin(self, first: Run) -> None:
        self.world.take(first)
        self.taken.append(first)

    @rule(data=st.data())
    def arrives(self, data: st.DataObject) -> None:
        run = data.draw(reports(len(self.taken)))
        self.world.take(run)
        self.taken.append(run)

    @rule(data=st.data())
    def two_arrive_together(self, data: st.DataObject) -> None:
        runs = [data.draw(reports(len(self.taken))), data.draw(reports(len(self.taken) + 1))]
        self.world.take(*runs)
        self.taken += runs

    @rule(data=st.data())
    def arrives_again(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.taken))
        assert self.world.take(known).runs[0].duplicate

    @invariant()
    def the_state_is_that_of_the_set(self) -> None:
        assert told(self.world) == ordered(reference(self.taken))


def test_the_state_machine_holds(new_world: Any) -> None:
    class Bound(Discovery):
        make = new_world

    run_state_machine_as_test(
        Bound,
        settings=settings(
            deadline=None,
            max_examples=12,
            stateful_step_count=6,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )


def test_addresses_of_the_worlds_are_private() -> None:
    assert all(ip_address(value).is_private for kind, value in IDENTIFIERS if kind == "ip")
