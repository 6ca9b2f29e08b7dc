"""JSON reports into typed values: every way a document can be broken becomes one clear error.

Elements of long lists are kept as `msgspec.Raw` and decoded one at a time, so that one that is
malformed is skipped with its reason instead of taking the whole report with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.errors import BadReport
from foreshore.facts import Skipped

Scalar = str | int | float | bool | None  # what tools write where the format says "text"
Kind = TypeVar("Kind")

_AT_BYTE = regex(r"\(byte (\d+)\)")
_HALF = regex(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = regex(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def broken(report: facts.Report, error: Exception) -> BadReport:
    """The error for a document that `error` stopped us from reading."""
    if isinstance(error, RecursionError):
        return BadReport(
            "the JSON is nested too deeply",
            where=report.name,
            hint="export the report again; no scanner writes such a file",
        )
    message = str(error)
    at = _AT_BYTE.search(message)
    if "truncated" in message:
        return BadReport(
            "the JSON ends in the middle",
            where=f"{report.name}, last byte",
            hint="copy or export the whole file again",
        )
    what = message.split(" (byte")[0].removeprefix("JSON is malformed: ")
    return BadReport(
        f"is not valid JSON for this format: {what}",
        where=f"{report.name}, byte {at.group(1)}" if at else report.name,
        hint="export the report again as JSON and do not edit it",
    )


def utf8(data: bytes) -> bytes:
    """`data` as UTF-8 without a mark; other encodings are understood as `reports.decode` does."""
    if data.isascii() and b"\x00" not in data[:4]:
        return data
    if reports.encoding_of_head(data[: reports.HEAD]) == "utf-8":
        try:
            data.decode()
        except UnicodeDecodeError:
            return reports.decode(data).encode("utf-8", "replace")
        return data
    return reports.decode(data).lstrip("\ufeff").encode("utf-8", "replace")


def whole(report: facts.Report, decoder: msgspec.json.Decoder[Kind]) -> Kind:
    """Decode all of `report`; raises BadReport saying where it is broken."""
    data = utf8(report.read())
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise broken(report, error) from error


def why(error: Exception) -> str:
    """The reason for skipping one element, in plain words."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "holds bytes that are not text"
    return str(error).removeprefix("JSON is malformed: ")


def element(decoder: msgspec.json.Decoder[Kind], raw: msgspec.Raw | bytes) -> Kind:
    """Decode one element; an escape that is half a character is replaced rather than refused."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        data = bytes(raw)
        if not _LONE_SURROGATE.search(data):
            raise
        return decoder.decode(_LONE_SURROGATE.sub(rb"\\ufffd", data))


def within(text: str) -> Any:
    """The JSON value that stands as text in a field; an escape that is half a character is replaced.

    Raises ValueError and RecursionError.
    """
    value = json.loads(text)
    if _HALF.search(text):
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def each(
    decoder: msgspec.json.Decoder[Kind],
    raws: list[msgspec.Raw] | None,
    where: str,
    skip: Callable[[Skipped], None],
) -> Iterator[Kind]:
    """Yield the elements of a list that can be decoded; hand the others to `skip` with their number."""
    decode = decoder.decode
    for number, raw in enumerate(raws or ()):
        try:
            yield decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            try:
                yield element(decoder, raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                skip(Skipped(f"{where}[{number}]", why(error)))


def lines(report: facts.Report) -> Iterator[tuple[int, bytes, bool]]:
    """Yield (number, line as UTF-8, has an end) for each line that is not blank, streamed.

    Raises BadReport for a line longer than the limit of the report.
    """
    if reports.encoding_of_head(report.head) not in ("utf-8", "utf-8-sig"):
        for number, text in enumerate(reports.lines(report), 1):
            if stripped := text.strip().lstrip("\ufeff"):
                yield number, stripped.encode("utf-8", "replace"), text.endswith("\n")
        return
    longest = reports.limits_of(report).line
    with report.open() as stream:
        number = 0
        while line := stream.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise BadReport(
                    f"a line is longer than {longest:,} bytes",
                    where=f"{report.name}, line {number}",
                    hint="check that this is the report itself; export it again in the tool's own format",
                )
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.isspace():
                yield number, utf8(line), line.endswith(b"\n")


def rows(report: facts.Report, decoder: msgspec.json.Decoder[Kind], skip: Callable[[Skipped], None]) -> Iterator[Kind]:
    """Yield the elements of a JSON list, or of one JSON value per line, or the one value there is.

    One value per line is streamed. A broken line is skipped with its reason; a broken last line
    without its end, or a file without one good line, raises BadReport.
    """
    opening = reports.decode_head(report.head).lstrip()
    if opening.startswith("["):
        yield from each(decoder, whole(report, _RAW_LIST), "element ", skip)
        return
    good = 0
    for number, line, ended in lines(report):
        try:
            value = element(decoder, line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if not good and number == 1:
                yield whole(report, decoder)  # one value over many lines, or broken from its start
                return
            if not ended and not isinstance(error, msgspec.ValidationError):
                raise BadReport(
                    f"line {number} ends in the middle",
                    where=f"{report.name}, line {number}",
                    hint="copy or export the whole file again",
                ) from error
            skip(Skipped(f"line {number}", why(error)))
            continue
        good += 1
        yield value


_RAW_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
