"""Where the rules of the policy's rulebook apply: each rule is one join over what is known.

Rows of assets stand for the assets; a rule whose relations, notes or attributes occur nowhere is not asked at all,
so that a rulebook of hundreds of rules costs little where few of them have anything to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import scratch
from foreshore.policy.rulebook import RELATIONS, UNCLAIMED, Rule, Rulebook, Term, Text, Variable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore.prioritization.context import Context

Ints = NDArray[np.int64]
UNSURE = ", under a condition"  # how a relation's note ends that holds only where something unknown does

_TABLES = """
create table thing as select row_number() over (order by asset) - 1 as thing, asset, lower(kind) as kind, site,
    lower(name) as name, [lower(one) for one in names] as names, [lower(one) for one in tags] as tags from given_assets;
create table tie as
    with said as (
        select number, kind, source, target, lower(trim(regexp_replace(note, ', under a condition$', ''))) as note,
            ends_with(note, ', under a condition') as unsure from given_ties
    )
    select number as tie, said.kind, a.thing as source, b.thing as target, note, unsure
    from said join thing a on a.asset = said.source join thing b on b.asset = said.target;
create table attribute as
    select thing, lower(g.name) as name, lower(value) as value from given_attributes g join thing using (asset);
create table control as select thing, lower(g.kind) as kind, lower(state) as state
    from given_controls g join thing using (asset);
create table exposure as
    select number as exposure, thing, lower(rule) as rule, lower(weakness) as weakness
    from given_exposures join thing using (asset);
"""


@dataclass(frozen=True)
class Matched:
    """One rule with all that it applies to: by variable the rows of assets, all of equal length.

    `tie` and `unsure` are rows of the context's ties or -1 (the relation that is told of, and the one that holds
    under a condition), `causes` the exposures it rests on, all of them (rows by premises, -1 for none).
    """

    rule: Rule
    things: dict[str, Ints]
    tie: Ints
    unsure: Ints
    causes: NDArray[np.int64]

    @property
    def cause(self) -> Ints:
        """The first exposure that each rests on, or -1."""
        return self.causes[:, 0] if self.causes.shape[1] else np.full(len(self), -1, np.int64)

    def take(self, rows: Ints) -> Matched:
        """Return the same with these rows only, in this order."""
        things = {name: column[rows] for name, column in self.things.items()}
        return Matched(self.rule, things, self.tie[rows], self.unsure[rows], self.causes[rows])

    def __len__(self) -> int:
        return len(self.tie)


def match(context: Context, rulebook: Rulebook) -> list[Matched]:
    """Return the rules of `rulebook` that apply somewhere, in its order, and where."""
    connection = scratch.connect()
    try:
        _load(connection, context, rulebook)
        idle = {name: rulebook.claimed(name) for name in RELATIONS}
        asked = (_ask(connection, rule, idle) for rule in rulebook.rules if _may_apply(connection, rule))
        return [one for one in asked if len(one)]
    finally:
        connection.close()


def _load(connection: duckdb.DuckDBPyConnection, context: Context, rulebook: Rulebook) -> None:
    ties, exposures = context.ties, context.exposures
    connection.register("given_assets", context.assets.select(["asset", "kind", "name", "names", "site", "tags"]))
    connection.register("given_ties", _numbered(ties.select(["kind", "source", "target", "note"])))
    connection.register("given_attributes", context.attributes)
    connection.register("given_controls", context.controls)
    connection.register("given_exposures", _asked(_numbered(exposures.select(["asset", "rule", "weakness"])), rulebook))
    connection.execute(_TABLES)
    connection.execute("create table known as select distinct kind, note from tie")
    connection.execute("create table said as select distinct name from attribute")


def _numbered(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    return table.append_column("number", pa.array(np.arange(table.num_rows, dtype=np.int64)))


def _asked(exposures: pa.Table, rulebook: Rulebook) -> pa.Table:
    """Return the exposures that some rule may ask for: of millions those that few names of checks pick."""
    import pyarrow as pa
    import pyarrow.compute as pc

    asked = [term.arguments[1] for rule in rulebook.rules for term in rule.where if term.name == "exposure"]
    if not all(isinstance(one, Text) for one in asked):
        return exposures
    alternatives = {text for one in asked if isinstance(one, Text) for text in one.alternatives}
    plain = pa.array(sorted(one for one in alternatives if "*" not in one), pa.string())
    wild = "|".join(".*".join(map(re.escape, one.split("*"))) for one in sorted(alternatives) if "*" in one)
    wanted = pa.array(np.zeros(exposures.num_rows, np.bool_))
    for name in ("rule", "weakness"):
        coded = exposures.column(name).combine_chunks().dictionary_encode()
        words = pc.utf8_lower(coded.dictionary)
        hits = pc.is_in(words, value_set=plain)
        hits = pc.or_(hits, pc.match_substring_regex(words, f"^(?s:{wild})$")) if wild else hits
        wanted = pc.or_(wanted, pc.fill_null(hits.take(coded.indices), False))
    return exposures.filter(wanted)


def _may_apply(connection: duckdb.DuckDBPyConnection, rule: Rule) -> bool:
    """Does every relation and attribute that the rule needs occur at all?"""
    for term in rule.where:
        if term.negated:
            continue
        if term.name in RELATIONS:
            note = term.arguments[2] if len(term.arguments) == 3 else None
            said = f"kind = {_quoted(term.name)}"
            said += f" and {_like('note', note)}" if _is_plain(note) else ""
            query = f"select 1 from known where {said} limit 1"
        elif term.name == "attribute":
            query = f"select 1 from said where {_like('name', term.arguments[1])} limit 1"
        else:
            continue
        if connection.execute(query).fetchone() is None:
            return False
    return True


def _is_plain(note: object) -> bool:
    return isinstance(note, Text) and note.alternatives != (UNCLAIMED,)


class _Query:
    """One rule as SQL: tables, conditions, and what each variable is."""

    def __init__(self, claimed: dict[str, list[str]], prefix: str = "t") -> None:
        self.claimed = claimed
        self.prefix = prefix
        self.tables: list[str] = []
        self.conditions: list[str] = []
        self.columns: dict[str, str] = {}
        self.ties: list[str] = []
        self.causes: list[str] = []

    def add(self, term: Term) -> None:
        """Add one fact that has to be known."""
        name = f"{self.prefix}{len(self.tables)}"
        table = "tie" if term.name in RELATIONS else "thing" if term.name in ("kind", "tag", "name") else term.name
        self.tables.append(f"{table} {name}")
        if table == "tie":
            self.conditions.append(f"{name}.kind = {_quoted(term.name)}")
            self.ties.append(name)
        if term.name == "exposure":
            self.causes.append(f"{name}.exposure")
        for column, argument in zip(_columns(term, name), term.arguments, strict=False):
            self.bind(column, argument, term)

    def bind(self, column: str, argument: object, term: Term) -> None:
        """Say what an argument demands of a column; the first use of a variable names it."""
        if isinstance(argument, Text):
            if argument.alternatives == (UNCLAIMED,):
                self.conditions += [f"not {_like(column, Text(tuple(self.claimed[term.name])))}"]
            elif term.name in ("name", "exposure"):
                self.conditions.append(_any_like(term, column, argument))
            elif term.name == "tag":
                self.conditions.append(f"len(list_filter({column}, lambda x: {_like('x', argument)})) > 0")
            else:
                self.conditions.append(_like(column, argument))
        elif isinstance(argument, Variable) and argument.name != "_":
            if argument.name in self.columns:
                self.conditions.append(f"{column} = {self.columns[argument.name]}")
            else:
                self.columns[argument.name] = column

    def compare(self, term: Term) -> None:
        """Add a comparison of two things, or that a fact is absent."""
        if term.name in ("differs", "same_site"):
            left, right = (self.columns[name] for name in term.variables)
            same = f"{left} = {right}" if term.name == "differs" else (
                f"(select site from thing where thing = {left}) is not distinct from "
                f"(select site from thing where thing = {right})"
            )  # fmt: skip
            self.conditions.append(f"not ({same})" if (term.name == "differs") != term.negated else f"({same})")
            return
        inner = _Query(self.claimed, "absent")
        inner.columns = dict(self.columns)
        inner.add(term)
        self.conditions.append(
            f"not exists (select 1 from {', '.join(inner.tables)} where {' and '.join(inner.conditions) or 'true'})"
        )

    def sql(self, things: list[str]) -> str:
        """Return the query: one row for each binding of `things`, the surest of its ways."""
        unsure = "coalesce(" + ", ".join(
            [f"if({name}.unsure, {name}.tie, null)" for name in self.ties] + ["-1"]) + ")"  # fmt: skip
        tie = f"{self.ties[0]}.tie" if self.ties else "-1"
        causes = [f"_cause{number}" for number in range(len(self.causes))]
        said = [f"{cause} as {name}" for cause, name in zip(self.causes, causes, strict=True)]
        names = [f"{self.columns[name]} as {_name(name)}" for name in things]
        inner = f"select distinct {', '.join([*names, f'{tie} as _tie', f'{unsure} as _unsure', *said])}"
        inner += f" from {', '.join(self.tables)} where {' and '.join(self.conditions) or 'true'}"
        by = ", ".join([_name(name) for name in things] + causes)
        return (
            f"select {by}, min_by(_tie, (_unsure >= 0, _tie)) as _tie, min_by(_unsure, (_unsure >= 0, _tie)) as _unsure"
            f" from ({inner}) group by {by} order by {by}"
        )


def _columns(term: Term, name: str) -> Iterator[str]:
    parts = {
        "attribute": ("thing", "name", "value"), "kind": ("thing", "kind"), "tag": ("thing", "tags"),
        "control": ("thing", "kind", "state"), "exposure": ("thing", "rule"), "name": ("thing", "name"),
    }.get(term.name, ("source", "target", "note"))  # fmt: skip
    return (f"{name}.{part}" for part in parts)


def _ask(connection: duckdb.DuckDBPyConnection, rule: Rule, claimed: dict[str, list[str]]) -> Matched:
    query = _Query(claimed)
    late = [term for term in rule.where if term.negated or term.name in ("differs", "same_site")]
    for term in rule.where:
        if term not in late:
            query.add(term)
    for term in late:
        query.compare(term)
    things = [name for name in rule.variables if name in query.columns]
    found: Any = connection.execute(query.sql(things)).fetchnumpy()
    column = {name: np.asarray(np.ma.filled(values, -1), np.int64) for name, values in found.items()}
    causes = [column[f"_cause{number}"] for number in range(len(query.causes))]
    stacked = np.stack(causes, axis=1) if causes else np.zeros((len(column["_tie"]), 0), np.int64)
    return Matched(rule, {name: column[f"v_{name}"] for name in things}, column["_tie"], column["_unsure"], stacked)


def _any_like(term: Term, column: str, text: Text) -> str:
    """A name is any of an asset's names; an exposure is known by its check as well as by its weakness."""
    table = column.split(".")[0]
    if term.name == "exposure":
        return f"({_like(column, text)} or {_like(f'{table}.weakness', text)})"
    return f"({_like(column, text)} or len(list_filter({table}.names, lambda x: {_like('x', text)})) > 0)"


def _like(column: str, text: object) -> str:
    """A condition that holds where `column` is one of the alternatives."""
    alternatives = text.alternatives if isinstance(text, Text) else ()
    plain = [one for one in alternatives if "*" not in one]
    parts = [f"{column} in ({', '.join(map(_quoted, plain))})"] if plain else []
    parts += [f"{column} like {_pattern(one)} escape '\\'" for one in alternatives if "*" in one]
    return f"({' or '.join(parts)})" if parts else "false"


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _quoted(escaped.replace("*", "%"))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(variable: str) -> str:
    return f'"v_{variable}"'
