"""What a path may start from, end in, go through or avoid: one short word, or a query about assets or exposures.

| written | means |
|---|---|
| `internet`, `people` | the internet; everybody to whom an attacker may write |
| `Card payments`, `service:Card payments` | a service or a foundation |
| `dmz`, `zone:dmz` | a position in a zone |
| `AST-7Q2M`, `web-1`, `10.20.0.5`, an ARN, a SID, `shop/checkout-*` | assets, by key, name or any identifier |
| `tag:pci`, `kind:identity`, `name:…`, `address:…`, `site:…`, `owner:…`, `id:…` | assets, by a selector as in the scope |
| `asset:kind = identity and tag = 'vip'` | assets, by a query in the one query language |
| `user:web-1`, `admin:web-1` | the same, held as an ordinary user or fully (which is meant without a word) |
| `T1021`, `technique:T1021.001` | a technique, with those below it |
| `rule:login` | hops of one rule |
| `CVE-2021-44228`, `EXP-7Q2M`, `exposure:kev and owner = shop` | weaknesses and exposures |

In names `*` is any text, `?` any letter. The last four lines go with --through and --avoid only, but for `user:` and `admin:`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from foreshore.errors import UsageError
from foreshore.query import selectors

Kind = Literal["internet", "people", "service", "zone", "asset", "selector", "asset_query", "technique", "rule",
               "weakness", "exposure", "exposure_query", "any"]  # fmt: skip
Held = Literal["", "user", "admin"]

_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?", re.IGNORECASE)
_WEAKNESS = re.compile(r"(CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3})", re.IGNORECASE)
_KEY = re.compile(r"(AST|EXP)-[0-9A-Za-z-]+", re.IGNORECASE)
_NAMED: dict[str, Kind] = {"service": "service", "zone": "zone", "technique": "technique", "rule": "rule",
                           "weakness": "weakness", "asset": "asset_query", "exposure": "exposure_query"}  # fmt: skip
_PLACES: dict[str, Kind] = {"internet": "internet", "people": "people"}


@dataclass(frozen=True)
class Thing:
    """One thing as it was asked for: what kind it is, its text, and how it is held (for assets).

    Kind `any` is a bare word: a service, a zone or assets, whichever has that name.
    """

    kind: Kind
    text: str
    held: Held = ""
    said: str = ""


def thing(text: str) -> Thing:
    """Take apart one thing of a question about paths; raises UsageError for what says nothing."""
    said = text.strip()
    held: Held = ""
    rest = said
    for word in ("user", "admin"):
        if rest.lower().startswith(word + ":"):
            held, rest = ("user" if word == "user" else "admin"), rest[len(word) + 1 :].strip()
    if not rest:
        raise UsageError(f"“{text}” names nothing", hint="a service, a zone, an asset's name, internet")
    found = _read(rest, said)
    if held and found.kind not in ("asset", "selector", "asset_query", "any"):
        raise UsageError(f"“{said}”: only an asset is held as {held}", hint=f"{held}:web-1")
    return Thing(found.kind, found.text, held, said)


def _read(text: str, said: str) -> Thing:
    if text.lower() in _PLACES:
        return Thing(_PLACES[text.lower()], text.lower())
    if _KEY.fullmatch(text):
        return Thing("asset", text) if text[:3].upper() == "AST" else Thing("exposure", text)
    if _TECHNIQUE.fullmatch(text):
        return Thing("technique", text.upper())
    if _WEAKNESS.fullmatch(text):
        return Thing("weakness", text)
    word, colon, value = text.partition(":")
    kind = _NAMED.get(word.strip().lower()) if colon else None
    if kind:
        if not value.strip():
            raise UsageError(f"“{said}” says nothing after the colon", hint=f"{word}:…")
        return Thing(kind, value.strip())
    if colon and word.strip().lower() in selectors.KINDS and value.strip():
        selectors.parse(text)
        return Thing("selector", text)
    return Thing("any", text)
