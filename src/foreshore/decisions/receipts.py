"""Receipts of jobs, and answers to joins of assets that were refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from foreshore.decisions import audit, checks
from foreshore.decisions.models import AssetReview, Receipt
from foreshore.decisions.records import JobReceipt


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


def review(alias: str, conflict: int, verdict: str, *, because: str, author: str) -> None:
    """Take down whether the two assets of a refused join are the same; the latest answer counts."""
    row = AssetReview(
        conflict=conflict,
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
            detail={"conflict": conflict, "verdict": row.verdict},
            rows={"reviews": [row]},
        )
        row.save(using=alias)


def reviews(alias: str) -> dict[int, str]:
    """The latest answer to each refused join that has one: same or different."""
    rows = AssetReview.objects.using(alias).order_by("decided_at", "id")
    return dict(rows.values_list("conflict", "verdict"))
