"""What stands in a generic row's cells, as our values: times, words, identifiers, lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, get_args

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._generic_columns import fold
from foreshore.facts import AssetKind, ExposureKind, Proof, Sighting, Word

_WORDS: dict[str, Word] = {
    **dict.fromkeys(("fixed", "closed", "resolved", "mitigated", "remediated", "patched", "done", "solved"), "fixed"),
    **dict.fromkeys(("falsepositive", "false", "fp", "notanissue"), "false_positive"),
    **dict.fromkeys(("accepted", "riskaccepted", "acceptedrisk", "exception", "wontfix"), "accepted"),
    **dict.fromkeys(
        ("rebootpending", "pendingreboot", "rebootrequired", "restartpending", "pendingrestart"), "reboot_pending"
    ),
    **dict.fromkeys(("suppressed", "ignored", "muted", "outofscope", "inactive", "duplicate"), "suppressed"),
}
KINDS: frozenset[str] = frozenset(get_args(ExposureKind))
_ASSET_KINDS: frozenset[str] = frozenset(get_args(AssetKind))
PROOFS: frozenset[str] = frozenset(get_args(Proof))
_SLASHED = regex(r"^(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$")
AMBIGUOUS = "is a date that can be read two ways: write year-month-day"


@lru_cache(maxsize=16384)
def time(value: str) -> tuple[datetime | None, bool]:
    """(the time in UTC, whether it could be read two ways); a number above 12 tells day from month."""
    found = _SLASHED.match(value.strip())
    if found is None:
        return _naming.moment(value)[0], False
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if first <= 12 and second <= 12 and first != second:
        return None, True
    day, month = (first, second) if first > 12 or "." in value else (second, first)
    try:
        return datetime(year, month, day, int(found[4] or 0), int(found[5] or 0), int(found[6] or 0), tzinfo=UTC), False
    except ValueError:
        return None, False


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def weaknesses(value: Any) -> tuple[str, ...]:
    """All CVEs of the row, else its GHSAs, else what stands there, with commas, bars or lines between."""
    if type(value) is str and value.startswith("CVE-") and value[4:].replace("-", "").isdigit():
        return (value,)
    texts = [
        _naming.text(one.get("id") or one.get("vulnerability_id")) if isinstance(one, dict) else _naming.text(one)
        for one in listed(value)
    ]
    return _naming.public_ids(*texts) or tuple(
        dict.fromkeys(part.strip() for text in texts for part in re.split(r"[,;|\n]", text) if part.strip())
    )


def urls(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is str:
        return (value.strip(),) if "," not in value and " " not in value else tuple(re.split(r"[,\s]+", value.strip()))
    found = []
    for one in listed(value):
        if isinstance(one, dict):
            host, port = _naming.text(one.get("host")), _naming.port(one.get("port"))
            scheme, path = _naming.text(one.get("protocol")), _naming.text(one.get("path")).lstrip("/")
            place = f"{host}:{port}" if port else host
            found.append((f"{scheme}://" if scheme else "") + place + (f"/{path}" if path else ""))
        else:
            found.append(_naming.text(one).strip())
    return tuple(one for one in found if one)


def identifiers(fields: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the row itself says of its asset, strong identifiers first."""

    def text(name: str) -> str:
        return _naming.text(fields.get(name)).strip()

    found: list[tuple[str, str]] = []
    cloud = text("cloud_id")
    if cloud:
        found.append(("arn" if cloud.startswith("arn:") else "cloud_id", cloud))
    for name in ("agent_id", "serial", "mac"):
        if value := text(name):
            found.append((name, value.lower() if name == "mac" else value))
    found.extend(_naming.image_identifiers([text("image")], [text("image_digest")]))
    if value := text("repository"):
        found.append(("repo_url", value.removesuffix("/").removesuffix(".git").lower()))
    for name in ("fqdn", "asset", "address"):
        for value in re.split(r"[,;\s]+", text(name)) if name == "address" else [text(name)]:
            found.extend(_naming.host_identifiers(value))
    return tuple(dict.fromkeys(found))


_BY_IDENTIFIER = (
    ("image_digest", "image"),
    ("image_ref", "image"),
    ("repo_url", "repository"),
    ("arn", "cloud_resource"),
)


def sighting(fields: dict[str, Any], identifiers: tuple[tuple[str, str], ...]) -> Sighting:
    own = {kind for kind, _ in identifiers}
    stated = one_of(fields.get("asset_kind"), _ASSET_KINDS, "")
    kind = stated or next(
        (found for identifier, found in _BY_IDENTIFIER if identifier in own),
        "host",
    )
    name = next(
        (
            text
            for field in ("asset", "fqdn", "image", "repository")
            if (text := _naming.text(fields.get(field)).strip())
        ),
        "",
    )
    internet = fields.get("internet")
    return Sighting(
        key=" ".join(f"{kind}={value}" for kind, value in identifiers),
        name=name or identifiers[0][1],
        kind=kind,  # type: ignore[arg-type]
        identifiers=identifiers,
        os=_naming.text(fields.get("os")),
        owner=_naming.text(fields.get("owner")),
        internet="unknown" if internet is None else "yes" if true(internet) else "no" if false(internet) else "unknown",
        tags=tags(fields.get("asset_tags")),
    )


def word(fields: Mapping[str, Any]) -> Word:
    """The row's own word on the finding: its status, else the flags of DefectDojo."""
    status = fields.get("status")
    if status is not None and (found := _WORDS.get(fold(_naming.text(status)))):
        return found
    if "active" not in fields and "is_mitigated" not in fields and "false_positive" not in fields:
        return "open"
    if true(fields.get("false_positive")):
        return "false_positive"
    if true(fields.get("is_mitigated")):
        return "fixed"
    if true(fields.get("risk_accepted")):
        return "accepted"
    if any(true(fields.get(name)) for name in ("out_of_scope", "duplicate")) or false(fields.get("active")):
        return "suppressed"
    return "open"


def true(value: object) -> bool:
    return value is True or (isinstance(value, (str, int)) and str(value).strip().lower() in ("true", "yes", "y", "1"))


def false(value: object) -> bool:
    return value is False or (isinstance(value, (str, int)) and str(value).strip().lower() in ("false", "no", "n", "0"))


def one_of(value: object, allowed: frozenset[str], otherwise: str) -> str:
    shown = _naming.text(value).strip().lower().replace(" ", "_").replace("-", "_")
    return shown if shown in allowed else otherwise


def tags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(f"{name}={_naming.text(one)}" for name, one in value.items())
    parts = value if isinstance(value, list) else re.split(r"[,;|]", _naming.text(value))
    return tuple(text for one in parts if (text := _naming.text(one).strip()))


def lines(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = value if isinstance(value, list) else _naming.text(value).splitlines()
    return tuple(text for one in parts if (text := _naming.text(one).strip()))
