"""The worker: takes one job after another, each done by a process of its own.

A job that eats too much memory takes its own process down and nothing else; the worker notes it. The
sign of life is the child's, given by a thread, so that a child that hangs in a computation still lives.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
from django.db import OperationalError, close_old_connections

from foreshore.errors import ForeshoreError
from foreshore.server import idempotency, webhooks
from foreshore.server.jobs import kinds, queue
from foreshore.server.models import Job
from foreshore.server.place import workspace

BEAT_SECONDS = 5
IDLE_SECONDS = 1.0
GRACE_SECONDS = 10.0  # a job that was asked to stop, and says nothing for so long, is ended
CLEAR_SECONDS = 3_600.0


def work(stopped: Callable[[], bool], *, once: bool = False) -> None:
    """Do jobs until `stopped` says so; with `once`, until none is waiting. Messages go out beside them."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    if not once:
        threading.Thread(target=_messages, args=(stopped,), daemon=True).start()
    while not stopped():
        close_old_connections()
        try:
            queue.due()
            job = queue.take(name)
        except OperationalError as error:  # another process holds the database for longer than we wait
            logging.getLogger("foreshore.jobs").warning("the queue cannot be read now: %s", error)
            job = None
        if job is None:
            if once:
                return
            time.sleep(IDLE_SECONDS)
            continue
        _apart(job, stopped)


def _messages(stopped: Callable[[], bool]) -> None:
    """Deliver webhooks' messages, also while a long job runs, and forget what nobody needs any more."""
    cleared = 0.0
    while not stopped():
        close_old_connections()
        try:
            webhooks.deliver()
            if time.monotonic() - cleared > CLEAR_SECONDS:
                webhooks.clear()
                idempotency.clear()
                cleared = time.monotonic()
        except Exception:  # a message that cannot be sent must not end the sending of the others
            logging.getLogger("foreshore.webhooks").exception("messages cannot be sent now")
        time.sleep(IDLE_SECONDS)


def _apart(job: Job, stopped: Callable[[], bool]) -> None:
    """Run one job in a process of its own, and note it where that died without a word."""
    asked_at = 0.0
    with subprocess.Popen([sys.executable, "-m", "foreshore.server.jobs.one", str(job.pk)]) as child:  # noqa: S603 our own
        while child.poll() is None:
            if stopped():
                child.terminate()  # it is begun again by the next worker
            elif not asked_at and Job.objects.filter(pk=job.pk, cancel_asked=True).exists():
                asked_at = time.monotonic()
            elif asked_at and time.monotonic() - asked_at > GRACE_SECONDS:
                child.terminate()
            time.sleep(0.5)
    job.refresh_from_db()
    if job.state == "running":
        _orphaned(job, child.returncode, stopped())


def _orphaned(job: Job, code: int, stopped: bool) -> None:
    """Say what becomes of a job whose process ended without a word."""
    if job.cancel_asked:
        queue.end(job, "cancelled")
    elif stopped or (code < 0 and job.attempts < queue.MOST_ATTEMPTS):
        why = "the service was stopped" if stopped else "its process was killed"
        mine = Job.objects.filter(pk=job.pk, state="running", worker=job.worker)
        mine.update(state="waiting", worker="", stage=f"begins again: {why}")
        return
    else:
        queue.end(job, "failed", error=f"its process ended with code {code}, perhaps for want of memory")
        _failed(job)
    kinds.over(workspace(), job.kind, job.settings)


def _failed(job: Job) -> None:
    """Tell whoever listens that a job failed."""
    job.refresh_from_db()
    if job.state == "failed":
        webhooks.tell("job.failed", {"job": job.key, "kind": job.kind, "asked_by": job.asked_by, "error": job.error})


def do(number: int) -> None:
    """Do one job in this process: progress, cancelling and the end are noted in its row."""
    job = Job.objects.get(pk=number)
    over = threading.Event()
    cancelled = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                queue.alive(job)
            except queue.Cancelled:
                cancelled.set()

    threading.Thread(target=beat, daemon=True).start()
    try:
        result = kinds.run(workspace(), job.kind, job.settings, _teller(job, cancelled))
        queue.end(job, "done", result=_plain(result))
    except queue.Cancelled:
        queue.end(job, "cancelled")
    except ForeshoreError as error:
        queue.end(job, "failed", error=error.sentence())
        _failed(job)
    except Exception as error:
        queue.end(job, "failed", error=f"an unforeseen error: {type(error).__name__}: {str(error)[:300]}")
        _failed(job)
        raise
    finally:
        over.set()
    kinds.over(workspace(), job.kind, job.settings)


def _teller(job: Job, cancelled: threading.Event) -> Callable[[str], None]:
    usual = queue.usual_seconds(job.kind)
    started = time.monotonic()

    def tell(stage: str) -> None:
        if cancelled.is_set():
            raise queue.Cancelled
        # The part that is done by the time that such jobs usually take; never said to be whole before it is.
        done = min(0.95, (time.monotonic() - started) / usual) if usual else None
        queue.alive(job, stage, done)

    return tell


def _plain(value: Any) -> Any:
    """The result as JSON has it."""
    import msgspec

    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))
