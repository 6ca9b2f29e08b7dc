"""Keys: signed 63-bit integers, how they are made, shown and typed.

Shown as a prefix and 13 Crockford characters in groups, for example `EXP-7Q2M-4KXH-93TDA`. People may
type any unambiguous beginning, in either case, with or without dashes, and with the look-alikes
I, L, O for 1, 1, 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from foreshore.errors import UsageError

PREFIXES = {"EXP": "exposure", "ACT": "action", "AST": "asset", "RUN": "run", "CYC": "cycle"}
MASK = (1 << 63) - 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 13
_FOLD = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def of(*parts: object) -> int:
    """Return the 63-bit key of `parts`: the low half of an MD5 over the parts joined by U+001F.

    Used for speed and sameness with `sql`, never for security.
    """
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") & MASK


def sql(*columns: str) -> str:
    """Return a DuckDB expression that equals `of` over the given text expressions."""
    joined = "concat_ws(chr(31), " + ", ".join(columns) + ")"
    return f"(md5_number_lower({joined}) & {MASK}::UBIGINT)::BIGINT"


def mint(seed: int, kind: str, start: int) -> Iterator[int]:
    """Yield fresh keys for `kind`, the `start`-th first: a seeded sequence, not derived from content."""
    number = start
    while True:
        yield of(seed, kind, number)
        number += 1


def show(prefix: str, key: int) -> str:
    """Write `key` for people."""
    letters = "".join(_ALPHABET[(key >> (5 * place)) & 31] for place in reversed(range(_LENGTH)))
    return f"{prefix}-{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def parse(text: str, prefix: str) -> tuple[int, int]:
    """Return the inclusive range of keys that `text`, a whole key or its beginning, may mean."""
    folded = text.strip().upper()
    if folded.startswith(prefix + "-"):
        folded = folded[len(prefix) + 1 :]
    folded = folded.translate(_FOLD)
    if not folded or len(folded) > _LENGTH or any(letter not in _ALPHABET for letter in folded):
        raise UsageError(f"“{text}” is not a key", hint=f"a key as it was printed, such as {show(prefix, of(prefix))}")
    low = 0
    for letter in folded:
        low = (low << 5) | _ALPHABET.index(letter)
    rest = 5 * (_LENGTH - len(folded))
    return min(low << rest, MASK), min((low << rest) | ((1 << rest) - 1), MASK)
