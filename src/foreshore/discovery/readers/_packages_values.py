"""Reports that are several JSON values, one after the other: by lines, over many lines, or without any."""

from __future__ import annotations

import json
from collections.abc import Iterator

from foreshore import facts
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding
from foreshore.errors import BadReport

_BETWEEN = regex(r"[\s\x1e,]*")  # a comma or a record separator stands between them in some


def values(report: facts.Report) -> Iterator[bytes]:
    """Yield each JSON value of `report` as UTF-8.

    Raises BadReport where one is broken, or where the report holds none.
    """
    text = _decoding.utf8(report.read()).decode("utf-8", "replace").lstrip("\ufeff")
    decoder = json.JSONDecoder(parse_int=float)  # no limit to the digits of a number
    at = _end(text, 0)
    if at >= len(text):
        raise BadReport("holds nothing", where=report.name, hint="run the tool again and keep its whole output")
    while at < len(text):
        try:
            _value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _broken(report, text, error) from error
        except (RecursionError, ValueError) as error:
            raise _decoding.broken(report, error) from error
        yield text[at:end].encode()
        at = _end(text, end)


def _end(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found is not None else at


def _broken(report: facts.Report, text: str, error: json.JSONDecodeError) -> BadReport:
    if not text[error.pos :].strip() or error.msg.startswith("Unterminated"):
        return BadReport(
            "the JSON ends in the middle",
            where=f"{report.name}, last byte",
            hint="copy or export the whole file again",
        )
    return BadReport(
        f"is not valid JSON: {error.msg}",
        where=f"{report.name}, line {error.lineno}",
        hint="export the report again as JSON and do not edit it",
    )
