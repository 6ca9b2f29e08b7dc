"""A snapshot: the lake pinned at a version, with copies of scope, policy and decisions laid beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.store.ducklake import Lake


@dataclass(frozen=True)
class LakeSnapshot:
    """What the stages of one cycle see; `laid` are tables that stand in for the lake's of that name."""

    lake: Lake
    cycle: int
    as_of: datetime
    seed: int
    scope: facts.Scope
    policy: Policy
    decisions: tuple[facts.Decision, ...]
    laid: dict[str, pa.Table] = field(default_factory=dict)

    def sql(self, query: str, **tables: pa.Table) -> pa.Table:
        """Run a query over the lake's tables, those laid over it, and the given ones."""
        return self.lake.sql(query, **{**self.laid, **tables})

    def table(self, name: str) -> Any:
        """Return the named table as an Ibis expression."""
        if name in self.laid:
            import ibis

            return ibis.memtable(self.laid[name])
        return self.lake.table(name)

    def with_tables(self, **tables: pa.Table) -> LakeSnapshot:
        """Return the same snapshot with more tables laid over it."""
        return replace(self, laid={**self.laid, **tables})
