"""Reports and exports: whole reports written by a job for who sees everything, exports of what each may see."""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from foreshore.errors import UsageError
from foreshore.query import safe
from foreshore.server import bundles
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job
from foreshore.server.shelf import Shelf
from foreshore.workspace import Workspace

_NAME = re.compile(r"[\w.-]{1,120}")
_SHOWN = 50
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Format(NamedTuple):
    """A format of a report: its name, the ending of its file, the kind that a browser is told."""

    name: str
    ending: str
    media: str


REPORTS = (
    Format("html", "html", "text/html; charset=utf-8"), Format("pdf", "pdf", "application/pdf"),
    Format("md", "md", "text/markdown; charset=utf-8"), Format("json", "json", "application/json"),
)  # fmt: skip
EXPORTS = (
    Format("csv", "csv", "text/csv; charset=utf-8"), Format("ndjson", "ndjson", "application/x-ndjson"),
    Format("parquet", "parquet", "application/vnd.apache.parquet"), Format("ocsf", "jsonl", "application/x-ndjson"),
    Format("cyclonedx", "cdx.json", "application/json"), Format("openvex", "openvex.json", "application/json"),
)  # fmt: skip


def formats() -> list[Format]:
    """Return the formats of reports that this installation can write."""
    return [one for one in REPORTS if one.name != "pdf" or find_spec("weasyprint") is not None]


def ask(access: Access, format: str) -> Job:
    """Ask for a report of the served cycle; raises NotAllowed for who sees a part alone."""
    access.need_everywhere("see")
    if format not in [one.name for one in formats()]:
        raise UsageError(f"“{format}” is no format of a report here", hint=", ".join(one.name for one in formats()))
    return queue.ask("report", {"format": format, "name": secrets.token_hex(6)}, by=access.person)


def written(access: Access) -> list[Job]:
    """Return the reports that were asked for, the newest first; none for who sees a part alone."""
    if not access.everywhere("see"):
        return []
    return list(Job.objects.filter(kind="report").order_by("-asked_at")[:_SHOWN])


def file(workspace: Workspace, access: Access, name: str) -> tuple[Path, str]:
    """Return a report that was written and its media type; raises UsageError where there is none."""
    access.need_everywhere("see")
    path = workspace.root / "reports" / name
    known = next((one for one in REPORTS if name.endswith(f".{one.ending}")), None)
    if not _NAME.fullmatch(name) or name.startswith(".") or known is None or not path.is_file():
        raise UsageError("there is no such report", hint="ask for a new one")
    return path, known.media


def export(shelf: Shelf, access: Access, format: str, where: str = "") -> Iterator[bytes]:
    """Yield the open exposures that `access` may see and `where` asks for, in a format of `EXPORTS`.

    A query that is wrong is told before the first byte. Cells of CSV are safe to open in a spreadsheet.
    """
    if format == "parquet":
        return bundles.parquet(shelf, access, where)
    rows = bundles.exposures(shelf, access, where)
    if format == "csv":
        return _csv(rows)
    if format == "ndjson":
        return (orjson.dumps(row, option=_OPTIONS, default=str) for row in rows)
    return _document(shelf, rows, format)


def _document(shelf: Shelf, rows: Iterator[dict[str, Any]], format: str) -> Iterator[bytes]:
    from foreshore.report.exports import DOCUMENTS, ocsf

    if format not in DOCUMENTS:
        raise UsageError(f"“{format}” is no format of an export", hint=", ".join(one.name for one in EXPORTS))
    cycle = shelf.ask("select * from cycle")[0]
    return (text.encode() for text in DOCUMENTS[format][1](rows, cycle, ocsf.Told()))


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Write rows in the canonical columns, a text a row."""
    yield b"\xef\xbb\xbf"  # spreadsheets take it for UTF-8
    names: list[str] = []
    for row in rows:
        share = row.pop("contribution", None) or {}
        row |= {"contribution": share.get("mean"), "low": share.get("low"), "high": share.get("high")}
        text = io.StringIO()
        writer = csv.writer(text)
        if not names:
            names = list(row)
            writer.writerow(names)
        writer.writerow([_cell(row[name]) for name in names])
        yield text.getvalue().encode()


def _cell(value: Any) -> object:
    if isinstance(value, (list, tuple)):
        return safe.cell(", ".join(str(one) for one in value))
    return value if isinstance(value, (int, float)) else safe.cell(value)
