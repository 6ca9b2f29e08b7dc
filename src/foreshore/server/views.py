"""Saved views: a query over a list that somebody keeps under a name, for themselves or for all."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from foreshore.errors import UsageError
from foreshore.query import language
from foreshore.query.fields import ASSETS, EXPOSURES
from foreshore.server.access import Access
from foreshore.server.models import Person, SavedView

MOST = 200
LONGEST_NAME = 80
_FIELDS = {"exposures": EXPOSURES, "assets": ASSETS}


def listed(access: Access, page: str) -> list[dict[str, Any]]:
    """Return one's own views of a page and those that others share, by name."""
    # A guest acts through somebody's link: what that person keeps for themselves is not the guest's.
    own = Q(person_id=access.number) if access.may("comment") else Q(pk__in=[])
    found = SavedView.objects.filter(own | Q(shared=True), page=page)
    return [
        {"number": one.pk, "name": one.name, "query": one.query, "shared": one.shared, "by": str(one.person),
         "mine": one.person_id == access.number}
        for one in found.select_related("person").order_by("name", "pk")[:MOST]
    ]  # fmt: skip


def save(access: Access, page: str, name: str, query: str, *, shared: bool) -> SavedView:
    """Keep a query under a name; the same name again replaces one's own. Raises UsageError for what is no query."""
    access.need("comment")
    told = " ".join(name.split())
    if page not in _FIELDS or not 0 < len(told) <= LONGEST_NAME:
        raise UsageError("a view needs a name", hint=f"1 to {LONGEST_NAME} characters")
    if query.strip():
        language.parse(query, _FIELDS[page])
    person = Person.objects.get(pk=access.number)
    kept, _ = SavedView.objects.update_or_create(
        person=person, page=page, name=told, defaults={"query": query.strip(), "shared": shared}
    )
    return kept


def forget(access: Access, number: int) -> None:
    """Remove one's own view."""
    access.need("comment")
    if not access.number or not SavedView.objects.filter(pk=number, person_id=access.number).delete()[0]:
        raise UsageError("there is no such view of yours", hint="look at the list")
