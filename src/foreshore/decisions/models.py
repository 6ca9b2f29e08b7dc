"""The tables of decisions. Every row is written once and belongs to one entry of the audit chain."""

from __future__ import annotations

from django.db import models

from foreshore.decisions.versioned import WriteOnce


class Audit(WriteOnce):
    """One link of the chain: what happened, who did it, and the digest over it and the link before."""

    at = models.DateTimeField()
    author = models.TextField()
    what = models.TextField()
    payload = models.TextField()  # canonical JSON
    previous = models.TextField(unique=True)  # unique: two links can never follow the same one
    digest = models.TextField(unique=True)


class Disposition(WriteOnce):
    """A person's word on one exposure; the latest one counts."""

    exposure = models.BigIntegerField(db_index=True)
    disposition = models.TextField()  # a word of facts.Disposition, "claimed_fixed", "withdrawn" or "revoked"
    because = models.TextField()
    author = models.TextField()
    decided_at = models.DateTimeField(db_index=True)
    until = models.DateField(null=True)
    like_this = models.TextField(default="")  # the query by which it was chosen among its like
    evidence = models.JSONField(default=dict)  # what the exposure was when it was decided on
    assumes = models.JSONField(null=True)  # what an exception rests on, a list of said and query; NULL: nothing
    supersedes = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    audit = models.ForeignKey(Audit, on_delete=models.PROTECT, related_name="dispositions")


class ScopeVersion(WriteOnce):
    """A scope that was applied: the text as written, what it says, and how it differs from the last."""

    text = models.TextField()
    digest = models.TextField()
    parsed = models.JSONField()
    difference = models.JSONField()
    author = models.TextField()
    applied_at = models.DateTimeField()
    audit = models.ForeignKey(Audit, on_delete=models.PROTECT, related_name="scopes")


class Approval(WriteOnce):
    """A person's leave to test one target actively, or its withdrawal."""

    target = models.TextField()  # canonical JSON of what and ports
    allowed = models.BooleanField()
    because = models.TextField()
    author = models.TextField()
    decided_at = models.DateTimeField()
    until = models.DateField(null=True)
    audit = models.ForeignKey(Audit, on_delete=models.PROTECT, related_name="approvals")


class AssetReview(WriteOnce):
    """A person's word on two parts of assets, by the ids that were minted for them: same or different."""

    conflict = models.BigIntegerField(db_index=True)  # the key of the pair, whichever way round
    left_asset = models.BigIntegerField(null=True)
    right_asset = models.BigIntegerField(null=True)
    verdict = models.TextField()
    because = models.TextField()
    author = models.TextField()
    decided_at = models.DateTimeField()
    audit = models.ForeignKey(Audit, on_delete=models.PROTECT, related_name="reviews")


class Receipt(WriteOnce):
    """The acknowledgement of a job: what it wrote to the lake is committed."""

    job = models.TextField(unique=True)
    kind = models.TextField()
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)
    audit = models.ForeignKey(Audit, on_delete=models.PROTECT, related_name="receipts")
