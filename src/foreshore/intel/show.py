"""All that is known of one weakness, with who said it and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore import policy
from foreshore.errors import UsageError
from foreshore.intel import exploits, standards
from foreshore.intel.signals import Ask, feeds_at, names_at, signals_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foreshore.store.ducklake import Lake


def show(lake: Lake, weakness: str, *, as_of: datetime | None = None) -> dict[str, Any]:
    """Return all that is known of one weakness.

    `summary` (a row of `signals_at`), `exploit` (see `exploits.answer`), `techniques` (see `named`), `standards`
    (see `standards.beside`), `signals` (newest first), `feeds`, and where it is `present`.

    Raises UsageError for an empty name. A weakness nobody spoke of has unknowns, not an error.
    """
    name = weakness.strip()
    name = name.upper() if name.upper().startswith(("CVE-", "GHSA-")) else name
    if not name:
        raise UsageError("no weakness was named", hint="foreshore intel show CVE-2021-44228")
    when = as_of or datetime.now(UTC)
    asked = pa.table({"weakness": [name]})
    summary = signals_at(lake.sql, when, asked).to_pylist()[0]
    feeds = feeds_at(lake.sql, when).to_pylist()
    beside = standards.beside(lake.sql, name, when, policy.load(lake.workspace.policy_dir))
    signals = lake.sql(
        "SELECT s.* EXCLUDE (weakness) FROM signals s JOIN asked USING (weakness)"
        " ORDER BY observed_at DESC, kind, source, text",
        asked=asked,
    ).to_pylist()
    exposures = lake.sql("SELECT count(*) AS n FROM exposures JOIN asked USING (weakness)", asked=asked)
    return {
        "summary": summary,
        "exploit": exploits.answer(summary, feeds),
        "techniques": named(lake.sql, summary, when),
        "signals": signals,
        "standards": {**beside, "sentences": standards.sentences(beside)},
        "feeds": feeds,
        "present": int(exposures.column(0)[0].as_py()),
    }


def named(ask: Ask, summary: Mapping[str, Any], when: datetime) -> list[dict[str, str]]:
    """Return the ATT&CK techniques of a row of `signals_at`: id, name ('' unknown), of (weakness or cwe)."""
    ids = summary["techniques"] or []
    names = names_at(ask, when, pa.table({"weakness": pa.array(ids, pa.string())})) if ids else {}
    return [{"id": one, "name": names.get(one, ""), "of": summary["techniques_of"]} for one in ids]
