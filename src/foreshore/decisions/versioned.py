"""Rows that are written once: a new version is a new row, and nothing changes or removes an old one."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db import models

from foreshore.errors import Refused

Row = TypeVar("Row", bound=models.Model, covariant=True)


def _refuse(verb: str) -> NoReturn:
    raise Refused(f"a decision is never {verb}", hint="a new decision, or a withdrawal, which takes its place")


class WriteOnceQuerySet(models.QuerySet[Row]):
    """A query that can read and add, and refuses to change or remove."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("changed")

    def delete(self) -> NoReturn:
        """Refuse."""
        _refuse("deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("changed")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Row]:
        """Add many rows; refuses to replace any that exist."""
        if kwargs.get("update_conflicts") or kwargs.get("update_fields"):
            _refuse("changed")
        return super().bulk_create(objs, *args, **kwargs)


class WriteOnce(models.Model):
    """A row that can be added and read. The database holds the same law by triggers."""

    objects = WriteOnceQuerySet.as_manager()

    class Meta:
        """Not a table of its own."""

        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add this row; refuses where it is already there."""
        if not self._state.adding or self.pk is not None:
            _refuse("changed")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("deleted")
