"""Addresses of our own scripts and sheets, which browsers keep for a year: a new text has a new address."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from django import template
from django.templatetags.static import static

register = template.Library()
_FOLDER = Path(__file__).parents[1] / "static" / "foreshore"


@register.simple_tag
def own(name: str) -> str:
    """The address of a file of ours, with the beginning of its digest."""
    return f"{static(f'foreshore/{name}')}?v={_digest(name)}"


@lru_cache
def _digest(name: str) -> str:
    return hashlib.sha256(Path(f"{_FOLDER}/{name}").read_bytes()).hexdigest()[:12]
