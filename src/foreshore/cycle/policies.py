"""What an edited policy would move: the last cycle's facts counted again under it, with the same luck. Nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import facts, keys, policy, scratch
from foreshore.cycle import again, running, yardsticks
from foreshore.errors import UsageError
from foreshore.policy import files
from foreshore.prioritization import stage
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.workspace import Workspace

Say = Callable[[str], None]
FIRST = 50  # a new place counts as moved among the first so many of either order
COMPARED = (
    "exposure", "rank", "weakness", "title", "asset_name", "treatment", "label", "due", "due_rule", "likelihood",
    "contribution", "reason",
)  # fmt: skip
_MOVED = f"""
    select coalesce(n.exposure, o.exposure) as exposure, coalesce(n.weakness, o.weakness) as weakness,
        coalesce(n.title, o.title) as title, coalesce(n.asset_name, o.asset_name) as asset_name,
        o.rank as old_rank, n.rank as new_rank, o.treatment as old_treatment, n.treatment as new_treatment,
        o.label as old_label, n.label as new_label, o.due as old_due, n.due as new_due,
        o.due_rule as old_due_rule, n.due_rule as new_due_rule,
        o.likelihood as old_likelihood, n.likelihood as new_likelihood,
        o.contribution as old_contribution, n.contribution as new_contribution, n.reason as reason,
        o.treatment is distinct from n.treatment as by_treatment,
        coalesce(o.label, '') <> coalesce(n.label, '') as by_label, o.due is distinct from n.due as by_due,
        o.rank is distinct from n.rank and least(o.rank, n.rank) <= {FIRST} as by_place
    from was o full join now n on n.exposure = o.exposure
    where by_treatment or by_label or by_due or by_place
    order by least(o.rank, n.rank), coalesce(n.rank, o.rank), exposure
"""


class Counted(NamedTuple):
    """Assessments and services of one counting, as Arrow tables."""

    exposures: pa.Table
    services: pa.Table


def edited(workspace: Workspace, source: str = "") -> policy.Policy:
    """Return the policy of the workspace's own files, of a folder, or of the cycle with a key; raises BadPolicy.

    Raises UsageError where `source` is neither a folder nor the key of a cycle.
    """
    if not source:
        return policy.load(workspace.policy_dir)
    if source.upper().startswith("CYC-"):
        with open_lake(workspace, read_only=True) as lake:
            return yardsticks.content(lake, running.find(lake, source)["cycle"])
    folder = Path(source)
    if not folder.is_dir():
        raise UsageError("this is neither a folder of policy files nor the key of a cycle", where=source,
                         hint="--from drafts/, or --from CYC-… as foreshore policy history prints it")  # fmt: skip
    return policy.load(folder)


def diff(
    workspace: Workspace, source: str = "", *, top: int | None = None, say: Say = lambda _: None
) -> dict[str, Any]:
    """Return what the edited policy (see `edited`) would move in the last cycle; nothing is written.

    `exposures` are those whose treatment, label, deadline, or place among the first 50 would be another, in
    order of the better place, at most `top` of them; `moved` counts all. Raises NothingToRead before the first cycle.
    """
    row = again.served(workspace)
    read = again.inputs_of(workspace, row)
    other = edited(workspace, source)
    changes = files.changes(read.policy, other)
    before = published(workspace, row, read.policy)
    if before is None and changes:
        say("the last cycle by its own policy, as this version of the program counts it")
        before = counted(workspace, row, read)
    after = before
    if changes:
        say("the last cycle by the edited policy")
        after = counted(workspace, row, read._replace(policy=other))
    found: dict[str, Any] = {
        "cycle": keys.show("CYC", row["cycle"]), "as_of": row["as_of"],
        "before": read.policy.digest, "after": other.digest, "changes": [one._asdict() for one in changes],
    }  # fmt: skip
    return {**found, **(compared(before, after, top) if before and after else NOTHING)}


NOTHING: dict[str, Any] = {
    "moved": 0, "moved_by": dict.fromkeys(("treatment", "label", "due", "place"), 0), "treatments": [], "services": [],
    "exposures": [],
}  # fmt: skip


def published(workspace: Workspace, row: Mapping[str, Any], own: policy.Policy) -> Counted | None:
    """Return what the cycle published, None where this program would not count it the same way."""
    if row["engine"] != running.ENGINE or own.digest != row["policy_digest"]:
        return None
    with open_lake(workspace, read_only=True) as lake:
        kept = int(row["cycle"])
        exposures = lake.sql(f"select {', '.join(COMPARED)} from assessments where cycle = {kept}")
        return Counted(exposures, lake.sql(f"select * from services_at where cycle = {kept}"))


def counted(workspace: Workspace, row: dict[str, Any], read: Any) -> Counted:
    """Count a cycle's facts again under other inputs."""
    with again.snapshot(workspace, row, read) as snapshot:
        batches = stage.run(snapshot).batches
        return Counted(batches["assessments"].select(list(COMPARED)), batches["services_at"])


def compared(before: Counted, after: Counted, top: int | None) -> dict[str, Any]:
    """Return which exposures, treatments and services two countings differ in; at most `top` exposures."""
    with scratch.connect() as connection:
        for name, table in {
            "was": before.exposures, "now": after.exposures, "services_was": before.services,
            "services_now": after.services,
        }.items():  # fmt: skip
            connection.register(name, table)
        connection.execute(f"create temp table moved as {_MOVED}")
        counts = connection.execute(
            "select count(*), count(*) filter (by_treatment), count(*) filter (by_label), count(*) filter (by_due),"
            " count(*) filter (by_place) from moved"
        ).fetchone()
        limit = "" if top is None else f" limit {int(top)}"
        rows = connection.execute("select * from moved order by least(old_rank, new_rank), new_rank, exposure" + limit)
        told = [_told(row) for row in rows.to_arrow_table().to_pylist()]
        treatments = _treatments(connection)
        services = connection.execute(_SERVICES).to_arrow_table().to_pylist()
    total, *by = counts or (0, 0, 0, 0, 0)
    return {
        "moved": total, "moved_by": dict(zip(("treatment", "label", "due", "place"), by, strict=True)),
        "treatments": treatments, "services": services, "exposures": told,
    }  # fmt: skip


_SERVICES = """
    select coalesce(n.service, o.service) as service, o.probability as probability_before,
        n.probability as probability_after, o.share as share_before, n.share as share_after
    from services_was o full join services_now n on n.service = o.service order by n.share desc nulls last, service
"""


def _treatments(connection: Any) -> list[dict[str, Any]]:
    found = {
        side: dict(connection.execute(f"select coalesce(treatment, 'dismissed'), count(*) from {side} group by 1").fetchall())
        for side in ("was", "now")
    }  # fmt: skip
    names = [name for name in (*facts.TREATMENTS, "dismissed") if any(name in one for one in found.values())]
    return [
        {"treatment": name, "before": found["was"].get(name, 0), "after": found["now"].get(name, 0)} for name in names
    ]


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    pairs = {
        name: {"before": row[f"old_{name}"], "after": row[f"new_{name}"]}
        for name in ("rank", "treatment", "label", "due", "due_rule", "likelihood", "contribution")
    }
    return {
        "id": keys.show("EXP", row["exposure"]), "weakness": row["weakness"], "title": row["title"],
        "asset_name": row["asset_name"], **pairs, "sentence": _sentence(row),
    }  # fmt: skip


def _sentence(row: Mapping[str, Any]) -> str:
    """Say what moves and why, in one line."""
    if row["new_rank"] is None:
        return "It would no longer count as open."
    if row["old_rank"] is None:
        return f"It would count as open. {row['reason'] or ''}".strip()
    parts = []
    if row["by_treatment"]:
        parts.append(f"{_word(row['old_treatment'])} → {_word(row['new_treatment'])}")
    if row["by_place"]:
        parts.append(f"place {row['old_rank']} → {row['new_rank']}")
    if row["by_label"]:
        parts.append(f"label {row['old_label'] or 'none'} → {row['new_label'] or 'none'}")
    if row["by_due"]:
        rule = f" ({row['new_due_rule']})" if row["new_due"] else ""
        parts.append(f"due {row['old_due'] or 'never'} → {row['new_due'] or 'never'}{rule}")
    why = _why(row)
    ending = f" {row['reason']}" if row["by_treatment"] and row["reason"] else ""
    return "; ".join(parts) + (f", because {' and '.join(why)}" if why else "") + "." + ending


def _why(row: Mapping[str, Any]) -> list[str]:
    found = []
    if not _same(row["old_likelihood"], row["new_likelihood"]):
        found.append(
            f"its chance of success is {_percent(row['new_likelihood'])} instead of {_percent(row['old_likelihood'])}"
        )
    if not _same(row["old_contribution"], row["new_contribution"]):
        shares = f"{_percent(row['new_contribution'])} instead of {_percent(row['old_contribution'])}"
        found.append(f"it carries {shares} of the modelled risk")
    if not found and row["by_treatment"]:
        found.append("a threshold of the treatment is another")
    if not found and row["by_place"] and not (row["by_label"] or row["by_due"]):
        found.append("others moved past it")
    return found


def _same(old: float | None, new: float | None) -> bool:
    return _percent(old) == _percent(new)


def _percent(value: float | None) -> str:
    if not value:
        return "nothing"
    return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.1f} %"


def _word(treatment: str | None) -> str:
    return (treatment or "dismissed").replace("_", " ")
