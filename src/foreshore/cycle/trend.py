"""The change of modelled risk between two cycles, like for like: the world, our sight, our fixes, our yardstick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.cycle import changes, hybrids, running
from foreshore.cycle.causes import CAUSES as CAUSED
from foreshore.cycle.hybrids import Chain, Cut
from foreshore.errors import NothingToRead
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

CAUSES = ("the world changed", "we saw more", "we fixed", "we changed the yardstick")
UNIT = "weighted losses a year"
_HUNDREDTH = Decimal("0.01")
_NOTHING = 1e-6


def diff(
    workspace: Workspace, old: str = "", new: str = "", *, on_note: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return what changed from cycle `old` to cycle `new` (keys or their beginnings) and why.

    Without `new` the last cycle, without `old` the one before it. `parts` are percent of the earlier
    cycle's risk and add up exactly to `change`; `causes` are finer and add up to the parts. Raises NothingToRead where there are no two cycles,
    UsageError for a key that names none, WorkspaceError where the facts of then are no longer kept.
    """
    with open_lake(workspace, read_only=True) as lake:
        cut = _cut(lake, old, new)
        seen = changes.between(lake, cut)
        same = not seen.anything
        first, last = hybrids.published(lake, cut.old), hybrids.published(lake, cut.new)
    quiet = same and first == last and not hybrids.yardstick_moved(cut)
    if quiet:
        chain = None
        risks, points = (first, first, first, first, last), (first,) * len(CAUSED)
    else:
        chain = hybrids.chain(workspace, cut, on_note)
        risks, points = chain.risks, chain.points
    return {
        "old": keys.show("CYC", cut.old["cycle"]), "new": keys.show("CYC", cut.new["cycle"]),
        "old_as_of": cut.old["as_of"], "new_as_of": cut.new["as_of"],
        "changed": not quiet,
        "change": float(shares(risks, points)[-1]), "unit": "percent of the earlier cycle's modelled risk",
        "parts": _parts(workspace, cut, chain, shares(risks, points), seen),
        "causes": caused((risks[0], *points)),
        "exposures": seen.counts,
        "biggest": seen.biggest,
        "risk": {"old_as_published": risks[0], "old_by_todays_yardstick": risks[1], "new": risks[4], "unit": UNIT},
    }  # fmt: skip


def caused(points: Sequence[float]) -> list[dict[str, Any]]:
    """Return the change by cause, in percent of the first point, to two digits: within each part they add up to it.

    `points` are the risk before all causes and after each of them.
    """
    rounded = _percents(points, _base(points))
    changes = [later - earlier for earlier, later in pairwise(rounded)]
    return [
        {"cause": cause, "part": part, "change": float(change)}
        for (cause, part), change in zip(CAUSED, changes, strict=True)
    ]


def shares(
    risks: tuple[float, float, float, float, float], points: Sequence[float] = ()
) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """Return (world, sight, fixes, yardstick, whole) in percent of the first risk, to two digits.

    The rounded points R1 to R4 are differenced, not the parts rounded, so that the four always add up.
    Where there was (next to) no risk before, percent are of the largest of the five and of the finer `points`.
    """
    rounded = _percents(risks, _base([*risks, *points]))
    yardstick, world, sight, fixes = (later - earlier for earlier, later in pairwise(rounded))
    return world, sight, fixes, yardstick, rounded[4] - rounded[0]


def _base(points: Sequence[float]) -> float:
    return points[0] if points[0] > _NOTHING * max(points) else max(points)


def _percents(points: Sequence[float], base: float) -> list[Decimal]:
    return [(Decimal(one) / Decimal(base) * 100).quantize(_HUNDREDTH) if base else Decimal(0) for one in points]


def _parts(
    workspace: Workspace, cut: Cut, chain: Chain | None, parts: Sequence[Decimal], seen: changes.Changes
) -> list[dict[str, Any]]:
    if chain is None:
        return [{"cause": cause, "change": 0.0, "what": "nothing"} for cause in CAUSES]
    with open_lake(workspace, read_only=True) as lake:
        told = changes.told(lake, cut, chain, seen)
    return [
        {"cause": cause, "change": float(share), "what": what}
        for cause, share, what in zip(CAUSES, parts, told, strict=False)
    ]


def _cut(lake: Lake, old: str, new: str) -> Cut:
    rows = lake.sql("select * from cycles order by known_at, cycle").to_pylist()
    if len(rows) < 2:
        what = "only one cycle has run" if rows else "no cycle has run yet"
        raise NothingToRead(f"{what}: there are no two to compare", hint="foreshore cycle")
    later = running.find(lake, new) if new else rows[-1]
    place = next(number for number, row in enumerate(rows) if row["cycle"] == later["cycle"])
    earlier = running.find(lake, old) if old else rows[max(place - 1, 0)]
    if earlier["known_at"] > later["known_at"]:
        earlier, later = later, earlier
    written = (
        lake.sql(f"select max(committed_at) as t from jobs where version <= {int(earlier['snapshot'])}")
        .column("t")[0]
        .as_py()
    )
    return Cut(
        earlier, later, running.restored(lake, earlier), running.restored(lake, later), written or earlier["known_at"]
    )
