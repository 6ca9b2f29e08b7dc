"""What a cycle says in short: funnel, treatments, tests, services; and the measures kept for the trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.intel.signals import feeds_at
from foreshore.intel.update import NEEDED
from foreshore.prioritization import implied, narrowing
from foreshore.prioritization.backports import SETTLED

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.cycle.acting import Acted
    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.prioritization.stage import Assessed

# Each step lies within the one before, both its "yes" and its "yes or unknown".
_FUNNEL = """
    with open as (select * from assessed where treatment is not null),
    steps as (
        select in_scope as s,
            in_scope and exploit not in ('none_known', 'unknown') and likelihood > 0 as e,
            in_scope and exploit <> 'none_known' and likelihood > 0 as e_maybe,
            reachable = 'yes' as r, reachable <> 'no' as r_maybe, leads = 'yes' as l, leads <> 'no' as l_maybe
        from open
    )
    select count(*) as exposures, count(*) filter (s) as in_scope, 0 as in_scope_unknown,
        count(*) filter (e) as exploitable, count(*) filter (e_maybe and not e) as exploitable_unknown,
        count(*) filter (e and r) as reachable,
        count(*) filter (e_maybe and r_maybe and not (e and r)) as reachable_unknown,
        count(*) filter (e and r and l) as leads_to_critical,
        count(*) filter (e_maybe and r_maybe and l_maybe and not (e and r and l)) as leads_to_critical_unknown
    from steps
"""
_TREATMENTS = "select treatment, count(*) as n from assessed group by 1"
# What would be open still, were it not for the vendor's own word on the installed version.
_SETTLED = f"select count(*) as n from assessed where treatment = 'watch' and vendor in {SETTLED}"
_TESTED = """
    select count(*) filter (verdict = 'confirmed') as confirmed, count(*) filter (verdict = 'refuted') as refuted,
        count(*) filter (verdict not in ('confirmed', 'refuted')) as untested
    from assessed where treatment is not null
"""


def summary(snapshot: LakeSnapshot, assessed: Assessed, acted: Acted) -> dict[str, Any]:
    """Return what `cycle --json` prints, without the seconds."""
    table = assessed.batches["assessments"]
    treated = {row["treatment"]: row["n"] for row in snapshot.sql(_TREATMENTS, assessed=table).to_pylist()}
    return {
        "cycle": keys.show("CYC", snapshot.cycle),
        "as_of": snapshot.as_of,
        "seed": snapshot.seed,
        "organization": snapshot.scope.organization,
        "currency": snapshot.scope.currency,
        "funnel": _funnel(snapshot, table),
        "treatments": {name: treated.get(name, 0) for name in facts.TREATMENTS},
        "vendor_settled": snapshot.sql(_SETTLED, assessed=table)["n"][0].as_py(),
        "dismissed": treated.get(None, 0),
        "validated": snapshot.sql(_TESTED, assessed=table).to_pylist()[0],
        "actions": len(acted.actions),
        "plan": {
            "before": acted.plan.before,
            "after": acted.plan.after,
            "bound": acted.plan.bound,
            "left": [one.left for one in acted.plan.actions],
            "exact": acted.exact,
        },
        "services": _services(snapshot, assessed),
        "attackers": _attackers(assessed),
        "implies": implied.implies(assessed.modelled, assessed.risk),
        "losses": implied.amounts(assessed.modelled, assessed.risk),
        "stability": implied.steadiness(assessed.modelled, assessed.risk, table),
        "intelligence": _intelligence(snapshot),
        "unit": "share of modelled risk",
    }


def _funnel(snapshot: LakeSnapshot, table: pa.Table) -> list[dict[str, Any]]:
    moment = f"TIMESTAMP '{snapshot.as_of:%Y-%m-%d %H:%M:%S.%f}'"
    read = snapshot.sql(f"select coalesce(sum(findings), 0)::BIGINT as n from runs where observed_at <= {moment}")
    row = snapshot.sql(_FUNNEL, assessed=table).to_pylist()[0]
    steps = [{"step": "findings", "count": read.column("n")[0].as_py(), "unknown": 0}]
    for name in ("exposures", "in_scope", "exploitable", "reachable", "leads_to_critical"):
        steps.append({"step": name, "count": row[name], "unknown": row.get(f"{name}_unknown", 0)})
    return steps


NARROWERS = 5  # answers kept with each service


def _services(snapshot: LakeSnapshot, assessed: Assessed) -> list[dict[str, Any]]:
    found = []
    narrowers = _narrowers(assessed)
    known = {service.name: service for service in assessed.modelled.context.services}
    for row in assessed.batches["services_at"].to_pylist():
        service = known[row["service"]]
        found.append({
            "name": row["service"],
            "impact": {"tier": row["tier"], "safety": service.safety, "mission": service.mission},
            "foundation": row["foundation"], "owner": row["owner"], "assets": row["assets"],
            "probability_per_year": row["probability"], "low": row["low"], "high": row["high"],
            "sampling_error": row["sampling_error"], "best_case": row["best_case"],
            "worst_case": row["worst_case"], "share": row["share"], "loss": row["loss"],
            "possible": row["path"] > 0, "narrowed_by": [
                {**one, "worst_if_good": max(row["worst_case"] + one["worst_if_good"], row["best_case"]),
                 "best_if_bad": min(row["best_case"] + one["best_if_bad"], row["worst_case"])}
                for one in narrowers.get(row["service"], [])
            ],
        })  # fmt: skip
    return found


def _narrowers(assessed: Assessed) -> dict[str, list[dict[str, Any]]]:
    """Return by service the answers that would narrow its bounds most, each tried by the engine.

    `worst_if_good` and `best_if_bad` are by how much the bounds move: the years are fewer than the cycle's.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for one in narrowing.find(assessed.modelled, assessed.risk):
        rows = found.setdefault(one.service, [])
        if len(rows) < NARROWERS:
            rows.append({
                "what": one.what, "kind": one.kind, "facts": one.facts, "narrows": one.narrows,
                "worst_if_good": one.worst_if_good - one.worst, "best_if_bad": one.best_if_bad - one.best,
            })  # fmt: skip
    return found


def _intelligence(snapshot: LakeSnapshot) -> dict[str, Any]:
    """Return the date of each feed that was read, and the questions that no feed has answered yet."""
    feeds = {row["feed"]: row["date"] for row in feeds_at(snapshot.sql, snapshot.as_of).to_pylist()}
    return {"feeds": feeds, "missing": [need for need, ours in NEEDED.items() if not any(one in feeds for one in ours)]}


def _attackers(assessed: Assessed) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "attacks_per_year": {"low": one.rate.low, "likely": one.rate.likely, "high": one.rate.high}}
        for one in assessed.modelled.model.profiles
    ]


def measures(snapshot: LakeSnapshot, assessed: Assessed, result: dict[str, Any]) -> pa.Table:
    """Return rows of `measures`: weighted losses a year, the funnel, treatments, and services' chances."""
    import pyarrow as pa

    rows: list[tuple[str, str, float]] = [("risk", "", assessed.risk.whole)]
    rows += [("funnel", step["step"], float(step["count"])) for step in result["funnel"]]
    rows += [("treatment", name, float(count)) for name, count in result["treatments"].items()]
    rows += [("probability", one["name"], one["probability_per_year"]) for one in result["services"]]
    return pa.table({
        "cycle": pa.array([snapshot.cycle] * len(rows), pa.int64()), "name": [row[0] for row in rows],
        "subject": [row[1] for row in rows], "value": pa.array([row[2] for row in rows], pa.float64()),
    })  # fmt: skip
