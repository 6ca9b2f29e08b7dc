"""All that is known of one weakness, with who said it and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore.errors import UsageError
from foreshore.intel.signals import feeds_at, signals_at

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake


def show(lake: Lake, weakness: str, *, as_of: datetime | None = None) -> dict[str, Any]:
    """Return `summary` (a row of `signals_at`), `signals` (newest first), `feeds`, and where it is `present`.

    Raises UsageError for an empty name. A weakness nobody spoke of has unknowns, not an error.
    """
    name = weakness.strip()
    name = name.upper() if name.upper().startswith(("CVE-", "GHSA-")) else name
    if not name:
        raise UsageError("no weakness was named", hint="foreshore intel show CVE-2021-44228")
    when = as_of or datetime.now(UTC)
    asked = pa.table({"weakness": [name]})
    summary = signals_at(lake.sql, when, asked).to_pylist()[0]
    signals = lake.sql(
        "SELECT s.* EXCLUDE (weakness) FROM signals s JOIN asked USING (weakness)"
        " ORDER BY observed_at DESC, kind, source, text",
        asked=asked,
    ).to_pylist()
    exposures = lake.sql("SELECT count(*) AS n FROM exposures JOIN asked USING (weakness)", asked=asked)
    return {
        "summary": summary,
        "signals": signals,
        "feeds": feeds_at(lake.sql, when).to_pylist(),
        "present": int(exposures.column(0)[0].as_py()),
    }
