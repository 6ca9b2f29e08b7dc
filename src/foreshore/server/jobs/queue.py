"""The queue of jobs: rows in the database, taken one at a time, with a sign of life while they run.

A worker that dies leaves its job without a sign of life; another takes it over (every kind can be begun
again: what was committed is known by the job's key). Jobs that write facts exclude one another.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from foreshore.errors import UsageError
from foreshore.server.models import Job, Notice, Person, Schedule

QUIET_SECONDS = 30  # without a sign of life for so long, a worker is taken for dead
MOST_ATTEMPTS = 3
WRITERS = ("import", "cycle", "collect", "intel")  # one at a time, so that two cycles never overlap
OVER = ("done", "failed", "cancelled")


class Cancelled(Exception):
    """Somebody asked to stop this job."""


def ask(kind: str, settings: Mapping[str, Any], *, by: str, key: str = "") -> Job:
    """Put a job into the queue, or return the one that is there under this key.

    A cycle that waits already is not asked for twice.
    """
    with transaction.atomic():
        if key and (there := Job.objects.filter(key=key).first()):
            return there
        if kind == "cycle" and (
            there := Job.objects.filter(kind=kind, state="waiting", settings=dict(settings)).first()
        ):
            return there
        return Job.objects.create(key=key or secrets.token_hex(12), kind=kind, settings=dict(settings), asked_by=by)


def take(worker: str) -> Job | None:
    """Take the oldest job that may run now, in the name of `worker`; None where there is none."""
    with transaction.atomic():
        _hand_over()
        running = Job.objects.filter(state="running", kind__in=WRITERS).exists()
        waiting = Job.objects.filter(state="waiting").order_by("asked_at", "pk")
        if running:
            waiting = waiting.exclude(kind__in=WRITERS)
        job = waiting.select_for_update().first()
        if job is None:
            return None
        now = timezone.now()
        job.state, job.worker, job.started_at, job.alive_at = "running", worker, now, now
        job.attempts += 1
        job.stage, job.done = "", None
        job.save()
        return job


def _hand_over() -> None:
    """Put jobs back whose worker gave no sign of life; give up those that were tried often enough."""
    quiet = Q(state="running", alive_at__lt=timezone.now() - timedelta(seconds=QUIET_SECONDS))
    for job in Job.objects.filter(quiet, attempts__gte=MOST_ATTEMPTS):
        end(job, "failed", error=f"its worker died {job.attempts} times")
    Job.objects.filter(quiet).update(state="waiting", worker="", stage="begins again: its worker died")


def alive(job: Job, stage: str | None = None, done: float | None = None) -> None:
    """Give a sign of life, with the stage and the part that is done; raises `Cancelled` where that was asked.

    A job that was taken over by another worker is left alone: raises `Cancelled` as well.
    """
    changed: dict[str, Any] = {"alive_at": timezone.now()}
    if stage is not None:
        changed |= {"stage": stage[:300], "done": done}
    mine = Job.objects.filter(pk=job.pk, worker=job.worker, state="running")
    if not mine.update(**changed) or mine.filter(cancel_asked=True).exists():
        raise Cancelled


def end(job: Job, state: str, *, result: Any = None, error: str = "") -> None:
    """Note how a job ended and tell who asked for it; only the worker that has it can."""
    changed = Job.objects.filter(pk=job.pk, state="running", worker=job.worker).update(
        state=state,
        ended_at=timezone.now(),
        result=result,
        error=error[:2000],
        done=1.0 if state == "done" else F("done"),
    )
    told = changed and job.kind != "question"  # who asked a question sees the answer where it was asked
    person = Person.objects.filter(email=job.asked_by).first() if told else None
    if person is not None:
        said = {"done": "is done", "failed": "failed", "cancelled": "was cancelled"}[state]
        words = f"The {job.kind} that you asked for {said}." + (f" {error}" if error else "")
        Notice.objects.create(person=person, text=words[:500], link=f"/jobs/{job.key}/")


def cancel(job: Job) -> None:
    """Ask a job to stop: at once where it waits, at its next sign of life where it runs."""
    if Job.objects.filter(pk=job.pk, state="waiting").update(state="cancelled", ended_at=timezone.now()):
        return
    if not Job.objects.filter(pk=job.pk, state="running").update(cancel_asked=True):
        raise UsageError("this job is over", hint="ask for a new one")


def counts() -> dict[str, int]:
    """Return how many jobs are in each state."""
    return {row["state"]: row["n"] for row in Job.objects.values("state").annotate(n=Count("pk")).order_by()}


def due() -> None:
    """Ask for the jobs whose time has come; a schedule that slept long asks once, not for every time missed."""
    now = timezone.now()
    for one in Schedule.objects.filter(enabled=True, next_at__lte=now):
        following = now + timedelta(minutes=max(1, one.every_minutes))
        if Schedule.objects.filter(pk=one.pk, next_at=one.next_at).update(next_at=following):
            ask(one.kind, one.settings, by="schedule", key=f"schedule:{one.pk}:{one.next_at.isoformat()}")


def usual_seconds(kind: str) -> float | None:
    """Return how long the last jobs of a kind took at the median, None where there were none."""
    ended = Job.objects.filter(kind=kind, state="done").order_by("-ended_at")[:9]
    took = sorted((one.ended_at - one.started_at).total_seconds() for one in ended if one.ended_at and one.started_at)
    return took[len(took) // 2] if took else None
