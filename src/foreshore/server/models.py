"""The tables of the service: people and what they may, their tokens, jobs and what they keep.

What people decide about exposures stands in `decisions`, with its audit trail; nothing here is one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone


class People(BaseUserManager["Person"]):
    """Makes persons; an address is kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        """Save and return a person; without a password only single sign-on lets them in."""
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in. What they may do and see is in their grants."""

    email = models.EmailField(unique=True)
    name = models.TextField(blank=True, default="")
    language = models.TextField(blank=True, default="")
    theme = models.TextField(default="auto")  # auto, light or dark
    is_active = models.BooleanField(default=True)
    is_staff = False  # there is no Django admin
    joined_at = models.DateTimeField(default=timezone.now)
    last_visit = models.DateTimeField(null=True)  # what is new is counted from here
    external_id = models.TextField(blank=True, default="")  # of the directory that provisions accounts

    objects = People()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email


class Scoped(models.Model):
    """A role over a part of the organisation; three empty lists mean everything."""

    role = models.TextField()  # a name of `roles.ROLES`
    entities = models.JSONField(default=list)
    teams = models.JSONField(default=list)
    services = models.JSONField(default=list)

    class Meta:
        abstract = True


class Grant(Scoped):
    """A role that a person has."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="grants")
    given_by = models.TextField(default="")
    given_at = models.DateTimeField(default=timezone.now)


class Invitation(Scoped):
    """A link that lets one person make an account, once, until a day. The first administrator's as well."""

    digest = models.TextField(unique=True)  # SHA-256 of the token, which is never kept
    email = models.TextField(blank=True, default="")
    made_by = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Token(models.Model):
    """A key for programs: acts as a person within fewer permissions. A guest link is one that may only read."""

    digest = models.TextField(unique=True)
    beginning = models.TextField()  # the first letters, to be recognised by
    name = models.TextField()
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    permissions = models.JSONField(default=list)  # names of `roles.PERMISSIONS`
    guest = models.BooleanField(default=False)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class Job(models.Model):
    """Work that takes longer than a request."""

    key = models.TextField(unique=True)
    kind = models.TextField()
    settings = models.JSONField(default=dict)
    state = models.TextField(default="waiting", db_index=True)  # waiting, running, done, failed, cancelled
    asked_by = models.TextField()
    asked_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    stage = models.TextField(default="")
    done = models.FloatField(null=True)  # the part that is done, 0 to 1; NULL where nobody can say
    attempts = models.IntegerField(default=0)
    worker = models.TextField(default="")
    alive_at = models.DateTimeField(null=True)  # the worker's last sign of life
    cancel_asked = models.BooleanField(default=False)
    result = models.JSONField(null=True)
    error = models.TextField(default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "asked_at"])]


class Schedule(models.Model):
    """A kind of job that is asked for again and again."""

    kind = models.TextField()
    settings = models.JSONField(default=dict)
    every_minutes = models.IntegerField()
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField()
    made_by = models.TextField(default="")


class Notice(models.Model):
    """Something that a person is told on their next page."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="notices")
    at = models.DateTimeField(default=timezone.now)
    text = models.TextField()
    link = models.TextField(blank=True, default="")
    read_at = models.DateTimeField(null=True)


class SavedView(models.Model):
    """A query over a list that somebody keeps under a name."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="views")
    name = models.TextField()
    page = models.TextField()  # exposures or assets
    query = models.TextField()
    shared = models.BooleanField(default=False)
    made_at = models.DateTimeField(default=timezone.now)


class Comment(models.Model):
    """What somebody wrote beside an exposure, asset or action."""

    subject = models.BigIntegerField(db_index=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)


class ExceptionRequest(models.Model):
    """Somebody asks to accept exposures for a time; another person says yes or no."""

    exposures = models.JSONField(default=list)
    because = models.TextField()
    until = models.DateField()
    assumes = models.JSONField(default=list)  # queries or words as `decide --assume` takes them
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="asked_exceptions")
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.TextField(default="asked", db_index=True)  # asked, approved, refused, withdrawn
    answered_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, default="")


class KeptPlan(models.Model):
    """A plan that somebody keeps and may share: what was asked and what came out."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="plans")
    name = models.TextField()
    settings = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    cycle = models.BigIntegerField()
    shared = models.BooleanField(default=False)
    made_at = models.DateTimeField(default=timezone.now)


class Webhook(models.Model):
    """An address that is told what happens, each message signed with its secret."""

    url = models.TextField()
    events = models.JSONField(default=list)
    sealed_secret = models.BinaryField()
    enabled = models.BooleanField(default=True)
    made_by = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)


class Delivery(models.Model):
    """One message to one webhook, tried again until it arrives or is given up."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.TextField()
    body = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now, db_index=True)
    attempts = models.IntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    given_up = models.BooleanField(default=False)
    answer = models.TextField(blank=True, default="")


class Answered(models.Model):
    """The answer to a request that carried an idempotency key, given again when it comes again."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    key = models.TextField()
    digest = models.TextField()  # of the request
    status = models.IntegerField()
    body = models.TextField()
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person", "key"], name="one_answer_a_key")
        ]
