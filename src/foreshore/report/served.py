"""What the report takes from the serving file, with what was decided since laid over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore.query import lists

if TYPE_CHECKING:
    import duckdb

    from foreshore.workspace import Workspace

FIRST = 10  # exposures that are shown with their path
ACTIONS = 10
QUESTIONS = 8  # unknown facts that are shown

_TREATED = """
    select coalesce(treatment, '') as treatment, count(*) as n from laid group by 1
"""
_DISMISSED = """
    select disposition, count(*) as n from laid where treatment is null group by 1 order by n desc, 1
"""
_FIRST = """
    select * from laid where treatment is not null and treatment <> 'accepted'
    order by rank, exposure limit {limit}
"""
_STEPS = """
    with wanted as (
        select s.*, min(service) over (partition by exposure) as first_service from steps s
        where s.exposure in (select unnest($keys))
    )
    select w.exposure, w.service, w.number, w.step, w.rule, w.technique, w.zone, w.probability, w.fact,
        w.source, w.observed_at, w.assumed, a.name as asset_name, a.kind as asset_kind, w.asset,
        e.weakness, e.title
    from wanted w left join assets a on a.asset = w.asset left join exposures e on e.exposure = w.cause
    where w.service = w.first_service
    order by w.exposure, w.number
"""
# The ways to each service; older cycles kept one, without a number.
_WAYS = """
    select s.service, coalesce(s.way, 1) as way, s.number, s.step, s.rule, s.technique, s.zone, s.probability, s.fact,
        s.source, s.observed_at, s.assumed, a.name as asset_name, a.kind as asset_kind, s.asset, e.weakness, e.title
    from steps s left join assets a on a.asset = s.asset left join exposures e on e.exposure = s.cause
    where s.exposure = 0 order by s.service, way, s.number
"""
# One question may decide many exposures: the fact that is missing, with what hangs on it.
_QUESTIONS = """
    with open as (
        select *, case when reachable = 'unknown' then 'reach' when exploit = 'unknown' then 'exploit'
            else 'leads' end as missing from laid where treatment = 'unknown'
    ), asked as (
        select missing,
            case missing when 'reach' then coalesce(nullif(reach_fact, ''), 'can anyone get to it?')
                when 'exploit' then 'is a working exploit known?'
                else 'does anything critical hang on it?' end as fact,
            * exclude (missing)
        from open
    )
    select missing, fact, count(*) as exposures, count(distinct asset) as assets,
        max(contribution_if_reachable) as worst, min(rank) as rank,
        arg_min(asset_name, rank) as asset_name, arg_min(weakness, rank) as weakness,
        arg_min(exposure, rank) as exposure, arg_min(leads_to, rank) as leads_to,
        arg_min(would_lower, rank) as would_lower
    from asked group by 1, 2 order by worst desc nulls last, rank limit {limit}
"""
_QUESTION_COUNT = """
    select count(distinct case when reachable = 'unknown' then 'reach ' || coalesce(reach_fact, '')
        when exploit = 'unknown' then 'exploit' else 'leads' end) as n
    from laid where treatment = 'unknown'
"""


class Served:
    """An open serving file: `ask` for rows; a context manager."""

    def __init__(self, workspace: Workspace) -> None:
        from foreshore.store import serving

        self._connection: duckdb.DuckDBPyConnection = serving.connect(workspace)
        self._policy_dir = workspace.policy_dir
        self._titles: dict[str, str] | None = None
        lists.overlay(workspace, self._connection)
        self._connection.execute(f"create temp view laid as {lists.LAID}")

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection to the serving file, with the view `laid`."""
        return self._connection

    def ask(self, query: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a fixed query, as plain values."""
        cursor = self._connection.execute(query, values) if values else self._connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def cycle(self) -> dict[str, Any]:
        """Return the row of the served cycle, with its result as a mapping."""
        import orjson

        row = self.ask("select * from cycle")[0]
        row["result"] = orjson.loads(row["result"] or "{}")
        return row

    def treatments(self) -> dict[str, int]:
        """Return how many exposures have each treatment; "" counts what people dismissed."""
        return {row["treatment"]: row["n"] for row in self.ask(_TREATED)}

    def dismissed(self) -> list[dict[str, Any]]:
        """Return how many exposures people dismissed, by their word."""
        return self.ask(_DISMISSED)

    def decided_since(self) -> int:
        """Return how many exposures people decided about after the cycle had read their decisions."""
        return int(self.ask("select count(*) as n from overlay")[0]["n"])

    def first(self, most: int = FIRST) -> list[dict[str, Any]]:
        """Return the first open exposures that nobody accepted, each with `steps` of its likeliest path."""
        rows = self.ask(_FIRST.format(limit=int(most)))
        steps: dict[int, list[dict[str, Any]]] = {}
        if rows:
            for step in self.ask(_STEPS, {"keys": [row["exposure"] for row in rows]}):
                steps.setdefault(step["exposure"], []).append(step)
        for row in rows:
            row["steps"] = self._titled(steps.get(row["exposure"], []))
        return rows

    def services(self) -> list[dict[str, Any]]:
        """Return services and foundations, the most of the risk first."""
        return self.ask("select * from services order by share desc nulls last, service")

    def _titled(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add to each step the title of its rule, where the rule is one of the rulebook."""
        if self._titles is None:
            from foreshore import policy

            self._titles = {rule.name: rule.title for rule in policy.load(self._policy_dir).rulebook.rules}
        return [{**step, "rule_title": self._titles.get(step["rule"], "")} for step in steps]

    def ways(self) -> dict[str, list[list[dict[str, Any]]]]:
        """Return by service the steps of its likeliest ways, one list for each."""
        found: dict[str, dict[int, list[dict[str, Any]]]] = {}
        for row in self._titled(self.ask(_WAYS)):
            found.setdefault(row["service"], {}).setdefault(row["way"], []).append(row)
        return {service: list(ways.values()) for service, ways in found.items()}

    def actions(self, most: int = ACTIONS) -> list[dict[str, Any]]:
        """Return the plan's actions in order; where there is no plan, those that remove most alone."""
        planned = self.ask(f"select * from actions where number is not null order by number limit {int(most)}")
        if planned:
            return planned
        return self.ask(f"select * from actions where removes > 0 order by removes desc, action limit {int(most)}")

    def action_count(self) -> int:
        """Return the number of all actions."""
        return int(self.ask("select count(*) as n from actions")[0]["n"])

    def questions(self, most: int = QUESTIONS) -> list[dict[str, Any]]:
        """Return the missing facts that decide most, each with what hangs on it."""
        return self.ask(_QUESTIONS.format(limit=int(most)))

    def question_count(self) -> int:
        """Return the number of missing facts that decide something."""
        return int(self.ask(_QUESTION_COUNT)[0]["n"])

    def assets(self) -> dict[str, Any]:
        """Return how many assets are known, and how many have an open exposure."""
        return self.ask(
            "select count(*) as known, count(*) filter (open_exposures > 0) as exposed,"
            " max(last_seen) as last_seen from assets"
        )[0]
