"""What somebody may, asked in a template: for showing a link or not. The view itself always asks again."""

from __future__ import annotations

from django import template

from foreshore.server.access import Access

register = template.Library()


@register.filter
def may(access: Access, permission: str) -> bool:
    """Whether the permission holds anywhere."""
    return access.may(permission)


@register.filter
def everywhere(access: Access, permission: str) -> bool:
    """Whether the permission holds for the whole organisation."""
    return access.everywhere(permission)


@register.filter
def at(value: dict[str, object], name: str) -> object:
    """The entry of a dictionary under a name that is not a plain word; None where there is none."""
    return value.get(name)
