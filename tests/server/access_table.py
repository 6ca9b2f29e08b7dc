"""What each address asks of who comes: the table beside the generated test of access.

`ANY`: everybody who is signed in. A permission alone has to hold somewhere; `all PERMISSION` for the whole
organisation. The last rule is the strictest that a page may be without one of its own: who may see nothing
sees no page. What a person may see of a page is proven by the canaries of the test, not by this table.
"""

from __future__ import annotations

import re

OPEN = "open"
ANY = "any"
# Patterns over Django's routes, first match counts; GET first, then what POST asks.
RULES: tuple[tuple[str, str, str], ...] = (
    (r"healthz|readyz|metrics|i18n/.*|join/.*|guest/.*", OPEN, OPEN),
    (r"accounts/.*", OPEN, OPEN),  # allauth's own, each for the person who is signed in
    (r"me/|notices/.*", ANY, ANY),
    (r"settings/", "see", "see"),
    (r"settings/people/view-as/stop/", ANY, ANY),
    (r"settings/people/.*", "all people", "all people"),
    (r"settings/tokens/.*", "see", "see"),
    (r"settings/teams/", "all see", "all see"),
    (r"settings/feeds/update/", "all run", "all run"),
    (r"settings/feeds/", "see", "see"),
    (r"settings/policy/preview/.*", "all policy", "all policy"),
    (r"settings/policy/<.*", "all see", "all policy"),
    (r"settings/policy/", "all see", "all see"),
    (r"settings/retention/", "all see", "all policy"),
    (r"settings/(audit|data)/.*", "all audit", "all audit"),
    (r"settings/sources/.*/run/", "all run", "all run"),
    (r"settings/(sources|schedules)/.*", "all sources", "all sources"),
    (r"assets/review/.*", "identity", "identity"),
    (r"assets/coverage/", "all see", "all see"),
    (r"exposures/(preview|decide|undo|withdraw)/", "decide", "decide"),
    (r"services/(new|<path:name>)/change/", "all scope", "all scope"),
    (r"start/", "upload", "all scope"),
    (r"start/matched/", "all scope", "all scope"),
    (r"start/cycle/", "all run", "all run"),
    (r"start/.*", "all upload", "all upload"),
    (r"intelligence/update/", "all run", "all run"),
    (r"intelligence/(news|.*/impact)/", "all see", "all see"),
    (r"map/junctions/", "all see", "all see"),
    (r"plan/(kept|keep)/.*", "all see", "all see"),
    (r"reports/<.*", "all see", "all see"),
    (r"api/.*", "api", "api"),
    (r".*", "see", "see"),
)


def asks(route: str, method: str) -> str:
    """Return what the route asks."""
    for pattern, get, post in RULES:
        if re.fullmatch(pattern, route):
            return get if method == "GET" else post
    raise AssertionError(f"no rule says who may come to {route}")
