"""Exceptions: somebody asks to accept exposures for a time, and somebody else says yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils import timezone

from foreshore import decisions, keys
from foreshore.cycle import assumptions, deciding
from foreshore.decisions import checks
from foreshore.decisions.opened import LONGEST_ACCEPTANCE_DAYS as LONGEST_DAYS
from foreshore.decisions.records import Entry
from foreshore.errors import NothingToRead, UsageError
from foreshore.server import exposures
from foreshore.server.access import Access, NotAllowed
from foreshore.server.models import ExceptionRequest, Notice, Person
from foreshore.server.place import workspace
from foreshore.server.shelf import Shelf

LONGEST = LONGEST_DAYS
MOST = 500  # exposures of one request
SOON = timedelta(days=30)
SHOWN = 200
STATES = ("asked", "approved", "refused", "withdrawn")


def ask(
    shelf: Shelf, access: Access, chosen: Sequence[int], *, because: str, until: date, assume: Sequence[str] = ()
) -> ExceptionRequest:
    """Ask to accept these exposures until a day; raises UsageError for what no decision could say."""
    access.need("request")
    found = exposures.rows_of(shelf, access, chosen[: MOST + 1], "request")
    if not found or len(found) < len(set(chosen)):
        raise UsageError("some of these exposures are not yours to ask about", hint="leave them out")
    if len(found) > MOST:
        raise UsageError(f"one request is about at most {MOST} exposures", hint="ask for several")
    told = checks.reason(because)
    checks.end("accepted", until, datetime.now(UTC), LONGEST)
    said = [assumptions.parse(text).said for text in assume if text.strip()]
    person = Person.objects.get(pk=access.number)
    return ExceptionRequest.objects.create(
        exposures=[row["exposure"] for row in found], because=told, until=until, assumes=said, asked_by=person
    )


def answer(shelf: Shelf, access: Access, number: int, *, approve: bool, why: str) -> ExceptionRequest:
    """Say yes or no to a request; never one's own, and only with `approve` for every exposure in it."""
    access.need("approve")
    with transaction.atomic():
        state = "approved" if approve else "refused"
        # The change of state comes first: of two who answer at once, one finds the request answered.
        changed = ExceptionRequest.objects.filter(pk=number, state="asked").update(state=state)
        asked = ExceptionRequest.objects.select_related("asked_by").filter(pk=number).first()
        if not changed or asked is None:
            raise UsageError("this request was answered already", hint="look at the list")
        if asked.asked_by_id == access.number or asked.asked_by.email == access.person:
            raise NotAllowed("nobody answers their own request", hint="ask another approver")
        rows = _all_of(shelf, access, asked, "approve")
        if approve:
            _approve(shelf, access, asked, rows, why)
        else:
            asked.answer = checks.reason(why)
        asked.answered_by, asked.answered_at = Person.objects.get(pk=access.number), timezone.now()
        asked.save()
    text = f"Your request for an exception was {asked.state}." + (f" {asked.answer}" if asked.answer else "")
    Notice.objects.create(person=asked.asked_by, text=text[:500], link=f"/exceptions/{asked.pk}/")
    return asked


def _approve(shelf: Shelf, access: Access, asked: ExceptionRequest, rows: Sequence[dict[str, Any]], why: str) -> None:
    if not rows:
        raise UsageError(
            "none of these exposures is open any more", hint="refuse the request: nothing is left to accept"
        )
    asked.answer = " ".join(why.split())
    because = f"{asked.because} (asked for by {asked.asked_by.email})" + (f"; {asked.answer}" if asked.answer else "")
    deciding.decide(
        shelf.workspace,
        rows,
        "accepted",
        because=because,
        author=access.person,
        until=asked.until,
        assume=asked.assumes,
    )


def _all_of(shelf: Shelf, access: Access, asked: ExceptionRequest, permission: str) -> list[dict[str, Any]]:
    """Return the open exposures of a request; raises NotAllowed where one is outside of what the permission covers."""
    rows = exposures.rows_of(shelf, access, asked.exposures, permission)
    there = shelf.ask("select count(*) as n from laid where exposure in (select unnest(?))", [asked.exposures])[0]["n"]
    if len(rows) < there or (not there and not access.everywhere(permission)):
        raise NotAllowed("you may not answer for every exposure of this request", hint="ask somebody who may")
    return rows


def take_back(access: Access, number: int) -> None:
    """Take one's own request back before it is answered."""
    mine = ExceptionRequest.objects.filter(pk=number, asked_by_id=access.number, state="asked")
    access.need("request")
    if not access.number or not mine.update(state="withdrawn", answered_at=timezone.now()):
        raise UsageError("there is no request of yours that waits for an answer", hint="look at the list")


def requests(shelf: Shelf, access: Access, state: str = "asked") -> list[dict[str, Any]]:
    """Return the requests in a state that somebody may see, newest first: one's own, and those seen whole."""
    found = list(
        ExceptionRequest.objects.select_related("asked_by", "answered_by")
        .filter(state=state).order_by("-asked_at")[:SHOWN]
    )  # fmt: skip
    every = sorted({key for one in found for key in one.exposures})
    if not every:
        return []
    there = {row["exposure"]: row for row in _named(shelf, every)}
    seen = {row["exposure"] for row in exposures.rows_of(shelf, access, every)}
    decidable = {row["exposure"] for row in exposures.rows_of(shelf, access, every, "approve")}
    return [
        _told(one, there, seen, decidable, access)
        for one in found
        if _visible(access, one, set(there) & set(one.exposures), seen)
    ]


def _named(shelf: Shelf, every: Sequence[int]) -> list[dict[str, Any]]:
    return shelf.ask(
        "select exposure, rank, weakness, asset_name, title, treatment, contribution, low, high, owner, leads_to"
        " from laid where exposure in (select unnest(?)) order by rank, exposure",
        [list(every)],
    )


def _own(access: Access, one: ExceptionRequest) -> bool:
    """A guest acts through somebody's link, and is not that person."""
    return bool(access.number) and one.asked_by_id == access.number and access.may("request")


def _visible(access: Access, one: ExceptionRequest, there: set[int], seen: set[int]) -> bool:
    if access.everywhere() or _own(access, one):
        return True
    return bool(there) and there <= seen


def _told(
    one: ExceptionRequest, there: Mapping[int, dict[str, Any]], seen: set[int], decidable: set[int], access: Access
) -> dict[str, Any]:
    mine = _own(access, one)
    open_now = [there[key] for key in one.exposures if key in there]
    rows = [row for row in open_now if row["exposure"] in seen]
    may = bool(open_now) and all(row["exposure"] in decidable for row in open_now)
    return {
        "number": one.pk, "because": one.because, "until": one.until, "assumes": list(one.assumes),
        "asked_by": one.asked_by.email, "asked_at": one.asked_at, "state": one.state, "answer": one.answer,
        "answered_by": one.answered_by.email if one.answered_by else "", "answered_at": one.answered_at,
        "mine": mine, "may_answer": one.state == "asked" and not mine and may and one.asked_by.email != access.person,
        "exposures": [{"id": keys.show("EXP", row["exposure"]), **row} for row in sorted(rows, key=_rank)],
        "count": len(one.exposures), "gone": len(one.exposures) - len(open_now),
    }  # fmt: skip


def _rank(row: Mapping[str, Any]) -> int:
    return int(row["rank"])


def one(shelf: Shelf, access: Access, number: int) -> dict[str, Any]:
    """Return one request; raises NothingToRead where there is none that somebody may see."""
    asked = ExceptionRequest.objects.filter(pk=number).first()
    rows = requests(shelf, access, asked.state) if asked else []
    found = next((row for row in rows if row["number"] == number), None)
    if found is None:
        raise NothingToRead("there is no such request", hint="look at the list of exceptions")
    return found


def of_exposure(shelf: Shelf, access: Access, exposure: int) -> list[dict[str, Any]]:
    """Return the requests that wait for an answer about one exposure."""
    shown = keys.show("EXP", exposure)
    return [one for one in requests(shelf, access) if any(row["id"] == shown for row in one["exposures"])]


def in_force(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the exceptions that count now, by what was said, each with the exposures one may see; the next to end first."""
    words = _in_force(shelf.state.head, datetime.now(UTC).date())
    seen = {row["exposure"]: row for row in exposures.rows_of(shelf, access, [one.exposure for one in words])}
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for word in words:
        if word.exposure in seen:
            said = (word.disposition, word.because, word.author, word.decided_at, word.until)
            groups.setdefault(said, []).append(word)
    today = datetime.now(UTC).date()
    found = [
        {"disposition": said[0], "because": said[1], "author": said[2], "decided_at": said[3], "until": said[4],
         "assumes": [one.said for one in some[0].assumes], "count": len(some),
         "soon": bool(said[4] and said[4] - today <= SOON),
         "exposures": [exposures.shown(seen[one.exposure]) for one in some[:20]]}
        for said, some in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one["until"] or date.max, one["decided_at"]))


@lru_cache(maxsize=4)
def _in_force(head: str, day: date) -> tuple[Any, ...]:
    """By the audit chain's last link and the day: nothing else changes which words count."""
    with decisions.open(workspace()) as opened:
        words = opened.effective(datetime.now(UTC))
    return tuple(one for one in words if one.disposition in checks.EXCEPTIONS)


def revoked(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the exceptions that the system revoked and nobody has answered since, newest first, with why."""
    found: Iterable[Entry] = _revoked(shelf.state.head)
    entries = {entry.exposure: entry for entry in found}
    rows = exposures.rows_of(shelf, access, list(entries))
    told = [
        {**exposures.shown(row), "why": entries[row["exposure"]].because,
         "revoked_at": entries[row["exposure"]].decided_at}
        for row in rows
    ]  # fmt: skip
    return sorted(told, key=lambda one: one["revoked_at"], reverse=True)[:SHOWN]


@lru_cache(maxsize=4)
def _revoked(head: str) -> tuple[Entry, ...]:
    with decisions.open(workspace()) as opened:
        return tuple(opened.revoked())


def waiting(shelf: Shelf, access: Access) -> dict[str, int]:
    """Return how many requests wait for this person's answer, and how many of their own wait for somebody's."""
    if not ExceptionRequest.objects.filter(state="asked").exists():
        return {"to_answer": 0, "mine": 0}
    rows = requests(shelf, access)
    return {"to_answer": sum(one["may_answer"] for one in rows), "mine": sum(one["mine"] for one in rows)}
