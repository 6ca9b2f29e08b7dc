"""The actions of the served cycle with all that a ticket says, from the cycle's own version of the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foreshore import policy
from foreshore.mobilization.actions import Action, group
from foreshore.query import lists
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace


@dataclass(frozen=True)
class _Served:
    """Just enough of a snapshot to put exposures together again."""

    lake: Lake
    policy: policy.Policy

    def sql(self, query: str, **tables: pa.Table) -> pa.Table:
        """Ask the cycle's version of the lake."""
        return self.lake.sql(query, **tables)


def actions_of(workspace: Workspace) -> list[Action]:
    """Return the served cycle's actions, in the order of the plan."""
    import orjson

    row = lists.rows(workspace, "select cycle, snapshot from cycle")[0]
    with open_lake(workspace, read_only=True) as lake:
        assessed = lake.sql(f"select * from assessments where cycle = {int(row['cycle'])}")
        stored = lake.sql(
            f"select payload from decisions_at where cycle = {int(row['cycle'])} and kind = 'policy'"
        ).to_pylist()
        rules = policy.restore(orjson.loads(stored[0]["payload"])) if stored else policy.load(None)
        snapshot: Any = _Served(lake, rules)
        found = group(snapshot, assessed)
    order = {one["action"]: place for place, one in enumerate(_numbers(workspace))}
    return sorted(found, key=lambda action: (order.get(action.key, len(order)), action.key))


def _numbers(workspace: Workspace) -> list[dict[str, Any]]:
    return lists.rows(workspace, "select action from actions order by number nulls last, action")
