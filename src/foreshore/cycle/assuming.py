"""Whether what exceptions rest on still holds, by the rows of a cycle or of news; where not, what is now so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts, scratch
from foreshore.cycle import assumptions
from foreshore.decisions.checks import EXCEPTIONS
from foreshore.errors import BadPolicy
from foreshore.prioritization.labelling import EXPLOIT_WORDS, unpacked
from foreshore.query import compiling
from foreshore.query.fields import column

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context

Row = Mapping[str, Any]
ON_KEV = ("look again", "reopen")
_MISSED = """
    select f.exposure, {fields} from framed f semi join asked on asked.exposure = f.exposure
    where not ({condition}) order by f.exposure
"""
# Numbers of exposures are few here: only those with an exception.
_FRAMED = """
    create temp table framed as
    select r.*, p.internet as internet, coalesce(t.tags, []) as tag, coalesce(c.controls, []) as control
    from given_rows r positional join points p
    left join tags t on t.asset = r.asset left join controls c on c.asset = r.asset
"""


@dataclass(frozen=True)
class Seen:
    """What exceptions are held against.

    `rows` are exposures with the columns of assessments; `signals` what is known of their weaknesses
    (`intel.signals.signals_at`); `assets` gives, when asked, the assets' tags and controls.
    `known_then` gives by exposure what was written down when it was decided on.
    """

    rows: pa.Table
    signals: pa.Table
    rules: Policy
    now: datetime
    assets: Callable[[], Context]
    known_then: Callable[[Sequence[int]], Mapping[int, Row]]


def broken(seen: Seen, words: Iterable[facts.Decision]) -> dict[facts.Decision, str]:
    """Return the exceptions among `words` that no longer hold, each with the difference in words.

    An exception on an exposure that is not among the rows (it is fixed, or gone) is not judged.
    """
    given = [one for one in words if one.disposition in EXCEPTIONS]
    resting = [one for one in given if one.assumes]
    told = _unlike(seen, resting) if resting else {}
    if reopens(seen.rules):
        told |= _attacked(seen, [one for one in given if not one.assumes])
    return {one: told[one.exposure] for one in given if one.exposure in told}


def reopens(rules: Policy) -> bool:
    """Tell whether the policy revokes exceptions without assumptions when KEV takes their weakness in."""
    word = rules.text("exceptions.on_kev")
    if word not in ON_KEV:
        raise BadPolicy(f"“{word}” is not known here", where="exceptions.toml, on_kev", hint=" or ".join(ON_KEV))
    return word == "reopen"


def _unlike(seen: Seen, words: Sequence[facts.Decision]) -> dict[int, str]:
    """Return by exposure what was assumed and is not so."""
    import pyarrow as pa

    rests: dict[facts.Assumption, list[int]] = {}
    for one in words:
        for assumed in one.assumes:
            rests.setdefault(assumed, []).append(one.exposure)
    found: dict[int, list[str]] = {}
    connection = scratch.connect(threads=1)
    try:
        _frame(connection, seen, [one.exposure for one in words], rests)
        for assumed, exposures in rests.items():
            fields = assumptions.tested(assumed.query)
            clause = compiling.where(assumed.query, now=seen.now, fields=assumptions.FIELDS)
            shown = [column(assumptions.FIELDS[name]) for name in fields] + _because(fields)
            listed = ", ".join(f'f."{name}"' for name in shown)
            connection.register("asked", pa.table({"exposure": pa.array(exposures, pa.int64())}))
            query = _MISSED.format(fields=listed, condition=clause.sql)
            for key, *values in connection.execute(query, clause.parameters).fetchall():
                found.setdefault(key, []).append(_difference(assumed, fields, values))
            connection.unregister("asked")
    finally:
        connection.close()
    return {key: "; ".join(parts) for key, parts in found.items()}


def _frame(connection: Any, seen: Seen, exposures: Sequence[int], rests: Iterable[facts.Assumption]) -> None:
    """Lay the rows of these exposures out as `framed`, with the fields that are not columns of assessments."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = seen.rows.filter(pc.is_in(seen.rows.column("exposure"), value_set=pa.array(exposures, pa.int64())))
    connection.register("given_rows", rows)
    connection.register("points", unpacked(rows.column("points")).select(["internet"]))
    wanted = any(name in assumptions.OF_ASSETS for one in rests for name in assumptions.tested(one.query))
    context = seen.assets() if wanted and rows.num_rows else None
    tags, controls = _NOBODY, _NONE
    if context is not None:
        connection.register("known_assets", context.assets.select(["asset", "tags"]))
        connection.register("known_controls", context.controls)
        tags, controls = "select asset, tags from known_assets", _CONTROLS
    connection.execute(f"create temp table tags as {tags}")
    connection.execute(f"create temp table controls as {controls}")
    connection.execute(_FRAMED)


_NOBODY = "select 0::bigint as asset, []::varchar[] as tags limit 0"
_NONE = "select 0::bigint as asset, []::varchar[] as controls limit 0"
_CONTROLS = "select asset, list(kind || ' ' || state) as controls from known_controls group by asset"
_WHY = {"internet": "reach_fact", "reachable": "reach_fact", "exploit": "exploit_because"}


def _because(fields: Sequence[str]) -> list[str]:
    """The columns that say why the fields are as they are; not fields of a query themselves."""
    return [_WHY[name] for name in fields if name in _WHY]


def _difference(assumed: facts.Assumption, fields: Sequence[str], values: Sequence[Any]) -> str:
    said = f"assumed “{assumed.said}”"
    why = dict(zip([name for name in fields if name in _WHY], values[len(fields) :], strict=True))
    now = [_told(name, value, why.get(name) or "") for name, value in zip(fields, values, strict=False)]
    return f"{said}; now {' and '.join(now)}"


def _told(name: str, value: Any, why: str) -> str:
    """Say in words what a field says now."""
    word = _WORDED.get((name, value)) if not isinstance(value, list) else None
    if word is None and name == "exploit":
        word = EXPLOIT_WORDS.get(value, "nobody says whether an exploit exists")
    if word is None:
        shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        word = f"{assumptions.FIELDS[name].name.replace('_', ' ')} = {'none' if shown in (None, '') else shown}"
    return word + (f" ({why.rstrip('.')})" if why else "")


_WORDED = {
    ("internet", "yes"): "the internet reaches it", ("internet", "unknown"): "it is not known whether the internet reaches it",
    ("reachable", "yes"): "an attacker gets to it", ("kev", True): "it is in KEV", ("kev", False): "it is not in KEV",
    ("kev", None): "no catalogue was read", ("leads", "yes"): "it leads to something critical",
}  # fmt: skip


def _attacked(seen: Seen, words: Sequence[facts.Decision]) -> dict[int, str]:
    """Return the exceptions that were given before their weakness was known to be in KEV."""
    import pyarrow.compute as pc

    listed = seen.signals.filter(pc.fill_null(seen.signals.column("kev"), False))
    added = dict(zip(listed.column("weakness").to_pylist(), listed.column("kev_at").to_pylist(), strict=True))
    columns = (seen.rows.column(name).to_pylist() for name in ("exposure", "weakness"))
    weakness = {key: name for key, name in zip(*columns, strict=True) if name in added}
    doubtful = [one for one in words if one.exposure in weakness]
    then = seen.known_then([one.exposure for one in doubtful]) if doubtful else {}
    return {
        one.exposure: f"given when {name} was not known to be in KEV; now it is, since {added[name]:%Y-%m-%d}"
        for one in doubtful
        if _news(one, then.get(one.exposure, {}), added[name := weakness[one.exposure]])
    }


def _news(word: facts.Decision, then: Row, added: datetime | None) -> bool:
    """Tell whether the entry came after the decision, by what was written down then, else by its date."""
    if "kev" in then:
        return then["kev"] is not True
    return added is not None and added > word.decided_at
