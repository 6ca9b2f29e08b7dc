"""What an exception may rest on: a condition in the one query language, or one of a few plain phrases.

| said | means |
|---|---|
| `not reachable from the internet` | `internet != yes`: nothing that is known lets the internet reach it directly |
| `not reachable` | `reachable != yes`: no attacker of the scope surely gets to it |
| `no known exploit` | `exploit in (none_known, unknown)` |
| `not used in attacks` | `exploit not in (attacks, ransomware)` |
| `not in KEV` | `kev != yes` |
| `leads to nothing critical` | `leads != yes` |
| `control edr on` | `control = "edr on"`: a source says that this control is on |
| `tag pci`, `no tag pci` | `tag = pci`, `tag != pci`: the asset's tags |

Any other text is a query over the fields of exposures, with `internet`, `tag` and `control` beside them;
`internet = no` asks for more than `internet != yes`, which also holds while nothing is known. What the
decision itself moves (treatment, rank, action, disposition) cannot be assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from foreshore import facts
from foreshore.errors import UsageError
from foreshore.query import language
from foreshore.query.fields import EXPOSURES, Field
from foreshore.query.language import Node, Not, Test

PHRASES: Mapping[str, str] = MappingProxyType({
    "not reachable from the internet": "internet != yes",
    "not reachable": "reachable != yes",
    "no known exploit": "exploit in (none_known, unknown)",
    "no exploit known": "exploit in (none_known, unknown)",
    "not used in attacks": "exploit not in (attacks, ransomware)",
    "not in kev": "kev != yes",
    "leads to nothing critical": "leads != yes",
})  # fmt: skip
_CONTROL = re.compile(r"control\s+([\w.-]+)\s+(on|off|unknown)", re.IGNORECASE)
_TAG = re.compile(r"(?:(no)\s+)?(?:asset\s+)?tag\s*=?\s+(\S+|\"[^\"]+\"|'[^']+')", re.IGNORECASE)
_MOVED = ("id", "rank", "treatment", "disposition", "action")
OF_ASSETS = ("tag", "control")
FIELDS: Mapping[str, Field] = MappingProxyType(
    {name: field for name, field in EXPOSURES.items() if name not in _MOVED}
    | {
        field.name: field
        for field in (
            Field("internet", "word", "does the internet reach it directly", words=("yes", "no", "unknown")),
            Field("tag", "list", "the asset's tags"),
            Field("control", "list", "controls of the asset with their state, such as “edr on”"),
        )
    }
)


def parse(text: str) -> facts.Assumption:
    """Return what `text` assumes; raises UsageError where it is neither a phrase nor a query."""
    said = " ".join(text.split())
    if not said:
        raise UsageError("nothing is assumed", where="--assume", hint="--assume 'not reachable from the internet'")
    try:
        return facts.Assumption(said, language.show(language.parse(_query(said), FIELDS)))
    except UsageError as error:
        own = next((word for word in _MOVED if re.search(rf"\b{word}\b", said, re.IGNORECASE)), "")
        hint = f"{own} follows from the decision itself: it cannot be assumed" if own else _hint(error.hint)
        raise UsageError(
            f"“{said}” is neither a known phrase nor a condition: {error.what}", where="--assume", hint=hint
        ) from None


def _hint(near: str) -> str:
    return "; ".join(part for part in (near, ", ".join(dict.fromkeys(PHRASES))) if part)


def _query(said: str) -> str:
    if phrase := PHRASES.get(said.lower().rstrip(".")):
        return phrase
    if control := _CONTROL.fullmatch(said):
        return f'control = "{control[1].lower()} {control[2].lower()}"'
    if tag := _TAG.fullmatch(said):
        return f"tag {'!=' if tag[1] else '='} " + (tag[2] if tag[2][0] in "\"'" else f'"{tag[2]}"')
    return said


def tested(query: str) -> list[str]:
    """Return the fields that a query of an assumption looks at, each once, in its order."""
    return list(dict.fromkeys(_fields(language.parse(query, FIELDS))))


def _fields(node: Node) -> Iterator[str]:
    if isinstance(node, Test):
        yield node.field
    elif isinstance(node, Not):
        yield from _fields(node.inner)
    else:
        for part in node.parts:
            yield from _fields(part)
