"""What newer signals mean for exposures that a cycle has weighed, before the next cycle: exact parts and bounds.

*Exact.* The likelihood is weighed by the cycle's own functions. A weakness of which an attacker of the
year has an exploit with chance p, instead of q before, carries p / q of the losses that it carried: whether
one has it is drawn once for a year, apart from all else, so that losses which need the weakness are in
proportion to it, and the others stay. (The ratio is that of the means over the engine's own draws of
the policy's numbers.)

*Bounds.* What the other exposures carry, and so the sum that shares are of, moves by what the weakness
adds: not less than its largest exposure alone, not more than all losses on whose kept proof it is.
Sampling errors grow with the ratio. Chances along a way are taken to use one weakness at most twice. A
way in that did not exist before has no earlier figure: then nothing is said but what is certain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import keys
from foreshore.graph import Params
from foreshore.graph.draws import odds_factors
from foreshore.prioritization import likelihood, treatment
from foreshore.prioritization.backports import SETTLED
from foreshore.prioritization.treatment import Judged

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
CANDIDATE = (
    "weakness", "kind", "rule", "title", "component", "component_name", "port", "severity", "proof", "cvss_vector",
)  # fmt: skip
_DRAWS = 64  # as the cycle's own effort has
_TWO_SIDED = 1.5  # 95 % half-widths, widened to what is hardly ever left


@dataclass(frozen=True)
class Bound:
    """A share of modelled risk: as estimated, and between which values it lies."""

    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Renewed:
    """One row for each given exposure, in their order.

    `weighed` are the rows of `likelihood.SCHEMA`; `likelihood` is the chance that an attacker in position
    succeeds; `contribution` and `if_reachable` are shares of modelled risk; `treatment` is what the
    estimate gives and `may_be` all that the bounds allow; `anew` marks a way in that did not count before.
    `further` and `nearer` mark what may lead to more, or to fewer, services than the cycle found.
    """

    weighed: pa.Table
    likelihood: Floats
    contribution: Bound
    if_reachable: Bound
    leads: Texts
    treatment: Texts
    may_be: list[tuple[str, ...]]
    anew: Bools
    further: Bools
    nearer: Bools


@dataclass(frozen=True)
class Others:
    """All open exposures of the cycle: keys in rising order, and what each counts for (`treatment.urgent`)."""

    exposure: NDArray[np.int64]
    urgent: Floats


def renew(rows: pa.Table, signals: pa.Table, others: Others, policy: Policy, seed: int) -> Renewed:
    """Weigh the served exposures `rows` by `signals` and say how they would be treated.

    `rows` are served exposures beside what the cycle weighed of them (`weighed.rows`); `signals` the table
    of `intel.signals.signals_at` for their weaknesses.
    """
    import pyarrow as pa

    numbered = rows.select(list(CANDIDATE)).add_column(0, "row", pa.array(np.arange(rows.num_rows)))
    weighed = likelihood.weigh(numbered, signals, policy)
    usable, success = _ratios(rows, weighed, policy, seed)
    anew = _anew(rows, weighed)
    ratio = np.where(anew, 1.0, usable * success)
    lowest, highest = (np.where(anew, 1.0, usable * one(success, 1.0)) for one in (np.minimum, np.maximum))
    shares = _contribution(rows, (ratio, lowest, highest), anew)
    at_worst = _at_worst(rows, (ratio, lowest, highest), anew, shares)
    leads = _leads(rows, ratio, anew, policy)
    found, may_be = _treated(rows, weighed, (shares, at_worst), leads, others, policy)
    before = _floats(rows, "likelihood")
    chance = np.where(
        _floats(rows, "usable") * _floats(rows, "success") > 0, before * _plain_ratio(rows, weighed), before
    )
    fresh = _floats(weighed, "usable") * _floats(weighed, "success") * _truth(rows, weighed, policy)
    least, best = policy.number("treatment.critical.leads").value, _floats(rows, "best_path")
    further = anew | ((ratio > 1) & (best * ratio**2 >= least))
    nearer = anew | ((ratio < 1) & (best >= least))
    return Renewed(
        weighed, np.where(anew, fresh, chance), shares, at_worst, leads[1], found, may_be, anew, further, nearer
    )


def _floats(table: pa.Table, name: str) -> Floats:
    return np.nan_to_num(np.asarray(table.column(name).to_numpy(), np.float64))


def _texts(table: pa.Table, name: str) -> Texts:
    return np.array(["" if one is None else one for one in table.column(name).to_pylist()], dtype=object)


def _ratios(rows: pa.Table, weighed: pa.Table, policy: Policy, seed: int) -> tuple[Floats, Floats]:
    """Return by what the losses that need the weakness, and each success, are multiplied; 1 where nothing was."""
    before, after = _floats(rows, "usable"), _floats(weighed, "usable")
    names, fresh = _texts(rows, "usable_param"), _texts(weighed, "usable_param")
    # The one was written down by the cycle, the other computed now: what is equal stays equal.
    moved = np.flatnonzero(((names != fresh) | ~np.isclose(after, before, rtol=1e-9, atol=0)) & (before > 0))
    usable = np.ones(rows.num_rows)
    if len(moved):
        was, now = (
            _drawn(chance[moved], name[moved], policy, seed) for chance, name in ((before, names), (after, fresh))
        )
        usable[moved] = now / was
    before, after = _floats(rows, "success"), _floats(weighed, "success")
    success = np.divide(after, before, out=np.ones_like(after), where=before > 0)
    return usable, np.where(np.isclose(success, 1.0, rtol=1e-9), 1.0, success)


def _plain_ratio(rows: pa.Table, weighed: pa.Table) -> Floats:
    was, now = (_floats(one, "usable") * _floats(one, "success") for one in (rows, weighed))
    return np.divide(now, was, out=np.ones_like(now), where=was > 0)


def _drawn(chance: Floats, names: Texts, policy: Policy, seed: int) -> Floats:
    """Return the mean of chances over the draws that the engine makes of the numbers behind them."""
    distinct, at = np.unique(names.astype(str), return_inverse=True)
    numbers = [policy.number(str(name)) for name in distinct]
    params = Params(
        key=np.array([keys.of("param", str(name)) for name in distinct], np.int64),
        value=np.array([one.value for one in numbers]), low=np.array([one.low for one in numbers]),
        high=np.array([one.high for one in numbers]),
    )  # fmt: skip
    factors = odds_factors(params, seed, _DRAWS)[at] if len(distinct) else np.ones((len(chance), 1))
    return np.asarray((chance[:, None] * factors / (1 - chance[:, None] + chance[:, None] * factors)).mean(axis=1))


def _anew(rows: pa.Table, weighed: pa.Table) -> Bools:
    """Which exposures changed their way in or what they give, so that no earlier figure speaks of them."""
    same = (_texts(rows, "way_in") == _texts(weighed, "way_in")) & (_texts(rows, "gives") == _texts(weighed, "gives"))
    nothing = (_floats(rows, "usable") * _floats(rows, "success") <= 0) & (_floats(weighed, "usable") > 0)
    return np.asarray(~same | nothing, np.bool_)


def _truth(rows: pa.Table, weighed: pa.Table, policy: Policy) -> Floats:
    """Return the chance that each is really there; where a vendor says that it is not, no more than the policy's."""
    most = policy.number("proof.truth.vendor_fixed").value
    truth = _floats(weighed, "truth")
    return np.where(np.isin(_texts(rows, "vendor"), SETTLED), np.minimum(truth, most), truth)


def _of_weakness(rows: pa.Table) -> NDArray[np.int64]:
    return np.asarray(np.unique(_texts(rows, "weakness").astype(str), return_inverse=True)[1], np.int64)


def _contribution(rows: pa.Table, ratios: tuple[Floats, Floats, Floats], anew: Bools) -> Bound:
    """Return the share of modelled risk of each exposure, by the ratio of its losses and the new sum of all."""
    ratio, lowest, highest = ratios
    was, error, flow = (_floats(rows, name) for name in ("contribution", "sampling_error", "flow"))
    changed = (lowest != 1.0) | (highest != 1.0)
    noise = np.where(changed, _TWO_SIDED * np.sqrt((ratio * error) ** 2 + ratio * error**2), 0.0)
    worst = np.maximum(_floats(rows, "contribution_if_reachable"), flow)
    low = np.maximum(0.0, was * lowest - noise)
    # Of what no simulated attack needed, its best way alone bounds what it can carry.
    high = np.where(was > 0, np.maximum(was * highest + noise, low), np.where(changed, worst * highest, was))
    whole = [_whole(rows, one) for one in (ratio, lowest, highest)]
    least, most = np.minimum.reduce([one[0] for one in whole]), np.maximum.reduce([one[2] for one in whole])
    mean = np.clip(was * ratio / whole[0][1], 0.0, 1.0)
    low, high = np.clip(low / most, 0.0, 1.0), np.clip(high / least, 0.0, 1.0)
    return Bound(mean, np.where(anew, 0.0, np.minimum(low, mean)), np.where(anew, 1.0, np.maximum(high, mean)))


def _whole(rows: pa.Table, ratio: Floats) -> tuple[float, float, float]:
    """Return by what all modelled risk is multiplied: at least, as estimated, at most."""
    which = _of_weakness(rows)
    count = int(which.max(initial=-1)) + 1
    was, flow = _floats(rows, "contribution"), _floats(rows, "flow")
    largest, summed, through = np.zeros(count), np.zeros(count), np.zeros(count)
    np.maximum.at(largest, which, was * (ratio - 1.0))
    np.add.at(summed, which, was * (ratio - 1.0))
    np.add.at(through, which, np.maximum(flow, was) * (ratio - 1.0))
    smallest = np.zeros(count)
    np.minimum.at(smallest, which, was * (ratio - 1.0))
    rising, falling = np.where(summed >= 0, largest, through), np.where(summed >= 0, through, smallest)
    ends = np.sort(np.stack([rising, falling]), axis=0)
    low, high = max(0.05, 1.0 + float(ends[0].sum())), max(0.05, 1.0 + float(ends[1].sum()))
    return low, float(np.clip(1.0 + summed.sum(), low, high)), high


def _at_worst(rows: pa.Table, ratios: tuple[Floats, Floats, Floats], anew: Bools, shares: Bound) -> Bound:
    """Return what the best way alone would carry if the open questions went badly; see `risk.share_at_worst`."""
    was = _floats(rows, "contribution_if_reachable")
    ratio, lowest, highest = ratios
    whole = _whole(rows, ratio)
    low = np.clip(was * np.minimum(1.0, lowest**2) / whole[2], 0.0, 1.0)
    high = np.clip(was * np.maximum(1.0, highest**2) / whole[0], 0.0, 1.0)
    low, high = np.where(anew, 0.0, low), np.where(anew, 1.0, high)
    mean = np.clip(was * ratio / whole[1], low, high)
    return Bound(*(np.maximum(one, other) for one, other in (
        (mean, shares.mean), (low, shares.low), (high, shares.high))))  # fmt: skip


def _leads(rows: pa.Table, ratio: Floats, anew: Bools, policy: Policy) -> tuple[Texts, Texts, Texts]:
    """Return the answer to “does it lead to something critical?”: at least, as estimated, at most."""
    was, chance = _texts(rows, "leads"), _floats(rows, "best_path")
    least = policy.number("treatment.critical.leads").value
    rises = (
        ((ratio > 1) & (chance < least) & (chance * ratio**2 >= least))
        | anew
        | ((ratio > 1) & (was != "yes") & (chance >= least))
    )
    falls = (ratio < 1) & (chance * ratio**2 < least) | anew
    likely = np.where((was == "no") & (ratio > 1) & (chance < least) & (chance * ratio >= least), "unknown", was)
    likely = np.where((ratio < 1) & (chance * ratio < least), "no", likely)
    return np.where(falls, "no", was), likely, np.where(rises & (was == "no"), "unknown", np.where(rises, "yes", was))


def _treated(
    rows: pa.Table,
    weighed: pa.Table,
    shares: tuple[Bound, Bound],
    leads: tuple[Texts, Texts, Texts],
    others: Others,
    policy: Policy,
) -> tuple[Texts, list[tuple[str, ...]]]:
    """Treat the rows at the estimate and at both ends, all others as the cycle left them."""
    carried, at_worst = shares
    empty = np.full(rows.num_rows, "", dtype=object)
    base = Judged(
        contribution=carried.mean, if_reachable=at_worst.mean, reachable=_texts(rows, "reachable"), leads=leads[1],
        exploit=_texts(weighed, "exploit"), disposition=_texts(rows, "disposition"),
        has_fix=_texts(rows, "fix") != "", in_scope=np.ones(rows.num_rows, np.bool_),
        question=empty, services=empty, because=empty, vendor=_texts(rows, "vendor"),
    )  # fmt: skip
    low = replace(base, contribution=carried.low, if_reachable=at_worst.low, leads=leads[0])
    high = replace(base, contribution=carried.high, if_reachable=at_worst.high, leads=leads[2])
    # What would be open at worst, while too little is carried to be acted on.
    asked = replace(low, if_reachable=at_worst.high, leads=np.where(leads[0] == leads[2], leads[0], "unknown"))
    place = np.searchsorted(others.exposure, np.asarray(rows.column("exposure"), np.int64))
    found = [_settled(one, others.urgent, place, policy) for one in (base, low, high, asked)]
    may_be = [tuple(dict.fromkeys(words)) for words in zip(*found, strict=True)]
    return found[0], may_be


def _settled(judged: Judged, urgent: Floats, place: Any, policy: Policy) -> Texts:
    among = urgent.copy()
    among[place] = treatment.urgent(judged)
    return treatment.settle(judged, treatment.first(among, policy)[place], policy)
