"""How good an order was: exact expectations over ties, for one sample or many resampled ones at once.

An *order* is one list of items (weaknesses of one day), best first; the *truth* says which of them
came true. Items of equal score are tied: every measure is its expected value over all ways to break
the ties at random, computed exactly and not by drawing. Over several days, each item that came true
counts once: a measure is the mean over them, each judged within its own day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_HALVINGS = 50  # of an interval of length 1: far finer than any sample


class Order(NamedTuple):
    """One list cut where it matters: ties with something true in them, and the runs between those.

    `members` are the items' clusters (numbers of weaknesses), best first; `starts` the first place of
    each segment; `hit_clusters` and `hit_segments` say for each true item whose it is and where.
    """

    members: NDArray[np.int32]
    starts: Ints
    hit_clusters: NDArray[np.int32]
    hit_segments: Ints


class Tally(NamedTuple):
    """What an order comes to under given weights: rows are samples, columns the segments with hits.

    `above` counts items before the segment, `size` those in it, `hits` the true ones in it,
    `hits_above` the true ones before; `total` and `positives` count all items and all true ones.
    """

    above: Floats
    size: Floats
    hits: Floats
    hits_above: Floats
    total: Floats
    positives: Floats


def order(scores: Floats, truth: NDArray[np.bool_], clusters: NDArray[np.int32] | None = None) -> Order:
    """Return the list that `scores` make, highest first; what has no score (NaN) is tied at the end.

    `truth` says for each item whether it came true; `clusters` names its weakness by number, so that
    the same one is recognised on other days (by default the item's own place).
    """
    if clusters is None:
        clusters = np.arange(len(scores), dtype=np.int32)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    by_score = np.argsort(-filled, kind="stable")
    sorted_scores, hit = filled[by_score], truth[by_score]
    if not len(by_score):
        return Order(clusters[:0], np.zeros(0, np.int64), clusters[:0], np.zeros(0, np.int64))
    ties = np.flatnonzero(np.r_[True, sorted_scores[1:] != sorted_scores[:-1]])
    with_hit = np.logical_or.reduceat(hit, ties)
    starts = ties[np.r_[True, with_hit[1:] | with_hit[:-1]]]
    places = np.flatnonzero(hit)
    segments = np.searchsorted(starts, places, side="right") - 1
    members = clusters[by_score].astype(np.int32)
    return Order(members, starts, members[places], segments)


def tally(one: Order, weights: NDArray[np.uint8] | None = None) -> Tally:
    """Count segments under `weights` (samples x clusters: how often each weakness was drawn).

    Without weights, the list as it is: one sample in which everything counts once.
    """
    if weights is None:
        sizes = np.diff(np.r_[one.starts, len(one.members)])[None, :]
        drawn = np.ones((1, len(one.hit_clusters)), np.int64)
    else:
        sizes = (
            np.add.reduceat(weights[:, one.members], one.starts, axis=1, dtype=np.int64)
            if len(one.starts)
            else np.zeros((len(weights), 0), np.int64)
        )
        drawn = weights[:, one.hit_clusters].astype(np.int64)
    hits = np.zeros_like(sizes)
    np.add.at(hits.T, one.hit_segments, drawn.T)
    above, hits_above = np.cumsum(sizes, axis=1) - sizes, np.cumsum(hits, axis=1) - hits
    kept = np.unique(one.hit_segments)
    above, size, hit, before = (array[:, kept].astype(np.float64) for array in (above, sizes, hits, hits_above))
    return Tally(above, size, hit, before, sizes.sum(axis=1).astype(np.float64), hits.sum(axis=1).astype(np.float64))


def auc(tallies: Sequence[Tally]) -> Floats:
    """Area under the ROC curve: chance that a true item stands before a false one of its day.

    Ties count one half (Mann and Whitney). Days are weighed by their true items.
    """
    won = [_won(one) for one in tallies]
    judged = _sum(np.where(one.total > one.positives, one.positives, 0.0) for one in tallies)
    return _ratio(_sum(won), judged)


def _won(one: Tally) -> Floats:
    false = (one.total - one.positives)[:, None]
    tied = one.size - one.hits
    below = false - (one.above - one.hits_above) - tied
    share = np.divide(below + tied / 2, false, out=np.zeros_like(below), where=false > 0)
    result: Floats = (one.hits * share).sum(axis=1)
    return result


def recall(tallies: Sequence[Tally], effort: float) -> Floats:
    """Coverage: share of the true items among the first floor(effort x all) of their day."""
    found = _sum(_found(one, np.floor(effort * one.total + 1e-9)) for one in tallies)
    return _ratio(found, _sum(one.positives for one in tallies))


def recall_of(tallies: Sequence[Tally], capacity: float) -> Floats:
    """Coverage when the first `capacity` items of each day are worked on."""
    found = _sum(_found(one, np.minimum(capacity, one.total)) for one in tallies)
    return _ratio(found, _sum(one.positives for one in tallies))


def efficiency(tallies: Sequence[Tally], effort: float) -> Floats:
    """Precision: share of true items among the first floor(effort x all) of each day."""
    places = [np.floor(effort * one.total + 1e-9) for one in tallies]
    found = _sum(_found(one, count) for one, count in zip(tallies, places, strict=True))
    return _ratio(found, _sum(places))


def _found(one: Tally, places: Floats) -> Floats:
    """True items expected among the first `places`: a tie that is cut gives its share."""
    inside = np.clip(places[:, None] - one.above, 0.0, one.size)
    share = np.divide(inside, one.size, out=np.zeros_like(inside), where=one.size > 0)
    result: Floats = (one.hits * share).sum(axis=1)
    return result


def average_precision(tallies: Sequence[Tally]) -> Floats:
    """PR-AUC as average precision: the mean, over true items, of the share of true ones up to it.

    In a tie of g items with m true ones after A items with P true ones, the true item at place j sees
    P + 1 + (j-1)(m-1)/(g-1) true ones among A + j; the sum over j needs only harmonic numbers.
    """
    return _ratio(_sum(_precisions(one) for one in tallies), _sum(one.positives for one in tallies))


def _precisions(one: Tally) -> Floats:
    from scipy.special import digamma

    harmonic = digamma(one.above + one.size + 1) - digamma(one.above + 1)
    others = np.divide(one.hits - 1, one.size - 1, out=np.zeros_like(one.hits), where=(one.size > 1) & (one.hits > 0))
    share = np.divide(one.hits, one.size, out=np.zeros_like(one.hits), where=one.size > 0)
    each = (one.hits_above + 1) * harmonic + others * (one.size - (one.above + 1) * harmonic)
    result: Floats = (share * each).sum(axis=1)
    return result


def effort_for(tallies: Sequence[Tally], coverage: float) -> Floats:
    """Smallest share of every day's items whose working through finds `coverage` of the true ones.

    The expected coverage rises with effort, linearly within a tie; the point is found by halving.
    """
    wanted = coverage * _sum(one.positives for one in tallies)
    low, high = np.zeros_like(wanted), np.ones_like(wanted)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = _sum(_found(one, middle * one.total) for one in tallies) >= wanted - 1e-9
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    result: Floats = np.where(wanted > 0, high, np.nan)
    return result


def curve(tallies: Sequence[Tally], efforts: Floats) -> Floats:
    """Expected coverage at each of `efforts` (shares of a day's items) of the first sample."""
    first = [Tally(*(array[:1] for array in one)) for one in tallies]
    positives = _sum(one.positives for one in first)
    points = [_ratio(_sum(_found(one, effort * one.total) for one in first), positives)[0] for effort in efforts]
    return np.array(points, dtype=np.float64)


def _sum(parts: object) -> Floats:
    return np.asarray(sum(parts), dtype=np.float64)  # type: ignore[call-overload]


def _ratio(above: Floats, below: Floats) -> Floats:
    """The ratio, NaN where nothing came true."""
    return np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
