"""Looking at jobs: which somebody may see, and what pages and the API show of them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from foreshore.errors import NothingToRead
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job

PAGE = 50
ESTIMATED_AT_MOST = 0.95
_QUESTIONS = ("question",)  # answers to questions have pages of their own, and are many


def seen(access: Access) -> QuerySet[Job]:
    """Return the jobs that somebody may see: their own, and all for who may start them for the whole organisation."""
    if access.everywhere("run"):
        return Job.objects.all()
    return Job.objects.filter(asked_by=access.person) if access.person else Job.objects.none()


def page(access: Access, *, state: str = "", kind: str = "", after: int = 0, size: int = PAGE) -> dict[str, Any]:
    """Return jobs, the newest first, as `items`, with the cursor of the next page as `next` (0: none)."""
    found = seen(access).order_by("-pk")
    found = found.filter(kind=kind) if kind else found.exclude(kind__in=_QUESTIONS)
    if state:
        found = found.filter(state=state)
    if after:
        found = found.filter(pk__lt=after)
    size = max(1, min(size, 500))
    rows = list(found.defer("result")[: size + 1])
    return {"items": [shown(one) for one in rows[:size]], "next": rows[size - 1].pk if len(rows) > size else 0}


def one(access: Access, key: str) -> Job:
    """Return a job; raises NothingToRead where there is none that somebody may see."""
    found = seen(access).filter(key=key).first()
    if found is None:
        raise NothingToRead("there is no such job, or none that you may see", hint="the list of jobs")
    return found


def cancel(access: Access, key: str) -> Job:
    """Ask a job to stop: one's own, or any for who may start them."""
    found = one(access, key)
    queue.cancel(found)
    found.refresh_from_db()
    return found


def shown(job: Job) -> dict[str, Any]:
    """Return a job without its result: state, stage, the part that is done and how long it may still take."""
    usual = queue.usual_seconds(job.kind) if job.state == "running" else None
    ran = ((job.ended_at or timezone.now()) - job.started_at).total_seconds() if job.started_at else None
    done = job.done
    if job.state == "running" and usual and ran is not None:
        done = min(ESTIMATED_AT_MOST, ran / usual)
    return {
        "key": job.key, "kind": job.kind, "state": job.state, "stage": job.stage, "done": done,
        "asked_by": job.asked_by, "asked_at": job.asked_at, "started_at": job.started_at, "ended_at": job.ended_at,
        "seconds": ran, "left_seconds": max(0.0, usual - ran) if usual and ran is not None else None,
        "attempts": job.attempts, "cancel_asked": job.cancel_asked, "error": job.error,
        "over": job.state in queue.OVER,
    }  # fmt: skip
