"""Would the ranking have worked? Our own order beside the public ones, on past days with what was known then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from foreshore import policy as policies
from foreshore.errors import NothingToRead, UsageError
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.intel.backtest.comparing import Ranked, Settings
    from foreshore.intel.backtest.measuring import Floats
    from foreshore.intel.backtest.orderings import Ordering, View
    from foreshore.intel.backtest.origins import Design, Past
    from foreshore.policy import Policy
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

OURS = "ours"
HEADLINE = "10"  # percent of the list that the headline speaks of, where it is among the efforts


def backtest(
    workspace: Workspace,
    first: date,
    last: date,
    *,
    horizon: int | None = None,
    every: int | None = None,
    efforts: Sequence[float] = (),
    capacity: int = 0,
    placing: str = "auto",
    among: str = "published",
    records: Sequence[str] = (),
    present: bool = False,
    learned: bool = False,
    samples: int | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Rank past days between `first` and `last` by every order and return how each did, with intervals.

    Numbers that are not given are those of the policy (`backtest`). `efforts` are shares of the list.
    See `intel.backtest.origins.Design` for the rest. Raises UsageError for an impossible wish,
    NothingToRead where nothing can be judged.
    """
    from foreshore.intel.backtest import comparing, origins

    policy = policies.load(workspace.policy_dir)
    design = origins.Design(
        first, last,
        horizon=_number(policy, "measure.horizon_days") if horizon is None else horizon,
        every=_number(policy, "measure.every_days") if every is None else every,
        placing=placing, among=among, records=tuple(records), present=present, learned=learned,
    )  # fmt: skip
    settings = comparing.Settings(
        efforts=tuple(efforts) or tuple(float(one) for one in policy.values("backtest.assumed.efforts")),
        capacity=capacity,
        samples=_number(policy, "interval.samples") if samples is None else samples,
        level=policy.number("backtest.interval.level").value,
        seed=workspace.seed,
        least=policy.number("backtest.sample.least").value,
    )
    _refuse(design, settings)
    with open_lake(workspace, read_only=True) as lake:
        past = origins.read(lake, design)
        _known_sources(past, design)
        return _compare(lake, past, design, settings, policy, on_note)


def _compare(
    lake: Lake, past: Past, design: Design, settings: Settings, policy: Policy, say: Callable[[str], None]
) -> dict[str, Any]:
    from foreshore.intel.backtest import comparing, delays, orderings, origins, sentences

    fresh = policy.number("backtest.sample.fresh").value
    complete = policy.number("backtest.sample.complete").value
    days, placed = origins.days(past, design, fresh)
    every_day = [origins.origin(past, design, day, complete) for day in days]
    lists = [one for one in every_day if one.truth.any()]
    if not lists:
        raise NothingToRead(_nothing(every_day), hint="a longer --horizon, other days, or --among scored")
    compared = [*own_orders(policy), *orderings.public(policy)]
    ranked = comparing.ranked(lake, past, design, lists, compared, say)
    say(f"measuring {len(compared)} orders, {settings.samples} samples")
    found = comparing.measured(ranked, settings)
    suspects = origins.selected(past, design, ranked.days, policy.number("backtest.sample.suspicious").value,
                                settings.least)  # fmt: skip
    result: dict[str, Any] = {
        **_asked(design, settings), "placed": placed, "fresh_days": fresh, "ours": OURS,
        "days": _days(ranked), "skipped_days": [str(one.day) for one in every_day if not one.truth.any()],
        "truth_until": past.truth_until, "came_true": found["came_true"],
        "orders": [_order(one, found["orders"][one.name], ranked) for one in compared],
        "differences": found["differences"], "selected": suspects,
        "delays": delays.delays(lake, design.first, design.last),
    }  # fmt: skip
    effort = HEADLINE if float(HEADLINE) / 100 in settings.efforts else f"{100 * settings.efforts[0]:g}"
    result["headline"] = sentences.headline(result, effort)
    result["cautions"] = sentences.cautions(result, policy.number("backtest.sample.leak_auc").value)
    return result


def own_orders(policy: Policy) -> list[Ordering]:
    """Return the orders that the product makes: the likelihood of prioritization, and our own model.

    The model's file holds one fit for each of several days; a past day is answered by a fit that had
    seen nothing later.
    """
    from foreshore.intel.backtest.orderings import Ordering

    window = policy.number("likelihood.epss.window_days").value
    opinion = _Opinion()

    def usable(view: View) -> Floats:
        return _usable(view, opinion.said(view, "p30") if opinion.there else None, policy)

    ours = Ordering(OURS, "how likely an exploit is usable, as prioritization weighs it", usable)
    if not opinion.there:
        return [ours]
    return [
        ours,
        Ordering("own model", "chance of an entry in KEV by our model, joined with EPSS",
                 lambda view: opinion.said(view, "p30"), window),
        Ordering("own alone", "the same without EPSS", lambda view: opinion.said(view, "own_p30"), window),
    ]  # fmt: skip


class _Opinion:
    """Our own model's chances of a past day, computed once for all orders that use them."""

    def __init__(self) -> None:
        from foreshore.intel.opinion import prediction

        self._day: tuple[object, pa.Table | None] = (None, None)
        # Built without its trained file, the product ranks without this opinion.
        self.there = resources.files("foreshore.intel.opinion").joinpath(prediction.FILE).is_file()

    def said(self, view: View, column: str) -> Floats:
        """Return the chance in `column` of each weakness of the view, in its order; NaN before the first fit."""
        import numpy as np
        import pyarrow.compute as pc

        from foreshore.intel.opinion.prediction import predict

        day, found = self._day
        if found is None or day != view.moment:
            found = predict(view.ask, view.moment, view.listed)
            self._day = (view.moment, found)
        names: pa.ChunkedArray = view.listed["weakness"]
        places = pc.index_in(names, value_set=found["weakness"].combine_chunks())
        return np.asarray(found[column].take(places).to_numpy(zero_copy_only=False), np.float64)


def _usable(view: View, own: Floats | None, policy: Policy) -> Floats:
    """Our likelihood of what was known that day: the same function that a cycle calls, for bare weaknesses.

    The column `own` is what our model would have said that day; the lake holds what it says today.
    """
    import numpy as np
    import pyarrow as pa

    from foreshore.prioritization.likelihood import weigh

    known, names = view.features, view.features["weakness"]
    if own is not None and "own" in known.column_names:
        known = known.set_column(known.column_names.index("own"), "own", pa.array(own, from_pandas=True))
    count = len(names)
    empty = {name: pa.array([""] * count) for name in ("rule", "title", "component", "component_name", "cvss_vector")}
    candidates = pa.table({
        "row": pa.array(np.arange(count)), "weakness": names, "kind": pa.array(["vulnerability"] * count),
        "port": pa.array(np.zeros(count, np.int32)), "severity": pa.array(np.full(count, 2, np.int8)),
        "proof": pa.array(np.zeros(count, np.int8)), **empty,
    })  # fmt: skip
    return np.asarray(weigh(candidates, known, policy)["usable"].to_numpy(), np.float64)


def _order(ordering: Ordering, found: dict[str, Any], ranked: Ranked) -> dict[str, Any]:
    through = ordering.trained_through
    seen = [one for one in ranked.days if through is not None and one.moment <= through]
    return {
        "name": ordering.name, "words": ordering.words, **found,
        "trained_through": through, "seen_in_training": len(seen),
    }  # fmt: skip


def _days(ranked: Ranked) -> list[dict[str, Any]]:
    return [
        {
            "day": one.day, "until": one.until, "weaknesses": len(one.members), "came_true": int(one.truth.sum()),
            "epss_day": one.epss_day, "epss_model": one.epss_model,
            "epss_age_days": (one.day - one.epss_day).days if one.epss_day else None,
            "left_out": {**one.left_out, "rejected by then": rejected}, "missed": one.missed,
        }
        for one, rejected in zip(ranked.days, ranked.rejected, strict=True)
    ]  # fmt: skip


def _asked(design: Design, settings: Settings) -> dict[str, Any]:
    return {
        "from": design.first, "to": design.last, "horizon_days": design.horizon, "every_days": design.every,
        "placing": design.placing, "among": design.among, "records": list(design.records),
        "present": design.present, "learned": design.learned, "efforts": list(settings.efforts),
        "capacity": settings.capacity or None,
        "interval": {"level": settings.level, "samples": settings.samples, "seed": settings.seed,
                     "drawn": "weaknesses, with all their days"},
    }  # fmt: skip


def _refuse(design: Design, settings: Settings) -> None:
    from foreshore.intel.backtest import origins

    if design.last < design.first:
        raise UsageError("the last day lies before the first", hint="--from 2024-07-01 --to 2024-12-31")
    if design.horizon < 1 or design.every < 1:
        raise UsageError("--horizon and --every are whole days, at least 1")
    if not all(0 < effort <= 1 for effort in settings.efforts):
        raise UsageError("an effort is a percentage between 0 and 100", hint="--effort 5,10,15")
    if settings.capacity < 0 or not 0 <= settings.samples <= 100_000:
        raise UsageError("--capacity and --samples are counts, not below 0")
    for word, known, flag in ((design.placing, origins.PLACINGS, "placing"), (design.among, origins.AMONG, "among")):
        if word not in known:
            raise UsageError(f"“{word}” is no answer to --{flag}", hint="one of " + ", ".join(known))


def _known_sources(past: Past, design: Design) -> None:
    unknown = [one for one in design.records if one not in past.dated]
    if unknown:
        raise UsageError(
            f"no source of records is called {', '.join(unknown)}", hint="one of " + ", ".join(sorted(past.dated))
        )


def _nothing(lists: Sequence[Any]) -> str:
    longest = max((len(one.members) for one in lists), default=0)
    return (
        f"on {len(lists)} days nothing on the list came to be known exploited within the horizon "
        f"(the longest list has {longest:,} weaknesses)"
    )


def _number(policy: Policy, name: str) -> int:
    return round(policy.number(f"backtest.{name}").value)
