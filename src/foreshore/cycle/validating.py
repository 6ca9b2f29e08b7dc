"""The next tests of a workspace, and running those that its approved targets allow."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from foreshore import decisions, facts, keys, policy
from foreshore.errors import Conflict, NothingToRead, UsageError
from foreshore.store import open_lake, serving
from foreshore.validation import candidates, dialling, evidence, stage
from foreshore.validation.guard import STOP, Guard, Limits, Resolve
from foreshore.validation.hypothesis import Hypothesis, ask_of
from foreshore.validation.journal import Journal
from foreshore.validation.permits import Permits

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

JOURNAL = "validation.jsonl"
_UNNAMED = "say from which zone this machine tests (--from-zone)"


def validate(
    workspace: Workspace,
    *,
    run: bool = False,
    vantage: str = "",
    top: int = 10,
    limits: Limits | None = None,
    resolve: Resolve = dialling.resolve,
) -> list[dict[str, Any]]:
    """Return the next tests, and with `run` what came of those that are allowed.

    Keys: check, target, vantage, about, allowed ("yes" or "no: why"), outcome ("" before a run), detail,
    exposure (as shown), exposures, would_move (share of modelled risk). Verdicts count from the next
    cycle on. Raises NothingToRead before the first cycle, UsageError for an unknown zone, Conflict
    while another run of tests is under way. `limits` and `resolve` are the guard's.
    """
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
    scope = current.scope if current else facts.Scope(organization="")
    with open_lake(workspace, read_only=True) as lake:
        found = _next(workspace, lake, scope, vantage, top)
        guard = _guard(workspace, scope, candidates.fragile_addresses(lake), limits or Limits(), resolve)
    if not run:
        return [_row(one, _allowed(guard, one, vantage), "", "") for one in found]
    return _run(workspace, scope, guard, found, vantage)


def _next(workspace: Workspace, lake: Lake, scope: facts.Scope, vantage: str, top: int) -> list[Hypothesis]:
    rows = candidates.read(workspace, lake, policy.load(workspace.policy_dir), vantage, top)
    _refuse_unknown(scope, vantage)
    since = _cycle_time(workspace)
    tried = [one for one in evidence.tried(lake).to_pylist() if one["observed_at"] >= since]
    return stage.next_tests(rows, top, vantage=vantage, scope=scope, tried=tried)


def _refuse_unknown(scope: facts.Scope, vantage: str) -> None:
    """A place is the internet, a zone, or the unzoned rest of a site as explanations name it."""
    zones = [zone.name for zone in scope.zones]
    sites = {site.name for site in scope.sites}
    known = vantage in ("", stage.INTERNET, *zones)
    if known or (vantage.partition(", ")[0] in sites and ", " in vantage):
        return
    raise UsageError(f"the scope has no zone {vantage}", hint=", ".join([stage.INTERNET, *zones]))


def _cycle_time(workspace: Workspace) -> datetime:
    connection = serving.connect(workspace)
    try:
        row = connection.execute("select max(as_of) from cycle").fetchone()
    finally:
        connection.close()
    if row is None or row[0] is None:
        raise NothingToRead("no cycle has run yet", where=str(workspace.root), hint="foreshore cycle")
    found: datetime = row[0]
    return found


def _guard(
    workspace: Workspace, scope: facts.Scope, untouchable: frozenset[str], limits: Limits, resolve: Resolve
) -> Guard:
    return Guard(
        Permits(scope.targets, stage.networks(scope)), workspace.root / STOP,
        Journal(workspace.root / JOURNAL), limits=limits, untouchable=untouchable, resolve=resolve,
    )  # fmt: skip


def _allowed(guard: Guard, one: Hypothesis, vantage: str) -> str:
    reason = guard.refusal(ask_of(one, one.check))
    if not reason and not vantage and one.check == "tcp_reach":
        reason = _UNNAMED
    return f"no: {reason}" if reason else "yes"


def _row(one: Hypothesis, allowed: str, outcome: str, detail: str) -> dict[str, Any]:
    return {
        "check": one.check if one.claim == stage.REACH else f"{one.check} ({one.claim})",
        "target": one.target, "vantage": one.vantage, "about": stage.tell(one), "allowed": allowed,
        "outcome": outcome, "detail": detail, "exposure": keys.show("EXP", one.exposures[0]),
        "exposures": len(one.exposures), "would_move": one.would_move,
    }  # fmt: skip


def _run(
    workspace: Workspace, scope: facts.Scope, guard: Guard, found: list[Hypothesis], vantage: str
) -> list[dict[str, Any]]:
    """Run what may be run, keep the verdicts, and acknowledge the job with the journal's last digest."""
    # A reach test says nothing without the place where it stood, so it is not made at all.
    unnamed = [
        one for one in found if not vantage and one.check == "tcp_reach" and not guard.refusal(ask_of(one, one.check))
    ]
    job = f"validate:{uuid.uuid4()}"
    try:
        with FileLock(workspace.root / ".validation.lock", timeout=0):
            tested = stage.run([one for one in found if one not in unnamed], guard)
            new = stage.batches(tested, job, workspace.seed, stage.site_of(scope, vantage), vantage)
            if new:
                with open_lake(workspace) as lake:
                    lake.append(new, job=job)
            _acknowledge(workspace, job, guard, len(tested))
    except Timeout:
        raise Conflict("another run of tests is under way", hint="wait until it has ended") from None
    rows = {one.hypothesis: (one.refused, one.verdict) for one in tested}
    return [_told(one, rows.get(one)) for one in found]


def _told(one: Hypothesis, came: tuple[str, Any] | None) -> dict[str, Any]:
    if came is None:
        return _row(one, f"no: {_UNNAMED}", "not_run", _UNNAMED)
    refused, verdict = came
    return _row(one, f"no: {refused}" if refused else "yes", verdict.outcome, verdict.detail)


def _acknowledge(workspace: Workspace, job: str, guard: Guard, count: int) -> None:
    detail = {"tests": count, "connections": guard.connections, "journal": guard.journal.head,
        "at": datetime.now(UTC).isoformat()}  # fmt: skip
    with decisions.open(workspace) as opened:
        opened.acknowledge(job, "validate", detail)
