"""Regular expressions that are compiled when they are first used.

The readers hold hundreds of them and one import needs those of one reader: compiling all of them took longer
than reading a small report.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def regex(text: AnyStr, flags: int | re.RegexFlag = 0) -> re.Pattern[AnyStr]:
    """Return what `re.compile(text, flags)` returns, compiled at the first use of any of its attributes."""
    return cast("re.Pattern[AnyStr]", _Later(text, flags))


class _Later:
    """Stands for a compiled pattern; after the first use its methods are the pattern's own."""

    def __init__(self, text: Any, flags: int | re.RegexFlag) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Only called for what the instance does not have yet: once for each method that is used.
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
