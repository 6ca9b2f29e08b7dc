"""Words on exposures: taken down, withdrawn, and which of them are effective at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from foreshore import facts
from foreshore.decisions import audit, checks
from foreshore.decisions.models import Disposition
from foreshore.decisions.records import Entry
from foreshore.errors import UsageError

Resolve = Callable[[int], int] | Mapping[int, int] | None
_CHUNK = 500  # SQLite takes a limited number of parameters in one query


def decide(
    alias: str,
    exposures: Sequence[int],
    disposition: str,
    *,
    because: str,
    author: str,
    until: date | None,
    like_this: str,
    evidence: Mapping[int, Mapping[str, Any]],
    at: datetime | None,
    longest_days: int,
    assumes: Sequence[facts.Assumption] = (),
) -> list[Entry]:
    """Take down one word on many exposures in one transaction; see `Decisions.decide`."""
    moment = _moment(at)
    word = disposition if disposition == checks.WITHDRAWN else checks.word(disposition)
    told, who = checks.reason(because), checks.author(author)
    last_day = checks.end(word, until, moment, longest_days)
    assumed = checks.assumptions(word, assumes)
    chosen = list(dict.fromkeys(exposures))
    if not chosen:
        raise UsageError("no exposure was named", hint="an id as `foreshore exposures` prints it, or --like-this")
    with audit.writing(alias):
        before = _latest(alias, chosen)
        if word == checks.WITHDRAWN:
            _refuse_if_nothing_to_withdraw(alias, before, chosen)
        said = {
            "disposition": word, "because": told, "author": who, "decided_at": moment, "until": last_day,
            "like_this": like_this, "assumes": assumed,
        }  # fmt: skip
        rows = [
            Disposition(
                exposure=one, evidence=dict(evidence.get(one, {})), supersedes_id=before.get(one), **said
            )
            for one in chosen
        ]  # fmt: skip
        return _taken_down(alias, rows, said)


def revoke(alias: str, differences: Mapping[facts.Decision, tuple[int, str]]) -> list[Entry]:
    """Take down that exceptions no longer hold; see `Decisions.revoke`."""
    now = datetime.now(UTC)
    with audit.writing(alias):
        ids = [made_on for made_on, _ in differences.values()]
        before = _latest(alias, ids)
        standing = {row.exposure: row for row in _rows(alias, list(before.values()))}
        rows = [
            Disposition(
                exposure=made_on, disposition=checks.REVOKED, because=why, author=checks.SYSTEM, decided_at=now,
                supersedes_id=before[made_on], evidence={"assumed": _kept(decision.assumes)},
            )
            for decision, (made_on, why) in differences.items()
            if made_on in standing and _same(standing[made_on], decision)
        ]  # fmt: skip
        said = {"disposition": checks.REVOKED, "author": checks.SYSTEM, "like_this": "",
                "because": "; ".join(sorted({row.because for row in rows}))}  # fmt: skip
        return _taken_down(alias, rows, said) if rows else []


def _same(row: Disposition, decision: facts.Decision) -> bool:
    """Tell whether the latest word on an exposure is still the decision that was looked at."""
    return row.disposition == decision.disposition and audit.naive(row.decided_at) == decision.decided_at


def _kept(assumes: Iterable[facts.Assumption]) -> list[dict[str, str]]:
    return [{"said": one.said, "query": one.query} for one in assumes]


def _rows(alias: str, numbers: list[int]) -> list[Disposition]:
    return [
        row
        for start in range(0, len(numbers), _CHUNK)
        for row in Disposition.objects.using(alias).filter(id__in=numbers[start : start + _CHUNK])
    ]


def revoked(alias: str, since: datetime | None) -> list[Entry]:
    """The revocations that are still the latest word on their exposure; see `Decisions.revoked`."""
    rows = Disposition.objects.using(alias).filter(disposition=checks.REVOKED).order_by("decided_at", "id")
    if since is not None:
        rows = rows.filter(decided_at__gt=audit.utc(since))
    found = {row.exposure: row for row in rows}
    latest = _latest(alias, list(found))
    return [_entry(row) for row in found.values() if latest[row.exposure] == row.pk]


def _taken_down(alias: str, rows: list[Disposition], said: Mapping[str, Any]) -> list[Entry]:
    """Save `rows` with their link in the audit chain, and return them as entries."""
    word = said["disposition"]
    link = audit.record(
        alias,
        what={checks.WITHDRAWN: "withdraw", checks.REVOKED: "revoke"}.get(word, "decide"),
        author=said["author"],
        at=datetime.now(UTC),
        detail={
            "disposition": word,
            "because": said["because"],
            "exposures": len(rows),
            "like_this": said["like_this"],
        },
        rows={"dispositions": list(rows)},
    )
    for row in rows:
        row.audit = link
    Disposition.objects.using(alias).bulk_create(rows, batch_size=_CHUNK)
    return [_entry(row) for row in rows]


def _moment(at: datetime | None) -> datetime:
    now = datetime.now(UTC)
    moment = audit.utc(at) if at is not None else now
    if moment > now:
        raise UsageError(f"{moment:%Y-%m-%d %H:%M} lies in the future", hint="the time when it was decided")
    return moment


def _latest(alias: str, exposures: list[int]) -> dict[int, int]:
    """The row number of the latest word on each exposure that has one."""
    latest: dict[int, int] = {}
    for start in range(0, len(exposures), _CHUNK):
        rows = (
            Disposition.objects.using(alias)
            .filter(exposure__in=exposures[start : start + _CHUNK])
            .order_by("decided_at", "id")
        )
        latest.update(rows.values_list("exposure", "id"))
    return latest


def _refuse_if_nothing_to_withdraw(alias: str, before: Mapping[int, int], chosen: Iterable[int]) -> None:
    standing = {row.exposure for row in _rows(alias, list(before.values())) if row.disposition not in checks.ENDED}
    missing = [exposure for exposure in chosen if exposure not in standing]
    if missing:
        from foreshore import keys

        raise UsageError(
            f"there is no decision on {keys.show('EXP', missing[0])} to withdraw",
            hint="the id that the decision was made on, as `foreshore explain` shows it",
        )


def history(alias: str, exposures: Iterable[int]) -> list[Entry]:
    """All words on these exposures, oldest first."""
    rows = Disposition.objects.using(alias).filter(exposure__in=list(exposures)).order_by("decided_at", "id")
    return [_entry(row) for row in rows]


def effective(alias: str, as_of: datetime, resolve: Resolve) -> list[facts.Decision]:
    """The words that count at `as_of`; see `Decisions.effective`."""
    moment = audit.utc(as_of)
    canonical = _resolver(resolve)
    rows = (
        Disposition.objects.using(alias)
        .filter(decided_at__lte=moment)
        .order_by("decided_at", "id")
        .values_list("exposure", "disposition", "because", "author", "decided_at", "until", "assumes")
    )
    latest = {canonical(row[0]): row[1:] for row in rows.iterator(chunk_size=10_000)}
    today = moment.date()
    return [
        facts.Decision(exposure, word, because, author, audit.naive(decided_at), until, _assumed(assumes))
        for exposure, (word, because, author, decided_at, until, assumes) in sorted(latest.items())
        if word not in checks.ENDED and (until is None or until >= today)
    ]


def _assumed(kept: list[dict[str, str]] | None) -> tuple[facts.Assumption, ...]:
    return tuple(facts.Assumption(one["said"], one["query"]) for one in kept or ())


def _resolver(resolve: Resolve) -> Callable[[int], int]:
    if resolve is None:
        return lambda exposure: exposure
    if isinstance(resolve, Mapping):
        known = resolve
        return lambda exposure: known.get(exposure, exposure)
    return resolve


def _entry(row: Disposition) -> Entry:
    return Entry(
        number=row.pk,
        exposure=row.exposure,
        disposition=row.disposition,
        because=row.because,
        author=row.author,
        decided_at=audit.naive(row.decided_at),
        until=row.until,
        like_this=row.like_this,
        evidence=dict(row.evidence),
        supersedes=row.supersedes_id,
        assumes=_assumed(row.assumes),
    )


def count(alias: str) -> int:
    """How many words were ever taken down."""
    return Disposition.objects.using(alias).count()
