"""Random numbers that belong to a name: the same for a key, seed and world, whatever else changes.

Numbers that come from logarithms and exponentials are rounded to nine places before they are used,
so that mathematics libraries that differ in the last digit still give the same thresholds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreshore.graph.model import Floats, Ints, Longs, Params, Profile, Range, Words

OWN, YEAR, UNKNOWN, PARAM, RATE, NUMBER, WHO, AMOUNT, MIX, WHICH, RANK = range(1, 12)

_GAMMA = 0x9E3779B97F4A7C15
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FULL = (1 << 64) - 1
_Z95 = 1.6448536269514722
KINDS = 1 << 18

Thresholds = NDArray[np.uint32]


def salt(seed: int, *parts: int) -> int:
    """Fold whole numbers into one 64-bit word."""
    word = _mix((seed + _GAMMA) & _FULL)
    for part in parts:
        word = _mix(((word ^ _mix((part + _GAMMA) & _FULL)) + _GAMMA) & _FULL)
    return word


def _mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * _M1) & _FULL
    x = ((x ^ (x >> 27)) * _M2) & _FULL
    return x ^ (x >> 31)


def hashed(word: int, names: NDArray[Any]) -> Words:
    """A 64-bit hash of each name under `word`."""
    x = names.astype(np.uint64) * np.uint64(_GAMMA) ^ np.uint64(word)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_M1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_M2)
    return np.asarray(x ^ (x >> np.uint64(31)))


def uniform(word: int, names: NDArray[Any]) -> Floats:
    """A number in (0, 1) for each name, of 52 bits."""
    whole = (hashed(word, names) >> np.uint64(12)).astype(np.float64)
    return np.asarray((whole + 0.5) * 2.0**-52)


def pack(flags: NDArray[Any]) -> Words:
    """One word per row of 64 flags, the first flag in the lowest bit."""
    columns = np.packbits(np.ascontiguousarray(flags), axis=1, bitorder="little")
    return np.asarray(np.ascontiguousarray(columns).view("<u8")[:, 0])


def name_key(name: str) -> int:
    """A stable 63-bit number for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") >> 1


def strata(seed: int, purpose: int, keys: Longs, draws: int) -> Floats:
    """For each key one number in (0, 1) per draw, one from each `draws`-th of the interval.

    Shape (keys, draws). Each number is uniform; over the draws they are spread evenly (Latin
    hypercube), which makes means over few draws steadier.
    """
    if not keys.size:
        return np.zeros((0, draws))
    base = hashed(salt(seed, purpose), keys)
    lot = hashed(salt(seed, purpose, 1), (base[:, None] + np.arange(draws, dtype=np.uint64)[None, :]))
    inside = (hashed(salt(seed, purpose, 2), lot) >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53
    rank = np.empty(lot.shape, np.int64)
    np.put_along_axis(rank, np.argsort(lot, axis=1, kind="stable"), np.arange(draws)[None, :], axis=1)
    return np.asarray((rank + inside) / draws)


def odds_factors(params: Params, seed: int, draws: int) -> Floats:
    """By how much each draw multiplies the odds of the steps of each parameter; shape (params, draws).

    The odds of a parameter follow a lognormal with two halves: median `value`, 5 % at `low`, 95 % at
    `high`. A step of probability p under factor f has probability p f / (1 - p + p f).
    """
    from scipy.special import ndtri

    normal = np.round(ndtri(strata(seed, PARAM, params.key, draws)), 9)
    low, middle, high = (
        np.log(np.clip(x, 1e-9, 1 - 1e-9)) - np.log1p(-np.clip(x, 1e-9, 1 - 1e-9))
        for x in (params.low, params.value, params.high)
    )
    down, up = ((middle - low) / _Z95)[:, None], ((high - middle) / _Z95)[:, None]
    return np.asarray(np.round(np.exp(normal * np.where(normal < 0, down, up)), 9))


def quantile(span: Range, u: Floats) -> Floats:
    """The values of a range at the points `u`."""
    from scipy.special import betaincinv, ndtri

    if span.low == span.high:
        return np.full(u.shape, span.low)
    if span.shape == "lognormal":
        low, high = np.log(span.low), np.log(span.high)
        return np.asarray(np.round(np.exp((low + high) / 2 + ndtri(u) * (high - low) / (2 * _Z95)), 9))
    width = span.high - span.low
    a = 1 + 4 * (span.likely - span.low) / width
    b = 1 + 4 * (span.high - span.likely) / width
    return np.asarray(np.round(span.low + width * betaincinv(a, b, u), 9))


def rates(profiles: Sequence[Profile], seed: int, draws: int) -> Floats:
    """Attacks per year of each profile in each draw; shape (profiles, draws)."""
    rows = [
        quantile(one.rate, strata(seed, RATE, np.array([name_key(one.name)], np.int64), draws)[0]) for one in profiles
    ]
    return np.array(rows).reshape(len(rows), draws)


def thresholds(p: Floats) -> Thresholds:
    """Probabilities as 32-bit whole numbers; only exactly 0 and 1 become never and always."""
    whole = np.clip(np.floor(p * 2.0**32), 1, 2**32 - 2)
    whole = np.where(p <= 0, 0, np.where(p >= 1, 2**32 - 1, whole))
    return np.asarray(whole.astype(np.uint32))


@dataclass(frozen=True, eq=False)
class Chances:
    """Thresholds of many things: `threshold` where `kind` is -1, else row `kind` of `varied`.

    `varied` has one column per draw. Things alike in probability and parameter share a row; where
    there are more than 262,144 different rows, their log-odds are rounded to 0.001 first (`rounded`).
    """

    threshold: Thresholds
    kind: Ints
    varied: Thresholds
    rounded: bool = False

    def table(self, lanes: Longs) -> Words:
        """The thresholds of `varied` bit by bit, lane `l` under draw `lanes[l]`; shape (rows, 32)."""
        out = np.zeros((max(1, len(self.varied)), 32), np.uint64)
        chosen = self.varied[:, lanes]
        for bit in range(32):
            if len(self.varied):
                flags = ((chosen >> np.uint32(31 - bit)) & np.uint32(1)).astype(np.uint8)
                out[:, bit] = pack(flags)
        return out


def chances(p: Floats, param: Ints, factors: Floats) -> Chances:
    """Prepare probabilities and their parameters for all draws at once."""
    kind = np.full(p.size, -1, np.int32)
    fixed = thresholds(p)
    if not factors.size:
        return Chances(fixed, kind, np.zeros((0, factors.shape[1]), np.uint32))
    moves = np.append((factors != 1).any(axis=1), False)
    rows = np.flatnonzero(moves[param] & (p > 0) & (p < 1))
    chosen, which = p[rows], param[rows]
    first, inverse = _alike(chosen, which)
    rounded = first.size > KINDS
    if rounded:
        logit = np.round(np.log(chosen / (1 - chosen)), 3)
        chosen = 1 / (1 + np.exp(-logit))
        first, inverse = _alike(chosen, which)
    kind[rows] = inverse
    central, factor = chosen[first][:, None], factors[which[first]]
    bars = np.minimum(thresholds(central * factor / (1 - central + central * factor)), 2**32 - 2)
    return Chances(fixed, kind, bars, rounded)


def _alike(p: Floats, param: Ints) -> tuple[Longs, Longs]:
    code = hashed(salt(0), p.view(np.uint64) ^ (param.astype(np.uint64) * np.uint64(_M1)))
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first, inverse
