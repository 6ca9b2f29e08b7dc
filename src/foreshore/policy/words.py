"""Words that a policy file may use at a place."""

from __future__ import annotations

from foreshore.errors import BadPolicy


def one_of(word: str, known: tuple[str, ...], place: str) -> None:
    """Raise BadPolicy, naming `place` and what is possible, where `word` is not among `known`."""
    if word not in known:
        raise BadPolicy(f"“{word}” is not known here", where=place, hint="one of " + ", ".join(known))
