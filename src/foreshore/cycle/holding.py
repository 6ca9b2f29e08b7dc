"""Whether exceptions hold now, without a cycle: the served cycle's answers under the intelligence of now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts, policy
from foreshore.cycle import again, assuming, revoking
from foreshore.cycle.assuming import Seen
from foreshore.intel.signals import signals_at
from foreshore.prioritization import context, likelihood
from foreshore.prioritization.renewed import CANDIDATE
from foreshore.store import open_lake, serving

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

_ROWS = """
    select e.*, w.* exclude (exposure, weakness) from exposures e join weighed w on w.exposure = e.exposure
    where e.exposure in (select exposure from asked) order by e.exposure
"""


def now(workspace: Workspace, words: Sequence[facts.Decision], moment: datetime | None = None) -> revoking.Broken:
    """Return the exceptions among `words` that do not hold; those on exposures that are not served are not judged.

    Reach, place and paths are as the served cycle found them; what intelligence says (KEV, EPSS, CVSS, kind of
    exploit) is as of `moment`, by default now.
    """
    import pyarrow as pa

    when = moment or datetime.now(UTC).replace(tzinfo=None)
    asked = pa.table({"exposure": pa.array([one.exposure for one in words], pa.int64())})
    with closing(serving.connect(workspace)) as connection:
        connection.register("asked", asked)
        rows = connection.execute(_ROWS).to_arrow_table()
    if not rows.num_rows:
        return {}
    rules = policy.load(workspace.policy_dir)
    with open_lake(workspace, read_only=True) as lake:
        signals = signals_at(lake.sql, when, rows.select(["weakness"]))
        return assuming.broken(seen(workspace, lake, rows, signals, rules, when), words)


def seen(workspace: Workspace, lake: Lake, rows: pa.Table, signals: pa.Table, rules: Policy, moment: datetime) -> Seen:
    """Return what exceptions on served exposures (`rows`, beside what was weighed of them) are held against."""
    return Seen(
        rows=renewed(rows, signals, rules), signals=signals, rules=rules, now=moment,
        assets=lambda: _context(workspace), known_then=lambda keys: revoking.known_then(workspace, lake, keys),
    )  # fmt: skip


def renewed(rows: pa.Table, signals: pa.Table, rules: Policy) -> pa.Table:
    """Return served exposures (beside what was weighed of them) with what intelligence says of them now."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(rows.column("weakness"), value_set=signals.column("weakness").combine_chunks())
    taken = signals.select(["kev", "epss", "cvss", "exploit", "exploit_since", "exploit_sources"]).take(place)
    numbered = rows.select(list(CANDIDATE)).add_column(0, "row", pa.array(np.arange(rows.num_rows)))
    fresh: dict[str, Any] = {
        "kev": taken.column("kev"), "epss": taken.column("epss"),
        "cvss": pc.coalesce(taken.column("cvss"), rows.column("cvss")),
        "exploit": likelihood.weigh(numbered, signals, rules).column("exploit"),
        "exploit_because": pa.array([_since(one) for one in taken.to_pylist()], pa.string()),
    }  # fmt: skip
    for name, column in fresh.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def _since(one: dict[str, Any]) -> str:
    since = f"since {one['exploit_since']:%Y-%m-%d}" if one["exploit_since"] else ""
    by = f"says {', '.join(one['exploit_sources'])}" if one["exploit_sources"] else ""
    return ", ".join(part for part in (since, by) if part)


def _context(workspace: Workspace) -> context.Context:
    with again.snapshot(workspace, again.served(workspace)) as snapshot:
        return context.gather(snapshot)
