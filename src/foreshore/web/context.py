"""What every page shows: where one is, what one may, what one was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from foreshore.server import people
from foreshore.server.models import Person


class Entry(NamedTuple):
    """One entry of the main menu."""

    name: Any
    url: str
    permission: str


MENU: Sequence[Entry] = (
    Entry(_("Overview"), "/", "see"),
    Entry(_("Exposures"), "/exposures/", "see"),
    Entry(_("Assets"), "/assets/", "see"),
    Entry(_("Services"), "/services/", "see"),
    Entry(_("Attack map"), "/map/", "see"),
    Entry(_("Plan"), "/plan/", "see"),
    Entry(_("Actions"), "/actions/", "see"),
    Entry(_("Exceptions"), "/exceptions/", "see"),
    Entry(_("Intelligence"), "/intelligence/", "see"),
    Entry(_("Reports"), "/reports/", "see"),
    Entry(_("Settings"), "/settings/", "comment"),
)


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """Return the values that the frame of every page needs."""
    access = people.access(request)
    signed = getattr(request, "user", None)
    person = signed if isinstance(signed, Person) else None
    path = request.path
    return {
        "access": access,
        "person": person,
        "viewed_as": request.session.get("view_as_name", "") if hasattr(request, "session") else "",
        "theme": person.theme if person else "auto",
        "menu": [
            {"name": one.name, "url": one.url, "here": path == one.url or (one.url != "/" and path.startswith(one.url))}
            for one in MENU
            if access.may(one.permission) or (one.url == "/settings/" and access.may("audit"))
        ],
        "notices": SimpleLazyObject(lambda: people.told(person) if person else []),
    }
