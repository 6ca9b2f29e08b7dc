"""A client of the API for Python programs: typed, with paging, retries of what may be repeated, and jobs.

with Client("https://foreshore.example.com", token) as client:
    for exposure in client.exposures("treatment = act_now"):
        print(exposure["id"], exposure["title"])
    job = client.import_files([Path("scan.nessus")], source="nessus")
    client.wait(job)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, cast

import httpx

from foreshore.errors import ForeshoreError

CHUNK = 8 << 20
_TRIES = 4
_AGAIN = (429, 502, 503, 504)
Json = dict[str, Any]


class Share(TypedDict):
    """A share of the modelled risk with its interval."""

    mean: float | None
    low: float | None
    high: float | None


class Exposure(TypedDict, total=False):
    """An exposure as lists give it; see the reference for all fields."""

    id: str
    rank: int
    asset: str
    asset_name: str
    weakness: str
    title: str
    severity: str
    treatment: str | None
    reachable: str
    exploit: str
    leads_to: list[str]
    contribution: Share
    due: str | None
    owner: str
    reason: str
    fix: str
    action: str | None


class Job(TypedDict, total=False):
    """Long work: `state` is waiting, running, done, failed or cancelled."""

    key: str
    kind: str
    state: str
    stage: str
    done: float | None
    left_seconds: float | None
    error: str
    result: Any


class Gate(TypedDict, total=False):
    """Whether a build may go out."""

    passes: bool
    matching: int
    new: int
    exposures: list[Exposure]


class ApiError(ForeshoreError):
    """The service refused or failed; `status` is its HTTP status, `problem` what it said."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or f"the service answers {status}"), where=str(problem.get("where", "")),
            hint=str(problem.get("hint", "")),
        )  # fmt: skip
        self.status = status
        self.problem = dict(problem)


class JobFailed(ForeshoreError):
    """A job failed or was cancelled."""


class Client:
    """The API of one service. Close it, or use it as a context."""

    def __init__(self, url: str, token: str, *, seconds: float = 60.0) -> None:
        """Ask the service at `url` with a token (`fst_…`); `seconds` bounds each request."""
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", timeout=seconds,
            headers={"authorization": f"Bearer {token}", "user-agent": "foreshore client"},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return the answer to a GET; raises ApiError."""
        return self._asked(
            "GET", path, params={name: value for name, value in query.items() if value not in ("", None)}
        )

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer to a POST, sent again under one key where no answer came; raises ApiError."""
        return self._asked("POST", path, json=dict(body or {}), headers={"idempotency-key": secrets.token_hex(16)})

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        for left in reversed(range(_TRIES)):
            try:
                answer = self._http.request(method, path, **more)
            except httpx.TransportError as error:
                if not left:
                    raise ApiError(0, {"detail": f"no answer ({error})", "hint": "is the service running?"}) from error
                time.sleep(1.0)
                continue
            if answer.status_code not in _AGAIN or not left:
                return _read(answer)
            time.sleep(min(60.0, float(answer.headers.get("retry-after", "1"))))
        raise AssertionError("unreachable")

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the rows of a list, page after page."""
        after = ""
        while True:
            page = self.get(path, after=after, **query)
            yield from page["items"]
            after = page["next"]
            if not after:
                return

    def me(self) -> Json:
        """Return who this token is, and what it may."""
        return cast(Json, self.get("/me"))

    def exposures(self, where: str = "", *, size: int = 500) -> Iterator[Exposure]:
        """Yield open exposures in the canonical order."""
        for row in self.pages("/exposures", where=where, size=size):
            yield cast(Exposure, row)

    def exposure(self, key: str) -> Exposure:
        """Return one exposure."""
        return cast(Exposure, self.get(f"/exposures/{key}"))

    def explain(self, key: str) -> Json:
        """Return why an exposure stands where it stands."""
        return cast(Json, self.get(f"/exposures/{key}/explanation"))

    def assets(self, where: str = "", *, size: int = 500) -> Iterator[Json]:
        """Yield assets, those with most to do first."""
        yield from self.pages("/assets", where=where, size=size)

    def actions(self, *, team: str = "", size: int = 500) -> Iterator[Json]:
        """Yield actions."""
        yield from self.pages("/actions", team=team, size=size)

    def services(self) -> list[Json]:
        """Return the services."""
        return list(self.pages("/services"))

    def decide(self, exposures: Sequence[str], word: str, because: str) -> list[Json]:
        """Take down a word on exposures, all or none."""
        body = {"exposures": list(exposures), "word": word, "because": because}
        return cast(list[Json], self.post("/decisions", body))

    def import_files(self, paths: Sequence[Path], **reading: str) -> Job:
        """Send reports in chunks and return the job that reads them; `reading` as for the verb `import`."""
        upload = self.post("/uploads")["upload"]
        for path in paths:
            self._send(upload, path)
        return cast(Job, self.post(f"/uploads/{upload}/import", reading))

    def _send(self, upload: str, path: Path) -> None:
        size, begin = path.stat().st_size, 0
        with path.open("rb") as stream:
            while (chunk := stream.read(CHUNK)) or not begin:
                span = {"content-range": f"bytes {begin}-{begin + len(chunk) - 1}/{size}"} if chunk else {}
                headers = {"content-type": "application/octet-stream", **span}
                self._asked("PUT", f"/uploads/{upload}/files/{path.name}", content=chunk, headers=headers)
                if not chunk:
                    return
                begin += len(chunk)

    def run_cycle(self) -> Job:
        """Ask for a cycle."""
        return cast(Job, self.post("/cycles"))

    def gate(self, *, stop: str = "treatment = act_now", where: str = "", baseline: str = "") -> Gate:
        """Say whether a build may go out, by the last cycle against the one before it (or `baseline`)."""
        return cast(Gate, self.post("/gate", {"stop": stop, "where": where, "baseline": baseline}))

    def gate_files(
        self, paths: Sequence[Path], *, stop: str = "treatment = act_now", site: str = "", seconds: float = 3_600.0
    ) -> Gate:
        """Say whether a build may go out by its reports, which are judged and not kept; waits for the answer.

        `site` says where the build runs, in an organisation of several sites.
        """
        upload = self.post("/uploads")["upload"]
        for path in paths:
            self._send(upload, path)
        return cast(
            Gate,
            self.wait(self.post("/gate", {"stop": stop, "upload": upload, "site": site}), seconds=seconds)["result"],
        )

    def job(self, key: str) -> Job:
        """Return a job with its result."""
        return cast(Job, self.get(f"/jobs/{key}"))

    def wait(self, job: Job, *, seconds: float = 3_600.0, every: float = 1.0) -> Job:
        """Wait until a job is over and return it; raises JobFailed where it did not succeed in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.job(job["key"])
            if found["state"] == "done":
                return found
            if found["state"] in ("failed", "cancelled"):
                raise JobFailed(found["error"] or f"the job was {found['state']}", where=found["kind"])
            time.sleep(every)
        raise JobFailed("the job took too long", where=job["key"], hint="it goes on; look at it again")


def _read(answer: httpx.Response) -> Any:
    if answer.status_code >= 400:
        kind = answer.headers.get("content-type", "")
        raise ApiError(answer.status_code, answer.json() if "json" in kind else {})
    return answer.json() if answer.content else None
