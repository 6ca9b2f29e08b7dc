"""Our own chance that a weakness is taken into KEV within 30 days, an order that joins EPSS, and why.

Without EPSS the chance is the calibrated logistic model's. With EPSS the two orders are joined: how
rare a weakness is by EPSS, plus how rare by our model, each as -log10 of the share above it (ranks,
so that versions of EPSS may mix). The joined order deals out the same total of expected entries.

The model's file holds one fit for each of several days, trained with what was known by then and
nothing later; a past day is answered by the newest fit that existed on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.opinion import fit
from foreshore.intel.opinion.features import FEATURES, features
from foreshore.intel.opinion.fit import Floats
from foreshore.intel.opinion.reasons import spoken

Ask = Callable[..., pa.Table]
FILE = "model.json"
# The model proper has no part of EPSS in it: that is joined afterwards.
USED = tuple(one for one in FEATURES if one.name != "epss_rank")
NAMES = tuple(one.name for one in USED)
SCHEMA = pa.schema(
    [
        ("weakness", pa.string()),
        ("order", pa.float64()),  # higher first: ranks what EPSS scores and what it does not in one list
        ("p30", pa.float64()),  # chance within 30 days, EPSS joined where it has a score
        ("own_p30", pa.float64()),  # the same without EPSS
        ("log_odds", pa.float64()),  # of own_p30
        ("model", pa.string()),
        ("reasons", pa.string()),  # JSON list of {because, log_odds}, summing to the log-odds of p30
        ("in_kev", pa.bool_()),
        ("rejected", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Model:
    """One fit: trained with what was known through `trained_through`, and where its values lie in the world.

    `shares` are shares of all weaknesses of that day; `own` the log-odds and `joined` the joined order
    that so many stay below.
    """

    version: str
    trained_through: datetime
    fit: fit.Fit
    shares: Floats
    own: Floats
    joined: Floats


def predict(
    ask: Ask, as_of: datetime, weaknesses: pa.Table, *, model: Model | None = None, reasons: bool = False
) -> pa.Table:
    """Return one row of `SCHEMA` for each weakness, ordered by name, with what was known as of `as_of`.

    `ask` and `weaknesses` as for `features`. Chances are NULL where no fit existed by that day. With
    `reasons`, each row says why; otherwise that column is NULL.
    """
    known = features(ask, as_of, weaknesses)
    model = model or model_for(as_of)
    if model is None:
        nothing = {name: pa.nulls(len(known), SCHEMA.field(name).type) for name in SCHEMA.names}
        return pa.table([known[name] if name in known.column_names else nothing[name] for name in SCHEMA.names], SCHEMA)
    return judged(known, model, reasons=reasons, as_of=as_of)


def judged(known: pa.Table, model: Model, *, reasons: bool = False, as_of: datetime | None = None) -> pa.Table:
    """Return the predictions for rows of `features.SCHEMA`."""
    logit, each = fit.log_odds(model.fit, matrix(known))
    rank = known["epss_rank"].to_numpy(zero_copy_only=False).astype(np.float64)
    order, p30 = joined(model, logit, rank)
    own = fit.chance(logit)
    said = spoken(known, NAMES, model.fit.intercept, each, logit, p30, as_of) if reasons else pa.nulls(len(own))
    columns: list[Any] = [
        known["weakness"], order, p30, own, logit, pa.repeat(pa.scalar(model.version), len(own)), said,
        known["in_kev"], known["rejected"],
    ]  # fmt: skip
    arrays = [
        one if isinstance(one, pa.ChunkedArray) else pa.array(one, field.type) if isinstance(one, np.ndarray)
        else one.cast(field.type)
        for one, field in zip(columns, SCHEMA, strict=True)
    ]  # fmt: skip
    return pa.table(arrays, schema=SCHEMA)


def matrix(known: pa.Table) -> Floats:
    """Return the model's features as rows by `NAMES`, NaN where unknown."""
    columns = [known[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in NAMES]
    return np.column_stack(columns) if len(known) else np.zeros((0, len(NAMES)))


def joined(model: Model, logit: Floats, epss_rank: Floats) -> tuple[Floats, Floats]:
    """Return the joined order and the chance of each; both never fall when EPSS or the log-odds rise."""
    rare = rarity(model.shares)
    scored = ~np.isnan(epss_rank)
    order = np.where(
        scored, surprise(model.own, rare, logit) + np.nan_to_num(epss_rank), _extended(model.own, model.joined, logit)
    )
    chances = np.where(scored, fit.chance(_extended(model.joined, model.own, order)), fit.chance(logit))
    return order, chances


def rarity(share: Floats) -> Floats:
    """Return -log10 of the share above: 0 for the lowest, 1 at the top tenth, 2 at the top hundredth, at most 5."""
    result: Floats = -np.log10(1.0 - np.minimum(share, 1.0) + 1e-5)
    return result


def surprise(values: Floats, rare: Floats, x: Floats) -> Floats:
    """Return how rare each of `x` is, between the known `values`; beyond the last it goes on at the last slope."""
    return _extended(values, rare, x)


def _extended(xs: Floats, ys: Floats, x: Floats) -> Floats:
    """Piecewise linear through (xs, ys), flat below; above the last it rises so that order is kept."""
    slope = (ys[-1] - ys[0]) / max(xs[-1] - xs[0], 1e-9)
    result: Floats = np.interp(x, xs, ys) + slope * np.maximum(x - xs[-1], 0.0) - slope * np.maximum(xs[0] - x, 0.0)
    return result


def model_for(as_of: datetime) -> Model | None:
    """Return the newest fit that had been trained by `as_of`, or None before the first."""
    moment = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    return next((one for one in reversed(models()) if one.trained_through <= moment), None)


@lru_cache(maxsize=1)
def models() -> tuple[Model, ...]:
    """Return the fits that come with the product, oldest first."""
    return parsed(resources.files(__package__).joinpath(FILE).read_text("utf-8"), FILE)


def load(path: Path) -> tuple[Model, ...]:
    """Return the fits of a model's file. Raises BadFeed for a file that is none, or of other features."""
    return parsed(path.read_text("utf-8"), path.name)


def parsed(text: str, where: str) -> tuple[Model, ...]:
    """Return the fits that `text` (JSON) describes, oldest first."""
    try:
        content = json.loads(text)
        if content["features"] != list(NAMES):
            raise BadFeed("the model was trained with other features", where=where, hint="train it again")
        return tuple(_model(one) for one in content["fits"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadFeed(f"it is no model file ({error!r:.120})", where=where) from error


def _model(one: dict[str, Any]) -> Model:
    arrays = {name: np.array(one[name], dtype=np.float64) for name in ("centres", "scales", "weights")}
    return Model(
        version=one["version"],
        trained_through=datetime.fromisoformat(one["trained_through"]),
        fit=fit.Fit(arrays["centres"], arrays["scales"], arrays["weights"], float(one["intercept"])),
        shares=np.array(one["shares"], dtype=np.float64),
        own=np.array(one["own"], dtype=np.float64),
        joined=np.array(one["joined"], dtype=np.float64),
    )
