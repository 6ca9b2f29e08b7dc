"""How likely an attacker in position succeeds with a weakness: usable at all, way in, success, gain.

Three things are kept apart. *Usable*: an attacker of this year has a working exploit and tries; the
strongest evidence decides. *Success*: a usable exploit works against this target, for an attacker
who is in position. *Frequency* of attacks is not here at all: it belongs to the attackers' profiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foreshore.prioritization import classify

if TYPE_CHECKING:
    from foreshore.policy import Parameter, Policy

Floats = NDArray[np.float64]
# Words of maturity in rising order, and the policy number of each.
MATURITY = {
    "none_known": "likelihood.usable.none_known",
    "poc": "likelihood.usable.poc",
    "weaponized": "likelihood.usable.weaponized",
    "attacks": "likelihood.usable.kev",
    "ransomware": "likelihood.usable.ransomware",
}
SCORES_KNOW = ("none_known", "poc", "unknown")
SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("way_in", pa.string()),
        ("gives", pa.string()),
        ("adjacent", pa.bool_()),  # only from the same network segment
        ("ports", pa.list_(pa.int32())),  # where a finding without a port would be reached, by product
        ("usable", pa.float64()),
        ("usable_low", pa.float64()),
        ("usable_high", pa.float64()),
        ("usable_param", pa.string()),  # the policy number that decided
        ("success", pa.float64()),
        ("success_low", pa.float64()),
        ("success_high", pa.float64()),
        ("success_param", pa.string()),
        ("truth", pa.float64()),  # chance that it is really there, by how it was seen
        ("exploit", pa.string()),
        (
            "evidence",
            pa.string(),
        ),  # kev, ransomware, attacks, weaponized, poc, epss, own_model, none_known, unknown, class, kind
        ("class", pa.string()),  # row of weakness_classes.csv, or ""
        ("basis", pa.string()),  # how way in and gain were found, in words
    ]
)


class Chance(NamedTuple):
    """A chance with its 5 and 95 % points, as arrays, and the policy number behind each."""

    value: Floats
    low: Floats
    high: Floats
    param: NDArray[np.object_]


def weigh(candidates: pa.Table, signals: pa.Table, policy: Policy) -> pa.Table:
    """Return one row of `SCHEMA` for each candidate, in the same order.

    `candidates` has the columns row, weakness, kind, rule, title, component, component_name, port,
    severity (0..4), proof (rank), cvss_vector (the scanner's own, '' unknown); `signals` is the
    table of `intel.signals.signals_at`. Give distinct candidates and join afterwards: text is matched
    once for each distinct one.
    """
    facts = classify.facts_of(candidates, signals, policy)
    usable = _usable(facts, policy)
    success = _success(facts, policy)
    ranks = {int(one.value): name for name, one in policy.numbers("proof.rank").items()}
    truth = np.array(
        [policy.number(f"proof.truth.{ranks.get(rank, 'unknown')}").value for rank in facts["proof"].to_pylist()]
    )
    ports = [[int(one) for one in text.split()] for text in facts["product_ports"].to_pylist()]
    columns: list[Any] = [
        facts["row"], facts["way_in"], facts["gives"], facts["adjacent"], ports,
        usable.value, usable.low, usable.high, usable.param.tolist(),
        success.value, success.low, success.high, success.param.tolist(), truth,
        _exploit(facts), _evidence(usable), facts["class"], facts["basis"],
    ]  # fmt: skip
    arrays = [
        column if isinstance(column, pa.ChunkedArray) else pa.array(column, field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=SCHEMA)


def epss_to_year(p30: Floats, policy: Policy) -> Floats:
    """Return the chance over the horizon of what has chance `p30` in 30 days, at constant hazard.

    p(h) = 1 - (1 - p30)^(h/30); EPSS documents the window of 30 days.
    """
    windows = policy.number("likelihood.epss.horizon_days").value / policy.number("likelihood.epss.window_days").value
    result: Floats = -np.expm1(windows * np.log1p(-np.clip(p30, 0.0, 1.0 - 1e-15)))
    return result


def with_effort(chance: Floats, effort: float) -> Floats:
    """Return `chance` for an attacker who tries `effort` times as hard: 1 - (1 - p)^effort.

    Grows with both, stays within 0..1, and an effort of 1 changes nothing.
    """
    result: Floats = -np.expm1(effort * np.log1p(-np.clip(chance, 0.0, 1.0 - 1e-15)))
    return result


def _usable(facts: pa.Table, policy: Policy) -> Chance:
    """Weakness classes and kinds speak for what has no public name; else the strongest of all evidence."""
    maturity = facts["maturity"].to_pylist()
    names = [
        f"likelihood.kind.{kind}.usable" if source == "kind" else MATURITY.get(word, f"likelihood.usable.{word}")
        for word, source, kind in zip(
            maturity, facts["usable_source"].to_pylist(), facts["kind"].to_pylist(), strict=True
        )
    ]
    forecast = _forecast(facts, policy)
    chance = _without_what_scores_know(_chance(names, policy), np.array(maturity), ~np.isnan(forecast.value))
    return _by_forecast(chance, forecast, policy)


def _forecast(facts: pa.Table, policy: Policy) -> Chance:
    """The chance of exploitation within 30 days by EPSS, by our own model, or by both; NaN where neither speaks.

    Two forecasts are pooled by the mean of their log-odds, weighted (`likelihood.own.weight`; a logarithmic
    opinion pool). Ours speaks of entries in KEV, which lists a part of what is exploited: `likelihood.own.unlisted`.
    Where they disagree, the interval holds both.
    """
    epss, own = (
        facts[name].to_numpy(zero_copy_only=False).astype(np.float64)
        if name in facts.column_names
        else np.full(len(facts), np.nan)
        for name in ("epss", "own")
    )
    wider = policy.number("likelihood.own.unlisted")
    ours = with_effort(own, wider.value)
    weight = policy.number("likelihood.own.weight").value
    odds = (1 - weight) * _log_odds(epss) + weight * _log_odds(ours)
    pooled = np.where(np.isnan(odds), np.where(np.isnan(epss), ours, epss), 1 / (1 + np.exp(-odds)))
    names = np.where(np.isnan(epss), "likelihood.own.carried", "likelihood.epss.carried").astype(object)
    low, high = np.fmin(epss, with_effort(own, wider.low)), np.fmax(epss, with_effort(own, wider.high))
    return Chance(pooled, np.fmin(low, pooled), np.fmax(high, pooled), names)


def _log_odds(chance: Floats) -> Floats:
    kept = np.clip(chance, 1e-9, 1 - 1e-9)
    result: Floats = np.log(kept) - np.log1p(-kept)
    return result


def _without_what_scores_know(chance: Chance, maturity: NDArray[Any], scored: NDArray[np.bool_]) -> Chance:
    """Where a score speaks, “proof of concept” and “none known” are not a second witness beside it.

    Scores are made from exploit code among other things, and on past days floors for these words put thousands of
    weaknesses above those that were attacked soon after (docs/howto/backtest.md). A ready exploit and attacks stay:
    they are known, not forecast. Where no feed of exploits was read, the top stays open.
    """
    spoken = scored & np.isin(maturity, SCORES_KNOW)
    top = np.where(spoken & (maturity != "unknown"), 0.0, chance.high)
    return Chance(np.where(spoken, 0.0, chance.value), np.where(spoken, 0.0, chance.low), top, chance.param)


def _by_forecast(chance: Chance, forecast: Chance, policy: Policy) -> Chance:
    """Take the larger of what is known and of the forecast, carried over to this attacker and year."""
    spoken = ~np.isnan(forecast.value)
    carried = _chance(forecast.param.tolist(), policy)
    value, low, high = (
        np.where(spoken, epss_to_year(np.where(spoken, p30, 0.0), policy) * share, 0.0)
        for p30, share in zip(forecast[:3], carried[:3], strict=True)
    )
    return Chance(
        np.maximum(chance.value, value),
        np.maximum(chance.low, low),
        np.maximum(chance.high, high),
        np.where(spoken & (value > chance.value), forecast.param, chance.param),
    )


def _success(facts: pa.Table, policy: Policy) -> Chance:
    chance = _chance(facts["success_base"].to_pylist(), policy)
    value, low, high = chance.value.copy(), chance.low.copy(), chance.high.copy()
    for name, factor in policy.numbers("likelihood.success.factor").items():
        applies = facts[f"factor_{name}"].to_numpy(zero_copy_only=False).astype(bool)
        value[applies] *= factor.value
        low[applies] *= factor.low
        high[applies] *= factor.high
    return Chance(np.minimum(value, 1.0), np.minimum(low, 1.0), np.minimum(high, 1.0), chance.param)


def _chance(names: list[str], policy: Policy) -> Chance:
    distinct, at = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    found: list[Parameter] = [policy.number(str(name)) for name in distinct]
    value, low, high = (
        np.array([getattr(one, key) for one in found], dtype=np.float64)[at] if len(found) else np.zeros(0)
        for key in ("value", "low", "high")
    )
    return Chance(value, low, high, distinct.astype(object)[at] if len(found) else np.zeros(0, object))


def _exploit(facts: pa.Table) -> list[str]:
    """The word that people read; what needs no exploit counts as ready to use."""
    return ["weaponized" if word == "built_in" else word for word in facts["maturity"].to_pylist()]


def _evidence(usable: Chance) -> list[str]:
    return [
        "epss"
        if name.startswith("likelihood.epss")
        else "own_model"
        if name.startswith("likelihood.own")
        else "kind"
        if ".kind." in name
        else name.rsplit(".", 1)[-1]
        for name in usable.param.tolist()
    ]
