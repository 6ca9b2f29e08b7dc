"""What views need again and again: the access of a request, and a page for what is not there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from foreshore import keys
from foreshore.server import people
from foreshore.server.access import Access
from foreshore.web.templatetags import told


def allowed(request: HttpRequest, permission: str = "see") -> Access:
    """Return the access of a request; raises NotAllowed where it does not have the permission anywhere."""
    access = people.access(request)
    access.need(permission)
    return access


def missing(request: HttpRequest, what: str, hint: str = "") -> HttpResponse:
    """Return the page that says that something is not there, or not for this person to see: the two look alike."""
    said: dict[str, Any] = {"heading": _("Not here"), "what": what, "hint": hint, "teach": False}
    return render(request, "web/stopped.html", said, status=404)


def again(request: HttpRequest, **changed: object) -> str:
    """Return the query of this request with some values changed; "" takes one away. Cursors are left out."""
    values = request.GET.copy()
    values.pop("after", None)
    for name, value in changed.items():
        values.pop(name, None)
        if value not in ("", None):
            values[name] = str(value)
    return values.urlencode()


def percent(share: float | None) -> str:
    """Tell a share of a whole or its change in percent, with the digits that every page shows; None is unknown."""
    return told.percent(share) if share is None or share >= 0 else f"−{told.percent(-share)}"


def shown_exposures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return served rows of exposures with their key and the risk removed, in words with its interval."""
    return [
        {
            **row, "key": keys.show("EXP", row["exposure"]), "asset_key": keys.show("AST", row["asset"]),
            "share": percent(row["contribution"]),
            "between": "" if row["low"] is None else told.interval(row["low"], row["high"]),
        }
        for row in rows
    ]  # fmt: skip
