"""Writing our predictions down as dated facts, after intelligence was read."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake

SOURCE = "foreshore"
KIND = "own_model"

# Only those of which something is known: of what nobody spoke there is no opinion either.
_PRESENT = """
SELECT DISTINCT weakness FROM (
    SELECT weakness FROM exposures UNION SELECT unnest(weaknesses) FROM findings
    UNION SELECT weakness FROM weakness_aliases
) WHERE weakness LIKE 'CVE-%' AND weakness IN (
    SELECT weakness FROM signals WHERE kind <> 'own_model' AND observed_at <= TIMESTAMP '$as_of'
)
"""
# The day is part of a prediction, but a prediction is only written again when something in it changed.
_NEWS = """
SELECT p.weakness, 'own_model' AS kind, p.p30 AS value, p.reasons AS text, 'foreshore' AS source, p.model,
    TIMESTAMP '$as_of' AS observed_at, '$feed' AS feed
FROM predicted p LEFT JOIN (
    SELECT weakness, arg_max({value: value, model: model}, {day: observed_at, known: known_at}) AS last
    FROM signals WHERE kind = 'own_model' AND source = 'foreshore' AND observed_at <= TIMESTAMP '$as_of' GROUP BY 1
) s USING (weakness)
WHERE p.p30 IS NOT NULL AND NOT coalesce(p.in_kev, false) AND NOT p.rejected
    AND (s.last IS NULL OR s.last.model IS DISTINCT FROM p.model OR s.last.value <> p.p30)
ORDER BY p.weakness
"""
# Age alone moves every chance a little each day; with fewer digits only what matters is written again, and
# what stands there does not hang on what stood there before.
DIGITS = 2


def refresh(lake: Lake, as_of: datetime | None = None) -> int:
    """Predict for the CVEs of the workspace as of `as_of` and append what changed; return how many rows.

    Without a day, that of the newest intelligence. Rows are `signals` of kind `own_model`, source
    `foreshore`: `value` the chance within 30 days in two digits, `model` the model's version, `text` the
    reasons of the day on which it came to this value.
    What is in KEV or rejected is left alone. Doing it again changes nothing.
    """
    from foreshore.intel.opinion.prediction import predict

    moment = as_of or _newest(lake)
    if moment is None:
        return 0
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    wanted = lake.sql(_PRESENT.replace("$as_of", moment.isoformat(sep=" ")))
    if not len(wanted):
        return 0
    predicted = _rounded(predict(lake.sql, moment, wanted, reasons=True))
    digest = _digest(predicted, moment)
    query = _NEWS.replace("$as_of", moment.isoformat(sep=" ")).replace("$feed", digest)
    news = lake.sql(query, predicted=predicted)
    if len(news):
        lake.append({"signals": news}, job=f"own-model-{digest[:32]}")
    return len(news)


def _rounded(predicted: pa.Table) -> pa.Table:
    place = predicted.column_names.index("p30")
    chances = [None if one is None else float(f"{one:.{DIGITS - 1}e}") for one in predicted["p30"].to_pylist()]
    return predicted.set_column(place, "p30", pa.array(chances, pa.float64()))


def _newest(lake: Lake) -> datetime | None:
    found = lake.sql("SELECT max(observed_at) AS day FROM signals WHERE weakness = '*'")["day"][0].as_py()
    return found if isinstance(found, datetime) else None


def _digest(predicted: pa.Table, moment: datetime) -> str:
    state = hashlib.sha256(moment.isoformat().encode())
    for name in ("weakness", "p30", "model"):
        state.update(repr(predicted[name].to_pylist()).encode())
    return state.hexdigest()
