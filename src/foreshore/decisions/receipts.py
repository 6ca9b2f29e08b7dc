"""Receipts of jobs, and people's words on which assets are the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from foreshore import facts, keys
from foreshore.decisions import audit, checks
from foreshore.decisions.models import AssetReview, Receipt
from foreshore.decisions.records import JobReceipt
from foreshore.errors import UsageError


def acknowledge(alias: str, job: str, kind: str, detail: Mapping[str, Any], author: str) -> JobReceipt:
    """Note that `job` is committed; the first receipt of a job stands, a second changes nothing."""
    with audit.writing(alias):
        known = Receipt.objects.using(alias).filter(job=job).first()
        if known is None:
            known = Receipt(job=job, kind=kind, at=datetime.now(UTC), detail=dict(detail))
            known.audit = audit.record(
                alias,
                what="receipt",
                author=author,
                at=known.at,
                detail={"job": job, "kind": kind},
                rows={"receipts": [known]},
            )
            known.save(using=alias)
        return _plain(known)


def receipt(alias: str, job: str) -> JobReceipt | None:
    """The receipt of `job`, None where it was never acknowledged."""
    row = Receipt.objects.using(alias).filter(job=job).first()
    return None if row is None else _plain(row)


def receipts(alias: str) -> list[JobReceipt]:
    """All receipts, oldest first."""
    return [_plain(row) for row in Receipt.objects.using(alias).order_by("id")]


def _plain(row: Receipt) -> JobReceipt:
    return JobReceipt(job=row.job, kind=row.kind, at=audit.naive(row.at), detail=dict(row.detail))


def review(alias: str, left: int, right: int, verdict: str, *, because: str, author: str) -> None:
    """Take down whether two parts of assets are the same; the latest answer about a pair counts."""
    low, high = sorted((left, right))
    if low == high:
        raise UsageError("an asset is always the same as itself", hint="name two different ones")
    row = AssetReview(
        conflict=keys.of("pair", low, high),
        left_asset=low,
        right_asset=high,
        verdict=checks.verdict(verdict),
        because=checks.reason(because),
        author=checks.author(author),
        decided_at=datetime.now(UTC),
    )
    with audit.writing(alias):
        row.audit = audit.record(
            alias,
            what="asset review",
            author=row.author,
            at=row.decided_at,
            detail={"left": low, "right": high, "verdict": row.verdict},
            rows={"reviews": [row]},
        )
        row.save(using=alias)


def reviews(alias: str, as_of: datetime | None = None) -> list[facts.AssetReview]:
    """The latest answer (until `as_of`) to each pair that has one, in the order of the pairs."""
    rows = AssetReview.objects.using(alias).order_by("decided_at", "id")
    if as_of is not None:
        rows = rows.filter(decided_at__lte=audit.utc(as_of))
    latest: dict[tuple[int, int], str] = {}
    for left, right, verdict in rows.values_list("left_asset", "right_asset", "verdict"):
        if left is not None and right is not None:
            latest[left, right] = verdict
    return [facts.AssetReview(left, right, verdict == "same") for (left, right), verdict in sorted(latest.items())]
