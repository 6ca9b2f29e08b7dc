"""The pages under load: fifty signed-in people over ten million exposures, each with a request every five seconds."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from benchmarks.scale import served_workspace
from foreshore.client import Client
from foreshore.estate.bulk import write_bulk

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

USERS = 50
EVERY_SECONDS = 5.0
WARM_SECONDS, LONG_SECONDS = 30.0, 90.0
BUSY_SECONDS = 60.0  # the most that people are watched while a job runs; they are warm by then
BUSY_FINDINGS = 1_000_000  # of the import that runs meanwhile, and of the cycle after it
PASSWORD = "not-a-real-password-7"
# Who asks: one account for five of them; the owners see what is their team's alone.
ACCOUNTS = (
    *((f"{role}-{number}@example.com", role, ()) for role in ("analyst", "viewer") for number in range(3)),
    ("auditor@example.com", "auditor", ()),
    *((f"owner-{number}@example.com", "owner", ("people-team",)) for number in range(3)),
)
# What people ask, as parts of a hundred; details name an exposure of the list.
MIX = (
    ("overview", 15, "/"),
    ("queue", 15, "/exposures/"),
    ("rows", 15, "/exposures/?show=rows"),
    ("next page", 5, "/exposures/?show=rows&after={after}"),
    ("filtered, with facets", 15, "/exposures/?show=rows&where=severity+%3D+%27{severity}%27+and+treatment+%3D+{treatment}"),
    ("exposure", 15, "/exposures/{exposure}/"),
    ("assets", 8, "/assets/"),
    ("asset", 4, "/assets/{asset}/"),
    ("actions", 4, "/actions/"),
    ("services", 4, "/services/"),
)  # fmt: skip
HEAVY = (("plan", "/plan/"), ("map", "/map/"), ("as of", "/assets/{asset}/?as_of={day}"))


def pages(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Serve a workspace of `size` exposures and let people ask; the server's own time for each request, warm."""
    workspace, rows, _ = served_workspace(size, work)
    write_bulk(work / "busy.csv", "generic", BUSY_FINDINGS, 8)
    return {"exposures": rows, **under_load(workspace, work / "serve.log", work / "busy.csv")}


def under_load(workspace: Workspace, log: Path, report: Path) -> dict[str, Any]:
    """Serve the workspace, let people ask, and return milliseconds by kind of request; then again beside jobs."""
    port = _free_port()
    command = [sys.executable, "-m", "foreshore", "serve", "--port", str(port), "--workspace", str(workspace.root)]
    with log.open("w+") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as service:
        try:
            url = f"http://localhost:{port}"
            began = time.monotonic()
            _wait(url)
            started = time.monotonic() - began
            token = _accounts(workspace)
            people = [_signed_in(url, email) for email, _, _ in ACCOUNTS]
            with httpx.Client(base_url=url, cookies=people[0], timeout=120) as client:
                first = _asked(client, "/exposures/?show=rows")
                heavy = _heavy(client)
            found = _people(url, people, WARM_SECONDS, LONG_SECONDS)
            beside = _beside_jobs(url, token, people, report)
        finally:
            service.terminate()
    every = [one for some in found.values() for one in some]
    shown = {
        name: {"p50_ms": _at(some, 50), "p95_ms": _at(some, 95), "asked": len(some)} for name, some in found.items()
    }
    return {
        "requests": len(every), "p50_ms": _at(every, 50), "p95_ms": _at(every, 95), "start_s": round(started, 2),
        "first_page_ms": round(first, 1), "kinds": shown, "alone": heavy, "beside": beside,
        "busy_p95_ms": max(one["p95_ms"] for one in beside.values()),
    }  # fmt: skip


def _beside_jobs(url: str, token: str, people: list[httpx.Cookies], report: Path) -> dict[str, dict[str, float]]:
    """Let people ask while the service imports a report and while it runs a cycle; milliseconds by job."""
    found = {}
    with Client(url, token, seconds=600) as client:
        found["import"] = _beside(client, str(client.import_files([report])["key"]), url, people)
        found["cycle"] = _beside(client, str(client.post("/cycles")["key"]), url, people)
    return found


def _beside(client: Client, key: str, url: str, people: list[httpx.Cookies]) -> dict[str, float]:
    """Let people ask while a job runs, and wait for its end."""
    while client.get(f"/jobs/{key}")["state"] == "waiting":
        time.sleep(0.2)
    began = time.monotonic()
    asked = _people(url, people, 0.0, BUSY_SECONDS, lambda: not _over(client, key))
    seconds = time.monotonic() - began
    while not _over(client, key):
        time.sleep(1.0)
    every = [one for some in asked.values() for one in some]
    return {"p50_ms": _at(every, 50), "p95_ms": _at(every, 95), "asked": len(every), "seconds": round(seconds)}


def _over(client: Client, key: str) -> bool:
    """Whether a job has ended; raises where it failed."""
    state = client.get(f"/jobs/{key}")["state"]
    if state in ("failed", "cancelled"):
        raise RuntimeError(f"the job {key} {state}")
    return bool(state == "done")


def _heavy(client: httpx.Client) -> dict[str, list[float]]:
    """Pages that are asked for seldom, each three times: the first cold."""
    asset = re.findall(r"/assets/(AST-[0-9A-Z-]+)/", client.get("/assets/").text)[0]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return {
        name: [round(_asked(client, path.format(asset=asset, day=day)), 1) for _ in range(3)] for name, path in HEAVY
    }


def _at(some: list[float], part: int) -> float:
    return round(float(np.percentile(some, part)), 1)


def _free_port() -> int:
    import socket

    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/readyz", timeout=60).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the service did not come up")


def _accounts(workspace: Workspace) -> str:
    """Make the accounts, each with its role, in a process that has the service's models; a token of the first."""
    code = (
        "import sys, json\nfrom foreshore.server import start\nstart.setup(sys.argv[1])\n"
        "from foreshore.server import people\nfrom foreshore.server.models import Person\n"
        "for email, role, teams in json.loads(sys.argv[2]):\n"
        "    people.give(Person.objects.create_user(email, sys.argv[3]), role, by='benchmark', teams=tuple(teams))\n"
        "print(people.make_token(Person.objects.get(email=sys.argv[4]), 'benchmark', list(people.PERMISSIONS), days=1))\n"
    )
    words = [sys.executable, "-c", code, str(workspace.root), json.dumps(ACCOUNTS), PASSWORD, ACCOUNTS[0][0]]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1]


def _signed_in(url: str, email: str) -> httpx.Cookies:
    """Sign in by the page for it; the cookies of the session."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=120) as client:
        page = client.get("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        values = {"csrfmiddlewaretoken": token[1] if token else "", "login": email, "password": PASSWORD}
        answer = client.post("/accounts/login/", data=values, headers={"Referer": str(page.url)})
        if "/accounts/login" in str(answer.url):
            raise RuntimeError(f"{email} could not sign in")
        return client.cookies


def _asked(client: httpx.Client, path: str) -> float:
    """Ask for a page and return the server's own time in milliseconds."""
    answer = client.get(path)
    answer.raise_for_status()
    if "/accounts/login" in str(answer.url):
        raise RuntimeError("not signed in")
    return float(answer.headers["server-timing"].split("dur=")[1])


def _people(
    url: str, people: list[httpx.Cookies], warm: float, long: float, going_on: Callable[[], bool] = lambda: True
) -> dict[str, list[float]]:
    """Let everybody ask for so many seconds, the first of them uncounted, as long as it is `going_on`."""
    found: dict[str, list[float]] = defaultdict(list)
    begin = time.monotonic() + warm
    stop = threading.Event()
    threads = [
        threading.Thread(target=_person, args=(number, url, people[number % len(people)], found, begin, stop))
        for number in range(USERS)
    ]
    for one in threads:
        one.start()
    while time.monotonic() < begin + long and going_on():
        time.sleep(1.0)
    stop.set()
    for one in threads:
        one.join()
    return dict(found)


def _person(
    number: int, url: str, cookies: httpx.Cookies, found: dict[str, list[float]], begin: float, stop: threading.Event
) -> None:
    """Ask again and again, each time something else that this person may see."""
    chance = random.Random(number)
    time.sleep(EVERY_SECONDS * number / USERS)
    with httpx.Client(base_url=url, cookies=cookies, timeout=120) as client:
        rows = client.get("/exposures/?show=rows").text
        keys = re.findall(r"/exposures/(EXP-[0-9A-Z-]+)/", rows)
        assets = re.findall(r"/assets/(AST-[0-9A-Z-]+)/", client.get("/assets/").text)
        after = re.search(r"after=([^&\"]+)", rows)
        while not stop.is_set():
            began = time.monotonic()
            name, _, path = chance.choices(MIX, [part for _, part, _ in MIX])[0]
            filled = path.format(
                exposure=chance.choice(keys), asset=chance.choice(assets), after=after[1] if after else "",
                severity=chance.choice(("critical", "high", "medium")), treatment=chance.choice(("routine", "unknown")),
            )  # fmt: skip
            spent = _asked(client, filled)
            if began > begin:
                found[name].append(spent)
            stop.wait(max(0.0, EVERY_SECONDS - (time.monotonic() - began)))
