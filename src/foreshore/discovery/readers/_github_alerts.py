"""The alerts of GitHub: what its states and reasons mean, and which repository an alert is of."""

from __future__ import annotations

import re
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _packages
from foreshore.facts import Sighting, Word

_PLACES = regex(r"/(?:security|pull|blob|commit|issues)(?:/|$)")
_API = regex(r"^(https?://)(?:api\.)?([^/]+)/(?:api/v3/)?repos/([^/]+/[^/]+)")

_STATES: dict[str, Word] = {
    "open": "open", "fixed": "fixed", "dismissed": "suppressed", "auto_dismissed": "suppressed",
    "resolved": "fixed", "closed": "fixed",
}  # fmt: skip
# Dismissed by somebody, for a reason. "Used in tests" is no mistake of the scanner, nor is the risk taken.
_REASONS: dict[str, Word] = {
    "inaccurate": "false_positive", "false_positive": "false_positive", "not_used": "false_positive",
    "tolerable_risk": "accepted", "no_bandwidth": "accepted", "wont_fix": "accepted", "won't_fix": "accepted",
    "used_in_tests": "suppressed", "fix_started": "suppressed", "revoked": "fixed",
    # The sentences of GitHub's page, which older answers give in place of a word
    "this_alert_is_inaccurate_or_incorrect": "false_positive",
    "vulnerable_code_is_not_actually_used": "false_positive",
    "risk_is_tolerable_to_this_project": "accepted", "no_bandwidth_to_fix_this": "accepted",
    "a_fix_has_already_been_started": "suppressed",
    "pattern_edited": "suppressed", "pattern_deleted": "suppressed", "hidden_by_config": "suppressed",
}  # fmt: skip


def word(state: object, reason: object) -> Word:
    """Our word for an alert's state and the reason for which it was dismissed or resolved."""
    said = _STATES.get(_naming.text(state).lower(), "open")
    if said == "open":
        return said
    return _REASONS.get(_naming.text(reason).lower().replace(" ", "_"), said)


def repository(said: dict[str, Any], *links: str, name: str = "") -> Sighting:
    """The repository by what an alert says of it, else by the address of the alert, else by `name`."""
    owner = said.get("owner")
    login = _naming.text(owner.get("login")) if isinstance(owner, dict) else _naming.text(owner)
    short = _naming.text(said.get("name"))
    full = _naming.text(said.get("full_name")) or _naming.text(said.get("nameWithOwner"))
    full = full or (f"{login}/{short}" if login and short else "")
    stated = _naming.text(said.get("html_url")) or _naming.text(said.get("url"))
    url = next((found for one in (stated, *links) if (found := _address(one))), "")
    if not url and "/" in full:
        url = f"https://github.com/{full}"
    shown = full or "/".join(url.split("/")[-2:]) or short or name
    visibility = _naming.text(said.get("visibility")).lower()
    return _packages.project(shown, url, (("visibility", visibility),))


def _address(link: str) -> str:
    """The repository's address from its own or from that of one of its pages; nothing where it is neither."""
    if match := _API.match(link):
        return f"{match.group(1)}{match.group(2)}/{match.group(3)}"
    plain = _PLACES.split(link, maxsplit=1)[0]
    return plain if re.fullmatch(r"https?://[^/\s]+/[^/\s]+/[^/\s]+", plain) else ""
