"""Is all well? Every part of a workspace looked at, each with what was found and what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from foreshore import decisions, keys, policy, store, tables
from foreshore.errors import BadScope, ForeshoreError, NothingToRead
from foreshore.intel import held
from foreshore.intel.signals import feeds_at
from foreshore.intel.status import stale_after
from foreshore.intel.update import NEEDED
from foreshore.store import catalog, evidence, serving
from foreshore.workspace import FORMAT

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

State = Literal["good", "unknown", "warning", "bad"]
LEAST_FREE = 1 << 30
EVIDENCE_READ = 50  # pieces of evidence that are decrypted whole: the newest
_QUESTIONS = {
    "kev": "known exploitation", "epss": "chance of exploitation", "cvss": "scores", "exploits": "public exploits",
}  # fmt: skip


class Finding(NamedTuple):
    """What was found about one part: `state` is good, unknown, warning or bad."""

    what: str
    state: State
    detail: str


def doctor(workspace: Workspace) -> list[dict[str, Any]]:
    """Return findings (`what`, `state`, `detail`) about every part; nothing is changed but crash leftovers."""
    parts: tuple[tuple[str, Callable[[Workspace], Iterator[Finding]]], ...] = (
        ("workspace", _workspace), ("facts", _facts), ("intelligence", _feeds), ("scope", _scope),
        ("policy", _policy), ("decisions", _decisions), ("jobs", _jobs), ("last cycle", _serving),
        ("evidence", _evidence), ("disk", _disk),
    )  # fmt: skip
    found: list[Finding] = []
    for name, look in parts:
        try:
            found += look(workspace)
        except ForeshoreError as error:
            found.append(Finding(name, "bad", error.sentence()))
        except OSError as error:
            found.append(Finding(name, "bad", f"cannot be read: {error}"))
    return [one._asdict() for one in found]


def _workspace(workspace: Workspace) -> Iterator[Finding]:
    workspace.secret("doctor")
    yield Finding("workspace", "good", f"format {FORMAT}, seed {workspace.seed}, made {workspace.created[:10]}")
    removed = store.reconcile(workspace)
    if removed:
        yield Finding("leftovers", "good", "; ".join(removed[:5]))


def _facts(workspace: Workspace) -> Iterator[Finding]:
    place = catalog.path(workspace)
    if not place.exists():
        yield Finding("facts", "unknown", "nothing was imported yet; foreshore import reports/")
        return
    with sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True) as connection:
        mode = connection.execute("pragma journal_mode").fetchone()[0]
        sound = connection.execute("pragma quick_check(1)").fetchone()[0]
    connection.close()
    yield (
        Finding("catalogue", "good", "sound, in WAL mode")
        if (mode, sound) == ("wal", "ok")
        else Finding("catalogue", "bad", f"journal mode {mode} (wanted wal), check says {sound}; restore a backup")
    )
    with store.open_lake(workspace, read_only=True) as lake:
        counts = lake.sql(
            "select (select count(*) from runs) as runs, (select count(*) from exposures) as exposures, "
            "(select count(*) from cycles) as cycles"
        ).to_pylist()[0]
        version = _schema(lake)
        yield Finding(
            "facts", "good" if version == tables.SCHEMA_VERSION else "warning",
            f"schema {version}, version {lake.version}: {counts['runs']:,} imports, {counts['exposures']:,} exposures, "
            f"{counts['cycles']:,} cycles" + ("" if version == tables.SCHEMA_VERSION else "; the next import migrates it"),
        )  # fmt: skip


def _schema(lake: Lake) -> int:
    connection = lake._settled()
    return catalog.schema_version(connection, catalog.READER, catalog.columns(connection, catalog.READER))


def _feeds(workspace: Workspace) -> Iterator[Finding]:
    if not catalog.path(workspace).exists():
        return
    now, rules = datetime.now(UTC).replace(tzinfo=None), policy.load(workspace.policy_dir)
    with store.open_lake(workspace, read_only=True) as lake:
        rows = {row["feed"]: row for row in feeds_at(lake.sql, now).to_pylist()}
    for question, feeds in NEEDED.items():
        read = [rows[feed] for feed in feeds if feed in rows]
        if not read and "table" in rows:
            read = [rows["table"]]
        if not read:
            detail = f"never read: {_QUESTIONS[question]} is unknown, not zero; foreshore intel update"
            yield Finding(f"feed {question}", "unknown", detail)
        for row in read:
            days = max(0, (now - row["date"]).days)
            old = days > stale_after(rules, row["feed"])
            advice = "; what came since is unknown, not zero: foreshore intel update" if old else ""
            yield Finding(
                f"feed {question}", "warning" if old else "good",
                f"{row['feed']} of {row['date']:%Y-%m-%d}, {days} days old{advice}",
            )  # fmt: skip
    if waiting := held.listed(workspace):
        named = ", ".join(one.id for one in waiting)
        yield Finding("feeds held", "warning", f"{named}: waits for a person; foreshore intel held")


def _scope(workspace: Workspace) -> Iterator[Finding]:
    from foreshore.cycle import scopes

    if not workspace.scope_file.exists():
        yield Finding("scope", "warning", "there is no scope.yaml: one site, and everything is one service")
        return
    try:
        parsed = scopes.parsed_file(workspace, policy.load(workspace.policy_dir))
    except BadScope as error:
        yield Finding("scope", "bad", error.sentence())
        return
    scope = parsed.scope
    said = (
        f"{len(scope.sites)} sites, {len(scope.zones)} zones, {len(scope.services)} services, {len(scope.teams)} teams"
    )
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
    same = current is not None and current.written == scope
    waits = (
        "" if same else "; scope.yaml differs from the scope in force: foreshore scope apply, or the next cycle does"
    )
    yield Finding("scope", "good" if same else "warning", f"valid: {said}{waits}")


def _policy(workspace: Workspace) -> Iterator[Finding]:
    rules = policy.load(workspace.policy_dir)
    own = sorted(one.name for one in workspace.policy_dir.glob("*") if one.name in policy.shipped_files())
    with_own = f", with your own {', '.join(own)}" if own else ", as shipped"
    yield Finding("policy", "good", f"valid, digest {rules.digest[:12]}{with_own}")


def _decisions(workspace: Workspace) -> Iterator[Finding]:
    if not decisions.exist(workspace):
        yield Finding("decisions", "good", "none was made yet")
        return
    with decisions.open(workspace) as opened:
        broken = opened.audit_verify()
        entries = len(opened.audit_entries())
        words = len(opened.effective(datetime.now(UTC)))
    if broken is not None:
        detail = f"the trail is broken at entry {broken.number}: {broken.why}; restore a backup and find out who wrote"
        yield Finding("decisions", "bad", detail)
        return
    yield Finding("decisions", "good", f"{words:,} in force; the trail of {entries:,} entries holds")


def _jobs(workspace: Workspace) -> Iterator[Finding]:
    """Commits without their receipt: a crash came between the two; the facts are whole."""
    if not catalog.path(workspace).exists():
        return
    with store.open_lake(workspace, read_only=True) as lake:
        runs = lake.sql("select run, file from runs").to_pylist()
        cycles = lake.sql("select cycle, result from cycles").to_pylist()
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        f"import:{keys.show('RUN', row['run'])}": ("import", {"file": row["file"]}) for row in runs
    }
    wanted |= {f"cycle:{row['cycle']}": ("cycle", {"cycle": keys.show("CYC", row["cycle"])}) for row in cycles}
    with decisions.open(workspace) as opened:
        known = {one.job for one in opened.receipts() if one.kind in ("import", "cycle")}
        missing = {job: said for job, said in wanted.items() if job not in known}
        for job, (kind, detail) in missing.items():
            opened.acknowledge(job, kind, detail)
    lost = sorted(known - set(wanted))
    if lost:
        yield Finding(
            "jobs", "bad", f"{len(lost)} acknowledged jobs are not among the facts, such as {lost[0]}; restore a backup"
        )
    elif missing:
        yield Finding(
            "jobs", "good", f"{len(missing)} jobs had been committed without a receipt (a crash); it was written now"
        )
    else:
        yield Finding("jobs", "good", f"{len(wanted):,} jobs, each with its receipt")


def _serving(workspace: Workspace) -> Iterator[Finding]:
    if not catalog.path(workspace).exists():
        return
    with store.open_lake(workspace, read_only=True) as lake:
        rows = lake.sql("select cycle, as_of, known_at from cycles order by known_at desc, cycle limit 1").to_pylist()
        news = 0
        if rows:
            moment = f"TIMESTAMP '{rows[0]['known_at']:%Y-%m-%d %H:%M:%S.%f}'"
            news = lake.sql(f"select count(*) as n from runs where known_at > {moment}").column("n")[0].as_py()
    if not rows:
        yield Finding("last cycle", "unknown", "no cycle has run yet; foreshore cycle")
        return
    try:
        with closing(serving.connect(workspace)) as connection:
            served = connection.execute("select cycle from cycle").fetchone()
            count = connection.execute("select count(*) from exposures").fetchone()
    except NothingToRead:
        yield Finding("last cycle", "bad", "its serving file is missing; foreshore cycle writes a new one")
        return
    if served is None or served[0] != rows[0]["cycle"]:
        yield Finding(
            "last cycle", "bad", "the serving file is not of the last cycle; foreshore cycle writes a new one"
        )
        return
    later = f"; {news} imports since are not in it yet: foreshore cycle" if news else ""
    yield Finding(
        "last cycle", "warning" if news else "good",
        f"as of {rows[0]['as_of']:%Y-%m-%d %H:%M} UTC, {count[0] if count else 0:,} exposures served{later}",
    )  # fmt: skip


def _evidence(workspace: Workspace) -> Iterator[Finding]:
    known = list(evidence.records(workspace))
    held = [one for one in known if one.sealed]
    newest = sorted(held, key=lambda one: one.kept_at, reverse=True)[:EVIDENCE_READ]
    broken = []
    for one in newest:
        try:
            with evidence.open_evidence(workspace, one.digest) as stream:
                while stream.read(1 << 20):
                    pass
        except ForeshoreError as error:
            broken.append(error.sentence())
    if broken:
        yield Finding("evidence", "bad", f"{len(broken)} of {len(newest)} pieces cannot be read: {broken[0]}")
        return
    erased = f", {len(known) - len(held)} erased" if len(known) > len(held) else ""
    yield Finding("evidence", "good", f"{len(held):,} pieces kept{erased}; the newest {len(newest):,} were read whole")


def _disk(workspace: Workspace) -> Iterator[Finding]:
    free = shutil.disk_usage(workspace.root).free
    used = 0
    for path in workspace.root.rglob("*"):
        with suppress(OSError):
            used += path.stat().st_size if path.is_file() else 0
    low = free < max(LEAST_FREE, used)
    advice = "; free some: a cycle and its serving file need room" if low else ""
    yield Finding(
        "disk", "warning" if low else "good", f"{_size(free)} free, {_size(used)} used by the workspace{advice}"
    )


def _size(number: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number = number // 1000
    return f"{number:,} TB"
