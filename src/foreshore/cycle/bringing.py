"""Words that people gave in another product, taken over as decisions: each once, never over a word given here."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from foreshore import decisions
from foreshore.cycle.inputs import aliases
from foreshore.discovery.connectors import _defectdojo_words as dojo
from foreshore.errors import UsageError
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.decisions.opened import Decisions
    from foreshore.discovery.collecting import Collected
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

_LINKED = """
    select distinct w.number, canonical_exposure(x.exposure) as exposure
    from wanted w
    join findings f on f.rule = w.rule and f.place_kind = w.place_kind and f.place = w.place
        and f.source = 'defectdojo'
    join sightings s on canonical_asset(s.asset) = canonical_asset(f.asset) and s.name = w.asset_name
    join finding_exposures x on x.finding = f.finding
    order by 1, 2
"""


class Brought(msgspec.Struct, frozen=True):
    """What became of the words: taken down, on exposures that had a word already, and left out with the reason."""

    taken: int = 0
    known: int = 0
    left_out: tuple[str, ...] = ()


def bring(workspace: Workspace, found: Collected) -> Brought:
    """Take down the words of an imported collection on the exposures of their findings.

    An exposure on which anything was ever decided or withdrawn here keeps that. One of which another
    finding is still open there is left as it is. Raises UsageError for a source without decisions.
    """
    if found.connector != "defectdojo":
        raise UsageError(
            "this source has no decisions to take over", where=found.source, hint="collect it without --decisions"
        )
    main = Path(found.reports[0][0])
    findings = [Path(path) for path, source in found.reports[1:] if not source]
    said = [one for path in findings for one in dojo.words(main, path)]
    places = [one for path in findings for one in dojo.places(path)]
    still_open = {number for path in findings for number in dojo.open_numbers(path)}
    if not said:
        return Brought()
    with open_lake(workspace, read_only=True) as lake, decisions.open(workspace) as opened:
        linked = _linked(lake, places)
        return _taken(opened, aliases(lake), said, linked, still_open)


def _linked(lake: Lake, places: list[dojo.Where]) -> dict[str, list[int]]:
    """The exposures of each number."""
    import pyarrow as pa

    names = dojo.Where._fields
    wanted = pa.table({name: pa.array([getattr(one, name) for one in places], pa.string()) for name in names})
    table = lake.sql(_LINKED, wanted=wanted)
    found: dict[str, list[int]] = defaultdict(list)
    for number, exposure in zip(table["number"].to_pylist(), table["exposure"].to_pylist(), strict=True):
        found[number].append(exposure)
    return found


def _taken(
    opened: Decisions, renamed: dict[int, int], said: list[dojo.Said], linked: dict[str, list[int]], still: set[str]
) -> Brought:
    contested = {exposure for number in still for exposure in linked.get(number, ())}
    left_out, known = [], 0
    groups: dict[tuple[str, str, str, date | None], list[int]] = defaultdict(list)
    spoken = _spoken(opened, renamed, {one for numbers in linked.values() for one in numbers})
    for one in said:
        exposures = linked.get(one.number, [])
        until, why = _last_day(one)
        if not exposures:
            why = why or "nothing was imported that it is about"
        elif all(exposure in contested for exposure in exposures):
            why = why or "another finding about the same is still open there"
        if why:
            left_out.append(f"finding {one.number} ({one.disposition}): {why}")
            continue
        fresh = [exposure for exposure in exposures if exposure not in spoken and exposure not in contested]
        known += sum(exposure in spoken for exposure in exposures)
        spoken |= set(fresh)
        if fresh:
            groups[one.disposition, _because(one), one.author, until].extend(fresh)
    for (word, because, author, until), exposures in groups.items():
        opened.decide(exposures, word, because=because, author=author, until=until,
                      evidence={one: {"taken_over_from": "defectdojo"} for one in exposures})  # fmt: skip
    return Brought(sum(map(len, groups.values())), known, tuple(left_out))


def _spoken(opened: Decisions, renamed: dict[int, int], wanted: set[int]) -> set[int]:
    """Those on which a word was ever given, under whichever of their ids."""
    ids = {one: one for one in wanted} | {old: new for old, new in renamed.items() if new in wanted}
    listed = list(ids)
    found: set[int] = set()
    for start in range(0, len(listed), 500):
        found |= {ids[entry.exposure] for entry in opened.history(*listed[start : start + 500])}
    return found


def _last_day(one: dojo.Said) -> tuple[date | None, str]:
    """The last day of an acceptance, at most the longest there is; or why it does not count any more."""
    from foreshore.decisions.opened import LONGEST_ACCEPTANCE_DAYS

    today = datetime.now(UTC).date()
    if one.until is not None and one.until < today:
        return None, f"it ended on {one.until}"
    if one.disposition != "accepted":
        return None, ""
    longest = today + timedelta(days=LONGEST_ACCEPTANCE_DAYS)
    return min(one.until or longest, longest), ""


def _because(one: dojo.Said) -> str:
    if one.disposition == "accepted" and one.until is None:
        return f"{one.because.rstrip('.')}. No last day was named there."
    return one.because
