"""Facts as they would be: a snapshot whose tables are read through suppositions. Nothing is written.

Each supposition lays a query over a table of the lake (`through`), or a table over it (`laid`), so that all stages
see the supposed facts and none of them knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from foreshore.cycle.snapshot import LakeSnapshot
from foreshore.query.attributes import moment

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = "what-if"
_WITH = re.compile(r"\s*with\s+", re.IGNORECASE)
# What runs of a source wrote. Findings stay where another source reported the exposure as well: see `_FINDINGS`.
_OF_RUNS = ("sightings", "identifiers", "ports_seen", "relations", "controls", "coverage", "listed", "ended", "seen")


@dataclass(frozen=True)
class Supposed(LakeSnapshot):
    """A snapshot some of whose tables are queries over the lake's own, by name."""

    views: dict[str, str] = field(default_factory=dict)

    def sql(self, query: str, **tables: pa.Table) -> pa.Table:
        """Run a query over the supposed tables, those laid over them, and the given ones."""
        asked = [name for name in self.views if name not in tables and _reads(query, name)]
        if asked:
            own = ", ".join(f"{name} as ({self.views[name]})" for name in asked)
            begins = _WITH.match(query)
            query = f"with {own}, {query[begins.end() :]}" if begins else f"with {own} {query}"
        return super().sql(query, **tables)

    def through(self, name: str, query: str) -> Supposed:
        """Return the same snapshot with `query` over the table `name`, which it calls {before}."""
        before = f"({self.views[name]})" if name in self.views else f"main.{name}"
        return replace(self, views={**self.views, name: query.replace("{before}", before)})


def _reads(query: str, name: str) -> bool:
    """Does a query read the table of that name, and not something of its own that it calls so?"""
    own = re.search(rf"\b{name}\s+as\s+(materialized\s+)?\(", query, re.IGNORECASE)
    return own is None and re.search(rf"\b{name}\b", query) is not None


def supposed(snapshot: LakeSnapshot) -> Supposed:
    """Return a snapshot that can be laid over, as yet the same."""
    return Supposed(
        snapshot.lake, snapshot.cycle, snapshot.as_of, snapshot.seed, snapshot.scope, snapshot.policy,
        snapshot.decisions, snapshot.laid,
    )  # fmt: skip


def keys_of(numbers: Sequence[int]) -> str:
    """Write keys as a list of SQL that is never empty."""
    return ", ".join(str(int(one)) for one in numbers) or "-1"


def without_exposures(found: Supposed, exposures: Sequence[int]) -> Supposed:
    """Suppose that these exposures were fixed."""
    query = "select exposure, if(exposure in (select unnest(gone.exposures) from gone), 'fixed', state) as state from states"
    return found.with_tables(states=found.sql(query, gone=_column("exposures", exposures)))  # type: ignore[return-value]


def _column(name: str, values: Sequence[int]) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array([list(values)], pa.list_(pa.int64()))})


def without_assets(found: Supposed, assets: Sequence[int]) -> Supposed:
    """Suppose that these assets exist no more."""
    listed = keys_of(assets)
    states = found.sql(f"""
        select s.exposure, if(coalesce(n.canonical, e.asset) in ({listed}) and s.state <> 'fixed', 'gone', s.state) as state
        from states s left join exposures e on e.exposure = s.exposure left join asset_now n on n.asset = e.asset
    """)
    left = found.sql(f"""
        select * from gone_assets union all by name
        select {int(found.cycle)} as cycle, unnest([{listed}]::BIGINT[]) as asset, '{SOURCE}' as why
    """)
    return found.with_tables(states=states, gone_assets=left)  # type: ignore[return-value]


def without_source(found: Supposed, source: str) -> Supposed:
    """Suppose that nothing of a source was ever read; what its reports closed stays closed.

    An exposure that no other source saw is not there, an asset neither.
    """
    said = "source = '" + source.replace("'", "''") + "'"
    for name in _OF_RUNS:
        found = found.through(
            name, f"select * from {{before}} where run not in (select run from main.runs where {said})"
        )
    found = found.through("findings", f"select * from {{before}} where not ({said})")
    found = found.through("runs", f"select * from {{before}} where not ({said})")
    states = found.sql("""
        with here as (
            select distinct coalesce(n.canonical, s.asset) as asset from sightings s left join asset_now n on n.asset = s.asset
        ), saw as (
            select distinct coalesce(n.canonical, s.exposure) as exposure
            from seen s left join exposure_now n on n.exposure = s.exposure
        )
        select st.exposure, if(here.asset is null or saw.exposure is null, 'gone', st.state) as state
        from states st join exposures e on e.exposure = st.exposure left join asset_now n on n.asset = e.asset
        left join here on here.asset = coalesce(n.canonical, e.asset) left join saw on saw.exposure = st.exposure
    """)
    return found.with_tables(states=states)  # type: ignore[return-value]


def without_relations(found: Supposed, kind: str, source: int, target: int, note: str) -> Supposed:
    """Suppose that one asset or identity lacks a right over another: relations of this kind and note between them."""
    words = [
        f"r.kind = '{kind}'", "r.source_kind = 'asset'", "r.target_kind = 'asset'",
        f"{_now('r.source')} = {int(source)}", f"{_now('r.target')} = {int(target)}",
        "coalesce(r.note, '') = '" + note.replace("'", "''") + "'",
    ]  # fmt: skip
    return found.through("relations", f"select * from {{before}} r where not coalesce({' and '.join(words)}, false)")


def _now(column: str) -> str:
    """Write the key of an asset that a relation names by any of its ids."""
    own = f"try_cast({column} as bigint)"
    return f"coalesce((select n.canonical from main.asset_now n where n.asset = {own}), {own})"


def with_control(found: Supposed, kind: str, assets: Sequence[int], state: str) -> Supposed:
    """Suppose that a control is on, or off, on these assets."""
    own = "coalesce((select n.canonical from main.asset_now n where n.asset = c.asset), c.asset)"
    word = "'" + kind.replace("'", "''") + "'"
    listed = keys_of(assets)
    return found.through(
        "controls",
        f"""
        select * from {{before}} c where not (lower(c.kind) = lower({word}) and {own} in ({listed}))
        union all by name select -1::BIGINT as run, unnest([{listed}]::BIGINT[]) as asset, {word} as kind,
            '{state}' as state, '{SOURCE}' as name, {moment(found.as_of)} as observed_at
    """,
    )
