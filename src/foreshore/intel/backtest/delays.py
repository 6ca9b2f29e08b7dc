"""How long news took: from publication and from the catalogue's date to the day this workspace knew."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# What was dated before the workspace first read any intelligence was loaded later, not learned late.
_LATE = """
    WITH begun AS (SELECT min(known_at) AS day FROM signals),
    first AS (
        SELECT weakness, min(observed_at) AS dated FROM signals
        WHERE kind = '$kind' AND coalesce(value, 1) > 0 AND weakness LIKE 'CVE-%' GROUP BY 1
    ),
    learned AS (SELECT weakness, min(known_at) AS known FROM signals WHERE $of_kind GROUP BY 1)
    SELECT epoch(known - dated) / 86400.0 AS days, dated > begun.day AS lived
    FROM first JOIN learned USING (weakness) CROSS JOIN begun
    WHERE dated BETWEEN TIMESTAMP '$first' AND TIMESTAMP '$last'
"""
_TO_KEV = """
    WITH published AS (
        SELECT weakness, min(observed_at) AS day FROM signals WHERE kind = 'published' GROUP BY 1
    ), kev AS (SELECT weakness, min(observed_at) AS day FROM signals WHERE kind = 'kev' AND value > 0 GROUP BY 1)
    SELECT date_diff('day', published.day, kev.day)::DOUBLE AS days, true AS lived
    FROM kev JOIN published USING (weakness) WHERE kev.day BETWEEN TIMESTAMP '$first' AND TIMESTAMP '$last'
"""


def delays(lake: Lake, first: date, last: date) -> list[dict[str, Any]]:
    """Return delays in days: `what`, `count`, `loaded_later` (not measurable), `quantiles`, `within`.

    Three of them: from publication to known here (from then on it is ranked), from addition to KEV to
    known here, and from publication to addition to KEV (by the sources' clocks). `within` gives the
    share within a day, a week and a month. A weakness dated before this workspace first read any
    intelligence cannot tell how late we were: it counts as `loaded_later`.
    """
    bounds = {"$first": f"{first}", "$last": f"{last + timedelta(days=1)}"}
    return [
        _delay(lake, "from publication to known here", _LATE, {"$kind": "published", "$of_kind": "true", **bounds}),
        _delay(lake, "from addition to KEV to known here", _LATE,
               {"$kind": "kev", "$of_kind": "kind = 'kev' AND value > 0", **bounds}),
        _delay(lake, "from publication to addition to KEV, by their own dates", _TO_KEV, bounds),
    ]  # fmt: skip


def _delay(lake: Lake, what: str, query: str, names: dict[str, str]) -> dict[str, Any]:
    for name, value in names.items():
        query = query.replace(name, value)
    table = lake.sql(query)
    lived = np.array(table["lived"].to_pylist(), bool)
    days = table["days"].to_numpy().astype(np.float64)[lived] if len(table) else np.zeros(0)
    return {
        "what": what,
        "count": len(days),
        "loaded_later": int((~lived).sum()),
        "quantiles": {f"{100 * one:g}": float(np.quantile(days, one)) for one in _QUANTILES} if len(days) else None,
        "within": {str(limit): float((days <= limit).mean()) for limit in (1, 7, 30)} if len(days) else None,
    }
