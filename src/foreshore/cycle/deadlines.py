"""What a deadline rule would mean before it is switched on: how many would be due when, against the teams' hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys, policy, scratch
from foreshore.cycle import again
from foreshore.errors import NothingToRead, UsageError
from foreshore.intel.signals import signals_at
from foreshore.prioritization import labelling, labels
from foreshore.prioritization.context import Context, gather
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.workspace import Workspace

WITHIN = (3, 14, 30, 60)  # days from today at which the buckets end
# Open exposures that nobody dismissed or accepted, with what their rule would say and the action that closes them.
_OWED = """
    select o.exposure, o.due, o.due_rule, o.due_if_bad, e.action, a.team, a.hours
    from owed o left join (select action, exposure from effects) e on e.exposure = o.exposure
    left join actions a on a.action = e.action
"""


def preview(workspace: Workspace, rule: str, where: str = "all", *, today: date | None = None) -> dict[str, Any]:
    """Return what would be due when if `rule` applied to `where` (see `labelling.applies_to`); nothing is written.

    `buckets` count exposures, and the actions that close them by their earliest date with their hours;
    `teams` hold those hours, added up until each day, against what the team has until then. Raises UsageError for
    a rule or place that is not known, NothingToRead before the first cycle that kept the facts for it.
    """
    row = again.served(workspace)
    read = again.inputs_of(workspace, row)
    rules = policy.load(workspace.policy_dir)
    section = _section(rule, rules)
    _refuse_unknown(where, read.scope)
    day = today or datetime.now(UTC).date()
    with again.snapshot(workspace, row, read) as snapshot:
        context = gather(snapshot)
        signals = signals_at(snapshot.sql, row["as_of"], context.exposures.select(["weakness"]))
    with open_lake(workspace, read_only=True) as lake:
        kept = f"where cycle = {int(row['cycle'])}"
        assessed = lake.sql(f"select exposure, points, treatment from assessments {kept}")
        acts = lake.sql(f"select action, team, hours from actions {kept}")
        effects = lake.sql(f"select action, exposure from action_effects {kept}")
    owed = _owed(context, signals, assessed, rules, section, read.scope, where)
    counted = _counted(owed, acts, effects, day)
    on = [one for one in read.scope.obligations if labels.section_of(one.name) == section]
    return {
        "rule": section, "title": rules.text(f"obligations.{section}.title"), "applies_to": where,
        "in_force": [one.applies_to for one in on], "cycle": keys.show("CYC", row["cycle"]), "today": day,
        **counted, "teams": _teams(counted.pop("needs"), read.scope),
    }  # fmt: skip


def _section(rule: str, rules: policy.Policy) -> str:
    section = labels.section_of(rule)
    known = rules.names("obligations")
    if section not in known:
        raise UsageError(f"“{rule}” is no deadline rule of the policy", hint=", ".join(known))
    return section


def _refuse_unknown(where: str, scope: facts.Scope) -> None:
    if where != "all" and not facts.subject(where, scope)[0]:
        known = ", ".join(f"{kind}:{name}" for kind, name in facts.subjects(scope))
        raise UsageError(f"the scope in force has no “{where}”", hint=known or "all")


def _owed(
    context: Context, signals: pa.Table, assessed: pa.Table, rules: policy.Policy, section: str, scope: facts.Scope,
    where: str,
) -> pa.Table:  # fmt: skip
    """Return exposure, due, due_rule, due_if_bad of the exposures that the rule would speak of."""
    import pyarrow as pa
    import pyarrow.compute as pc

    exposures = context.exposures
    place = pc.index_in(exposures.column("exposure"), value_set=assessed.column("exposure").combine_chunks())
    texts, treatment = assessed.column("points").take(place), assessed.column("treatment").take(place)
    if exposures.num_rows and texts.null_count == len(texts):
        raise NothingToRead("the last cycle kept no facts that deadlines hang on", hint="foreshore cycle")
    at = pc.index_in(exposures.column("weakness"), value_set=signals.column("weakness").combine_chunks())
    known = labelling.unpacked(texts)
    for name, column in {
        "row": pa.array(range(exposures.num_rows), pa.int64()), "first_seen": exposures.column("first_seen"),
        "kev_at": signals.column("kev_at").take(at), "published": signals.column("published").take(at),
    }.items():  # fmt: skip
        known = known.append_column(name, column)
    found = labels.due(section, known, rules).append_column("exposure", exposures.column("exposure"))
    speaks = pa.array(labelling.applies_to(where, context, scope))
    counts = pc.and_(speaks, pc.fill_null(pc.not_equal(treatment, "accepted"), False))
    return found.filter(counts).select(["exposure", "due", "due_rule", "due_if_bad"])


_FIRSTS = """
    select action, coalesce(any_value(team), '') as team, any_value(hours) as hours, min(due) as due
    from due where due is not null and action is not null group by action
"""
_SUM = "count(*), sum(hours::decimal(18, 3))::double"  # decimal: the sum does not hang on the order
_SOONER = "select count(*) from due where due_if_bad < coalesce(due, date '9999-12-31')"
_OUTCOMES = "select due_rule, count(*) as n, min(due) from due where due is not null group by 1 order by 3, 1"
_LATER = 100_000


def _counted(owed: pa.Table, acts: pa.Table, effects: pa.Table, today: date) -> dict[str, Any]:
    ends = " ".join(f"when due <= date '{today + timedelta(days)}' then {days}" for days in WITHIN)
    bucket = f"case when due is null then null when due < date '{today}' then -1 {ends} else {_LATER} end"
    with scratch.connect() as connection:
        for name, table in {"owed": owed, "actions": acts, "effects": effects}.items():
            connection.register(name, table)
        connection.execute(f"create temp table due as {_OWED}")
        connection.execute(f"create temp table firsts as {_FIRSTS}")

        def asked(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        exposures = dict(asked(f"select {bucket}, count(*) from due group by 1"))
        actions = {
            key: (count, hours) for key, count, hours in asked(f"select {bucket}, {_SUM} from firsts group by 1")
        }
        needs = asked(f"select team, {bucket}, {_SUM} from firsts group by 1, 2 order by 1, 2")
        sooner, outcomes = asked(_SOONER)[0][0], asked(_OUTCOMES)
    return {
        "exposures": owed.num_rows, "no_deadline": exposures.get(None, 0), "sooner_if_bad": sooner,
        "buckets": [
            {"due": name, "until": until, "exposures": exposures.get(key, 0), "actions": actions.get(key, (0, 0.0))[0],
             "hours": actions.get(key, (0, 0.0))[1]}
            for key, name, until in _buckets(today)
        ],
        "outcomes": [{"due_rule": rule, "exposures": count, "first": first} for rule, count, first in outcomes],
        "needs": [(team, key, hours) for team, key, _, hours in needs],
    }  # fmt: skip


def _buckets(today: date) -> list[tuple[int, str, date | None]]:
    within = [(days, f"within {days} days", today + timedelta(days)) for days in WITHIN]
    return [(-1, "overdue today", today - timedelta(1)), *within, (_LATER, "later", None)]


def _teams(needs: list[tuple[str, int, float]], scope: facts.Scope) -> list[dict[str, Any]]:
    """Return for each team with something due the hours until each day, and those it has (None: not said)."""
    per_week = {team.name: team.hours_per_week for team in scope.teams}
    found = []
    for team in dict.fromkeys(name for name, _, _ in needs):
        mine = [(bucket, hours) for name, bucket, hours in needs if name == team]
        weekly = per_week.get(team)
        until = []
        for days in WITHIN:
            hours = sum(hours for bucket, hours in mine if bucket <= days)
            has = None if weekly is None else weekly * days / 7
            until.append({"days": days, "hours": hours, "has": has, "enough": None if has is None else has >= hours})
        found.append({"team": team, "hours_per_week": weekly, "until": until})
    return found
