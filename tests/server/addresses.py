"""Every address of the running service, from Django's own table, with something in its places."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from tests.served import Service, made

_WALK = """
import json
from django.urls import get_resolver
def walk(patterns, before=""):
    for one in patterns:
        route = before + str(one.pattern).lstrip("^").rstrip("$")
        if hasattr(one, "url_patterns"):
            yield from walk(one.url_patterns, route)
        else:
            yield route
print(json.dumps(sorted(set(walk(get_resolver().url_patterns)))))
"""


def routes_of(service: Service) -> list[str]:
    """Return every route of the service, as Django writes it."""
    found: list[str] = json.loads(made(service.workspace, _WALK))
    return found


def filled(route: str, foreign: dict[str, Any]) -> str:
    """The path of a route with the other team's things in its places."""
    one = next(row for row in foreign["exposures"] if row["asset_name"] == "db-1")
    action = foreign["actions"][0]["id"] if foreign["actions"] else "ACT-0000000000000"
    return placed(route, {"asset": one["asset"], "exposure": one["id"], "action": action, "service": "Card payments"})


def placed(route: str, things: dict[str, str], weakness: str = "CVE-2023-2454") -> str:
    """The path of a route with these things in its places, by the word before each place."""
    for begins, value in things.items():
        if re.search(rf"(^|/){begins}s?/(<|\()", route):
            route = re.sub(rf"(?<={begins}s/)<[^>]+>|(?<={begins}/)<[^>]+>", quote(value), route, count=1)
    route = re.sub(r"<int:[^>]+>", "1", route)
    route = re.sub(r"<path:[^>]+>", "treatment.toml" if "policy" in route else quote("Card payments"), route)
    route = re.sub(r"<[^>]*weakness[^>]*>|(?<=intelligence/)<[^>]+>", weakness, route)
    route = re.sub(r"\(\?P<[^>]+>[^)]*\)|<[^>]+>", "nothing", route)
    return "/" + route.replace("\\", "")
