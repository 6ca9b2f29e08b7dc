"""A query in plain words, so that a person sees what was understood before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from foreshore.query.fields import EXPOSURES, Field
from foreshore.query.language import All, Node, Not, Test, Value

_OPS = {
    "=": "is",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "~": "looks like",
}
_NOT = {"is": "is not", "looks like": "does not look like", "is any of": "is none of"}
_DAYS = {"<": "is before", "<=": "is on or before", ">": "is after", ">=": "is on or after", "=": "is on"}


def explain(node: Node, fields: Mapping[str, Field] = EXPOSURES) -> str:
    """Return one sentence that says which rows the query picks."""
    return f"Rows whose {_said(node, fields)}."


def _said(node: Node, fields: Mapping[str, Field]) -> str:
    if isinstance(node, Test):
        return _test(node, fields[node.field], negated=False)
    if isinstance(node, Not):
        if isinstance(node.inner, Test):
            return _test(node.inner, fields[node.inner.field], negated=True)
        return f"not ({_said(node.inner, fields)})"
    word = " and " if isinstance(node, All) else " or "
    return word.join(_said(one, fields) if isinstance(one, Test) else f"({_said(one, fields)})" for one in node.parts)


def _test(test: Test, field: Field, *, negated: bool) -> str:
    name = test.field.replace("_", " ")
    verb = _DAYS[test.op] if field.kind == "day" and test.values != (None,) else _OPS.get(test.op, "is any of")
    values = ", ".join(_value(value, percent=test.percent) for value in test.values)
    if field.kind == "list":
        verb = "holds" if test.op == "=" else f"holds one that {verb}"
    if negated:
        verb = _NOT.get(verb, f"not: {verb}")
    return f"{name} {verb} {values}"


def _value(value: Value, *, percent: bool) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" + (" %" if percent else "")
    if isinstance(value, timedelta):
        hours = value // timedelta(hours=1)
        return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
    if isinstance(value, date):
        return value.isoformat()
    return f"“{value}”"
