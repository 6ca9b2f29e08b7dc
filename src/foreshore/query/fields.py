"""What a query may ask about: the fields of the list of exposures, their kinds and words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from foreshore import facts

Kind = Literal["text", "word", "rank", "flag", "list", "number", "share", "day", "age", "key"]

# Which comparisons a kind knows.
OPERATORS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "text": ("=", "!=", "~", "!~", "in"),
        "word": ("=", "!=", "in"),
        "rank": ("=", "!=", "<", "<=", ">", ">=", "in"),
        "flag": ("=", "!="),
        "list": ("=", "!=", "~", "!~", "in"),
        "number": ("=", "!=", "<", "<=", ">", ">="),
        "share": ("=", "!=", "<", "<=", ">", ">="),
        "day": ("=", "!=", "<", "<=", ">", ">="),
        "age": ("<", "<=", ">", ">="),
        "key": ("=", "!=", "in"),
    }
)


class Field(NamedTuple):
    """One field: its column, what kind it is, its words where it has a fixed set, its meaning."""

    name: str
    kind: Kind
    meaning: str
    column: str = ""
    words: tuple[str, ...] = ()
    prefix: str = ""  # of keys


_ANSWERS: tuple[str, ...] = get_args(facts.Answer)
_EXPLOITS = ("none_known", "poc", "weaponized", "attacks", "ransomware", "unknown")

EXPOSURES: Mapping[str, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("id", "key", "the exposure's key, or its beginning", "exposure", prefix="EXP"),
            Field("rank", "number", "place in the order"),
            Field("asset", "key", "the asset's key, or its beginning", prefix="AST"),
            Field("asset_name", "text", "the asset's name"),
            Field("site", "text", "the asset's site"),
            Field("zone", "text", "the asset's zone; none: in no zone"),
            Field("weakness", "text", "CVE, GHSA or the tool's rule"),
            Field("kind", "word", "what kind of exposure", words=get_args(facts.ExposureKind)),
            Field("title", "text", "what it is"),
            Field("place_kind", "word", "what kind of place", words=get_args(facts.PlaceKind)),
            Field("place", "text", "component, port, resource, address or file"),
            Field(
                "state",
                "word",
                "where it is in its life",
                words=("open", "reopened", "stale", "pending_verification", "reboot_pending"),
            ),
            Field("severity", "rank", "the scanners' highest", words=facts.SEVERITIES),
            Field("cvss", "number", "CVSS score"),
            Field("epss", "number", "EPSS probability"),
            Field("kev", "flag", "known to be exploited (CISA)"),
            Field("in_scope", "flag", "on an asset of a service or foundation"),
            Field("way_in", "word", "how it is used", words=get_args(facts.WayIn)),
            Field("reachable", "word", "can an attacker get to it", words=_ANSWERS),
            Field("exploit", "word", "is there a working exploit", words=_EXPLOITS),
            Field("leads", "word", "does it lead to something critical", words=_ANSWERS),
            Field("leads_to", "list", "services it leads to"),
            Field("likelihood", "number", "chance that an attacker in position succeeds"),
            Field("contribution", "share", "modelled risk removed if fixed; % of the whole"),
            Field("low", "share", "its 5 % point"),
            Field("high", "share", "its 95 % point"),
            Field("best_path", "number", "probability of the single best path through it"),
            Field("treatment", "word", "what is done about it", words=tuple(facts.TREATMENTS)),
            Field("label", "text", "SSVC outcome"),
            Field("due", "day", "deadline; none: has none"),
            Field("due_rule", "text", "the rule that set the deadline"),
            Field("owner", "text", "team; none: nobody's"),
            Field(
                "verdict",
                "word",
                "what a test said",
                words=("confirmed", "refuted", "inconclusive", "not_run"),
            ),
            Field(
                "disposition",
                "word",
                "what a person decided; none: nothing",
                words=(*get_args(facts.Disposition), "claimed_fixed"),
            ),
            Field(
                "vendor",
                "word",
                "what vendors say of the installed version; none: nothing",
                words=("fixed", "not_affected", "disputed"),
            ),
            Field("first_seen", "day", "when it was first seen"),
            Field("last_seen", "day", "when it was last seen"),
            Field("age", "age", "time since it was first seen", "first_seen"),
            Field("unseen", "age", "time since it was last seen", "last_seen"),
            Field("sources", "list", "who reported it"),
            Field("fix", "text", "what closes it"),
            Field("action", "key", "the action that closes it, or its beginning", prefix="ACT"),
        )
    }
)

ASSETS: Mapping[str, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("id", "key", "the asset's key, or its beginning", "asset", prefix="AST"),
            Field("name", "text", "the asset's name"),
            Field("names", "list", "all its names"),
            Field("identifier", "list", "whatever a source called it: name, address, ARN, SID, key", "identifiers"),
            Field("kind", "text", "what kind of asset: host, identity, cloud …"),
            Field("site", "text", "its site"),
            Field("zone", "text", "its zone; none: in no zone"),
            Field("os", "text", "its operating system"),
            Field("owner", "text", "team; none: nobody's"),
            Field("internet", "word", "does a source say that it faces the internet", words=_ANSWERS),
            Field("tag", "list", "its tags, from sources and from the scope's rules", "tags"),
            Field("address", "list", "its addresses", "addresses"),
            Field("service", "list", "services and foundations that it belongs to", "services"),
            Field("last_seen", "day", "when it was last seen"),
            Field("unseen", "age", "time since it was last seen", "last_seen"),
        )
    }
)

PATHS: Mapping[str, Field] = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("probability", "number", "chance of one attack along this way"),
            Field("hops", "number", "how many hops it has"),
            Field("assumed", "number", "how many of its hops are assumed"),
            Field("known", "flag", "it hangs on no unknown fact"),
            Field("from", "text", "where it starts", "start"),
            Field("to", "text", "what it ends in", "goal"),
            Field("asset", "list", "names of assets on the way", "assets"),
            Field("zone", "list", "zones on the way", "zones"),
            Field("rule", "list", "rules of its hops", "rules"),
            Field("technique", "list", "ATT&CK techniques of its hops", "techniques"),
            Field("weakness", "list", "weaknesses that it uses; none: uses none", "weaknesses"),
            Field("source", "list", "who said its facts", "sources"),
        )
    }
)


def column(field: Field) -> str:
    """The column that holds `field`."""
    return field.column or field.name


def nearest(name: str, known: Mapping[str, Field] | tuple[str, ...]) -> str:
    """A hint: the nearest known word, or all of them where none is near."""
    folded = name.lower().replace("-", "_")
    near = difflib.get_close_matches(folded, list(known), 1)
    return near[0] if near else ", ".join(known)
