"""Long work: taken over when its process or its worker is killed, done once, stopped when asked, never two at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.served import made, serving

_MIGRATED = "start.migrate()\n"
_ROWS = """
import json
from foreshore.server.models import Job
names = ("key", "kind", "state", "stage", "attempts", "error", "worker", "started_at", "ended_at")
print(json.dumps([dict(row) for row in Job.objects.order_by("pk").values(*names)], default=str))
"""


def jobs(workspace: Path) -> list[dict[str, Any]]:
    """All jobs as they stand."""
    found: list[dict[str, Any]] = json.loads(made(workspace, _ROWS).strip().splitlines()[-1])
    return found


@contextmanager
def worker(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, ended with all its children."""
    environment = {**os.environ, "FORESHORE_WORKSPACE": str(workspace)}
    command = [sys.executable, "-m", "foreshore.server.process", "worker"]
    log = (workspace.parent / f"worker-{time.monotonic_ns()}.log").open("wb")
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=log, stderr=log)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def until(holds: Callable[[], Any], seconds: float = 150) -> Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.3)
    raise AssertionError("it did not come to pass in time")


def children(parent: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def asked(workspace: Path, report: Path) -> None:
    """Ask for an import of a report that was brought in."""
    made(workspace, f"""{_MIGRATED}
from pathlib import Path
from foreshore.server import uploads
from foreshore.server.jobs import queue
from foreshore.server.place import workspace
name = uploads.new(workspace())
place = uploads.folder(workspace(), name)
uploads.keep(place, "agents.csv", [Path({str(report)!r}).read_bytes()])
queue.ask("import", {{"upload": name, "source": "agents"}}, by="test")
""")  # fmt: skip


def report(make: Any, path: Path, count: int) -> Path:
    """A report with so many findings on new machines."""
    row = "CVE-2020-1001,Viewer memory error,medium,pkg:generic/viewer,viewer,1.0,1.1,,package"
    return Path(
        make.csv(path, *(make.row(f"new-{one}", f"10.1.{one // 250}.{one % 250 + 1}", row, 1) for one in range(count)))
    )


def imported(workspace: Path) -> list[tuple[int, int]]:
    """How often each report stands in the facts, and how many exposures of new machines there are."""
    text = made(workspace, """
from foreshore.server.place import workspace
from foreshore.store import open_lake
with open_lake(workspace(), read_only=True) as lake:
    runs = lake.sql("select digest, count(*) as n from runs group by 1").to_pylist()
    names = lake.sql("select count(distinct s.asset) as n from sightings s where s.name like 'new-%'").to_pylist()
print(max(one["n"] for one in runs), names[0]["n"])
""")  # fmt: skip
    return [tuple(int(one) for one in text.strip().splitlines()[-1].split())]  # type: ignore[list-item]


def test_a_killed_process_is_begun_again_and_its_import_done_once(copy: Path, make: Any, tmp_path: Path) -> None:
    asked(copy, report(make, tmp_path / "many.csv", 3_000))
    with worker(copy) as process:
        child = until(lambda: children(process.pid))[0]
        until(lambda: jobs(copy)[0]["stage"])
        os.kill(child, signal.SIGKILL)
        done = until(lambda: (one := jobs(copy)[0])["state"] in ("done", "failed") and one)
    assert done["state"] == "done", done
    assert done["attempts"] >= 2
    assert imported(copy) == [(1, 3_000)]
    assert not list((copy / "uploads").iterdir())


def test_a_killed_worker_is_followed_by_another(copy: Path, make: Any, tmp_path: Path) -> None:
    asked(copy, report(make, tmp_path / "many.csv", 3_000))
    with worker(copy) as process:
        until(lambda: jobs(copy)[0]["stage"])
        os.killpg(process.pid, signal.SIGKILL)  # the worker and its child: nobody is left to say a word
        process.wait()
    assert jobs(copy)[0]["state"] == "running"
    made(copy, """
from datetime import timedelta
from django.utils import timezone
from foreshore.server.models import Job
Job.objects.update(alive_at=timezone.now() - timedelta(minutes=5))
""")  # fmt: skip
    with worker(copy):
        done = until(lambda: (one := jobs(copy)[0])["state"] in ("done", "failed") and one)
    assert done["state"] == "done", done
    assert done["attempts"] == 2
    assert imported(copy) == [(1, 3_000)]


def test_cycles_never_overlap_and_a_waiting_one_is_not_asked_for_twice(copy: Path) -> None:
    made(copy, _MIGRATED + """
from foreshore.server.jobs import queue
first = queue.ask("cycle", {}, by="test")
assert queue.ask("cycle", {}, by="somebody else").pk == first.pk
queue.ask("cycle", {}, by="test", key="another")
""")  # fmt: skip
    with worker(copy), worker(copy):
        done = until(lambda: all(one["state"] == "done" for one in jobs(copy)) and jobs(copy), 240)
    if len(done) > 1:
        times = sorted((one["started_at"], one["ended_at"]) for one in done)
        assert times[0][1] <= times[1][0]


def test_waiting_and_running_jobs_are_stopped(copy: Path, make: Any, tmp_path: Path) -> None:
    made(copy, _MIGRATED + """
from foreshore.errors import UsageError
from foreshore.server.jobs import queue
from foreshore.server.models import Job
waiting = queue.ask("cycle", {}, by="test")
queue.cancel(waiting)
assert Job.objects.get(pk=waiting.pk).state == "cancelled"
try:
    queue.cancel(waiting)
except UsageError:
    print("over")
else:
    raise AssertionError("a job that is over was stopped again")
""")  # fmt: skip
    made(copy, 'from foreshore.server.jobs import queue\nqueue.ask("cycle", {}, by="test", key="to-stop")\n')
    with worker(copy) as process:
        child = until(lambda: children(process.pid))[0]
        os.kill(child, signal.SIGSTOP)  # so that it cannot be done before somebody has asked it to stop
        made(copy, """
from foreshore.server.jobs import queue
from foreshore.server.models import Job
queue.cancel(Job.objects.get(key="to-stop"))
""")  # fmt: skip
        os.kill(child, signal.SIGCONT)
        ended = until(lambda: (one := jobs(copy)[1])["state"] in ("done", "failed", "cancelled") and one)
    assert ended["state"] == "cancelled", ended


@pytest.mark.parametrize("part", ["web", "worker"])
def test_a_killed_part_of_the_service_is_started_again(copy: Path, part: str) -> None:
    with serving(copy) as service, service.client() as client:
        here = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _is(path, part, copy)]
        assert len(here) == 1
        os.kill(here[0], signal.SIGKILL)
        until(lambda: [one for one in _parts(part, copy) if one != here[0]], 60)

        def ready() -> bool:
            with suppress(Exception):
                return client.get("/readyz").status_code == 200
            return False

        assert until(ready, 90)


def _parts(part: str, workspace: Path) -> list[int]:
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _is(path, part, workspace)]


def _is(path: Path, part: str, workspace: Path) -> bool:
    with suppress(OSError):
        named = path.read_bytes().split(b"\0")
        if named[-2:-1] == [part.encode()] and b"foreshore.server.process" in named:
            return str(workspace).encode() in (path.parent / "environ").read_bytes()
    return False
