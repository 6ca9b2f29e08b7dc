"""The decisions of one workspace, opened: every call takes and gives plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from filelock import FileLock

from foreshore import facts
from foreshore.decisions import audit, checks, dispositions, receipts, scopes
from foreshore.decisions.places import WAIT_SECONDS
from foreshore.decisions.records import AuditEntry, BrokenLink, Entry, JobReceipt, ScopeInForce
from foreshore.errors import WorkspaceError

LONGEST_ACCEPTANCE_DAYS = 365
LABEL = "decisions"  # of our application in Django
_judged: dict[str, int] = {}  # by database: the migrations it had when it was found up to date


def bring_up_to_date(alias: str, path: Path) -> None:
    """Create or migrate the database where it is behind; one process at a time does so."""
    try:
        applied = _applied(alias)
        if applied and _judged.get(alias) == applied:  # asked at every opening: to judge anew takes ten milliseconds
            return
        if not _missing(alias, path):
            _judged[alias] = applied
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=WAIT_SECONDS):
            executor = MigrationExecutor(connections[alias])
            executor.migrate(_wanted(executor))
    except DatabaseError as error:
        raise WorkspaceError(
            f"the decisions cannot be read ({error})",
            where=str(path),
            hint="restore the file from a backup; it is never rebuilt from reports",
        ) from None


def _applied(alias: str) -> int:
    """How many migrations of any application the database says it has; 0 for a new one."""
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("select count(*) from django_migrations")
            return int(cursor.fetchone()[0])
    except DatabaseError:
        return 0


def _missing(alias: str, path: Path) -> bool:
    executor = MigrationExecutor(connections[alias])
    # A database may hold the service's tables beside ours: those are not for us to judge or to make.
    ours = set(executor.loader.graph.nodes)
    newer = sorted(one for one in set(executor.loader.applied_migrations) - ours if one[0] == LABEL)
    if newer:
        raise WorkspaceError(
            f"a newer Foreshore wrote these decisions ({newer[-1][1]})",
            where=str(path),
            hint="that version of Foreshore, or a newer one",
        )
    return bool(executor.migration_plan(_wanted(executor)))


def _wanted(executor: MigrationExecutor) -> list[tuple[str, str]]:
    wanted: list[tuple[str, str]] = executor.loader.graph.leaf_nodes(LABEL)
    return wanted


class Decisions:
    """What people decided in one workspace."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection of this thread back; a later call opens it again."""
        connections[self._alias].close()

    def decide(
        self,
        exposures: Sequence[int],
        disposition: str,
        *,
        because: str,
        author: str,
        until: date | None = None,
        like_this: str = "",
        evidence: Mapping[int, Mapping[str, Any]] | None = None,
        at: datetime | None = None,
        longest_days: int = LONGEST_ACCEPTANCE_DAYS,
        assumes: Sequence[facts.Assumption] = (),
    ) -> list[Entry]:
        """Take down one word on many exposures, all or none of them, and return the new entries.

        `disposition` is a word of `facts.Disposition` or `claimed_fixed`. `evidence` says, by exposure,
        what it was when it was decided on (asset, weakness, place). `until` is the last day on which
        the word counts; `accepted` needs one, at most `longest_days` ahead. `at` dates a word back (a
        fix that was claimed earlier); never forward. `assumes` is what an exception (accepted, mitigated)
        rests on. Raises `UsageError`.
        """
        return dispositions.decide(
            self._alias,
            exposures,
            disposition,
            because=because,
            author=author,
            until=until,
            like_this=like_this,
            evidence=evidence or {},
            at=at,
            longest_days=longest_days,
            assumes=assumes,
        )

    def withdraw(
        self, exposures: Sequence[int], *, because: str, author: str, at: datetime | None = None
    ) -> list[Entry]:
        """Take back the word on each of `exposures`; raises `UsageError` where one has none."""
        return dispositions.decide(
            self._alias,
            exposures,
            checks.WITHDRAWN,
            because=because,
            author=author,
            until=None,
            like_this="",
            evidence={},
            at=at,
            longest_days=0,
        )

    def revoke(self, differences: Mapping[facts.Decision, tuple[int, str]]) -> list[Entry]:
        """Take down, in the system's name, that exceptions no longer hold, and return the new entries.

        `differences` says for each decision the id that it was made on and what was assumed and is now so.
        A decision that is not the latest word any more is left alone, so that asking twice is harmless.
        """
        return dispositions.revoke(self._alias, differences)

    def revoked(self, since: datetime | None = None) -> list[Entry]:
        """Return the revocations (after `since`) that nobody has answered by a newer word, oldest first."""
        return dispositions.revoked(self._alias, since)

    def effective(self, as_of: datetime, resolve: dispositions.Resolve = None) -> list[facts.Decision]:
        """Return the words that count at `as_of`, one for each canonical exposure, by exposure.

        The latest word (by time, then by order of taking down) on any of the ids that `resolve`
        sends to an exposure counts. Where it is a withdrawal, or its last day is over, none does:
        an older word never comes back by itself. Times are UTC without zone.
        """
        return dispositions.effective(self._alias, as_of, resolve)

    def history(self, *exposures: int) -> list[Entry]:
        """Return all words on these exposures, oldest first."""
        return dispositions.history(self._alias, exposures)

    def apply_scope(
        self, text: str, scope: facts.Scope, *, author: str, difference: Sequence[str] = ()
    ) -> ScopeInForce:
        """Make `text`, which says `scope`, the scope in force; the same text again changes nothing."""
        return scopes.apply_scope(self._alias, text, scope, author=author, difference=difference)

    def current_scope(self, as_of: datetime | None = None) -> ScopeInForce | None:
        """Return the scope applied last, None where none was."""
        return scopes.current_scope(self._alias, as_of)

    def scope_versions(self) -> list[ScopeInForce]:
        """Return every scope that was ever applied, oldest first."""
        return scopes.scope_versions(self._alias)

    def approve_targets(
        self, targets: Sequence[facts.Target], *, because: str, author: str, until: date | None = None
    ) -> tuple[facts.Target, ...]:
        """Give leave to test these targets of the scope in force; return all that hold now."""
        return scopes.approve_targets(self._alias, targets, because=because, author=author, until=until, allowed=True)

    def revoke_targets(self, targets: Sequence[facts.Target], *, because: str, author: str) -> tuple[facts.Target, ...]:
        """Take the leave back; return all targets that still hold."""
        return scopes.approve_targets(self._alias, targets, because=because, author=author, until=None, allowed=False)

    def review(self, left: int, right: int, verdict: str, *, because: str, author: str) -> None:
        """Take down whether two parts of assets are the `same` or `different`."""
        receipts.review(self._alias, left, right, verdict, because=because, author=author)

    def reviews(self, as_of: datetime | None = None) -> list[facts.AssetReview]:
        """Return the latest answer (until `as_of`) about each pair that has one."""
        return receipts.reviews(self._alias, as_of)

    def acknowledge(
        self, job: str, kind: str, detail: Mapping[str, Any] | None = None, *, author: str = "foreshore"
    ) -> JobReceipt:
        """Note that a job is committed; the first receipt of a job stands."""
        return receipts.acknowledge(self._alias, job, kind, detail or {}, author)

    def receipt(self, job: str) -> JobReceipt | None:
        """Return the receipt of a job, None where it was never acknowledged."""
        return receipts.receipt(self._alias, job)

    def receipts(self) -> list[JobReceipt]:
        """Return all receipts, oldest first."""
        return receipts.receipts(self._alias)

    def policy_in_force(self, digest: str, *, before: str, changes: Sequence[str], author: str = "foreshore") -> bool:
        """Note in the audit trail that a policy took effect; returns False where it was in force already.

        `before` is the digest of the policy until then, for a trail that has no such entry yet.
        """
        return audit.policy_in_force(self._alias, digest, before=before, changes=changes, author=author)

    def note(self, what: str, *, author: str, detail: Mapping[str, object]) -> None:
        """Add to the audit trail what happened outside these tables: people, roles, tokens, policy, sources."""
        audit.note(self._alias, what, author=author, detail=detail)

    def audit_entries(self) -> list[AuditEntry]:
        """Return the audit chain, oldest first."""
        return audit.entries(self._alias)

    def audit_page(self, text: str = "", *, before: int = 0, size: int = 50) -> list[AuditEntry]:
        """Return the newest links (before number `before`) in which `text` stands, newest first."""
        return audit.page(self._alias, text, before, size)

    def audit_head(self) -> str:
        """Return the digest of the last link, to be noted elsewhere."""
        return audit.head(self._alias)

    def audit_verify(self, anchor: str = "") -> BrokenLink | None:
        """Return the first link that does not hold, None where all do.

        `anchor` is an earlier `audit_head()`: a chain that no longer contains it was cut off.
        """
        return audit.verify(self._alias, anchor)
