"""Text from reports made safe for where it is shown: spreadsheets and Markdown.

Reports are written by others, so any of their fields may hold markup, formulas or control characters.
(HTML is escaped by the templates themselves.)
"""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|!~])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # also their wide forms


def markdown(text: object) -> str:
    """Escape Markdown and HTML marks, and put everything on one line."""
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def cell(value: object) -> str:
    """Return the value as text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text
