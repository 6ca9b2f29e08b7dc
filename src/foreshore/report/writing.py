"""Write the report of the last cycle in one of its formats."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore.errors import UsageError, WorkspaceError
from foreshore.query import lists, safe
from foreshore.report import contents, rendering

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

_CELLS = (
    "rank", "id", "treatment", "weakness", "title", "asset_name", "asset", "site", "zone", "place", "owner",
    "state", "severity", "cvss", "epss", "kev", "reachable", "reach_fact", "exploit", "leads", "leads_to",
    "likelihood", "contribution", "low", "high", "label", "due", "due_rule", "verdict", "disposition",
    "because", "reason", "would_lower", "first_seen", "last_seen", "sources", "fix", "action",
)  # fmt: skip


def write(workspace: Workspace, format: str = "html", out: Path | None = None) -> Path:
    """Write the report of the served cycle and return its file.

    `format` is html, md, json, csv (all exposures) or pdf (needs the extra `pdf`). Without `out` the
    file is `report-CYCLE.FORMAT` in the workspace; a folder as `out` gets a file of that name. Raises
    NothingToRead before the first cycle, UsageError for another format, WorkspaceError when the file
    cannot be written.
    """
    if format not in _FORMATS:
        raise UsageError(f"“{format}” is no format of a report", hint=", ".join(_FORMATS))
    body = _FORMATS[format](workspace)
    path = _place(workspace, format, out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise WorkspaceError(
            f"the report cannot be written: {error.strerror or error}", where=str(path), hint="another --out"
        ) from error
    return path


def _place(workspace: Workspace, format: str, out: Path | None) -> Path:
    if out is not None and not out.is_dir():
        return out
    from foreshore import keys

    row = lists.rows(workspace, "select cycle from cycle")[0]
    return (out or workspace.root) / f"report-{keys.show('CYC', row['cycle'])}.{format}"


def _html(workspace: Workspace) -> bytes:
    return rendering.html(contents.gather(workspace)).encode()


def _markdown(workspace: Workspace) -> bytes:
    return rendering.markdown(contents.gather(workspace)).encode()


def _json(workspace: Workspace) -> bytes:
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(contents.gather(workspace), option=option)


def _csv(workspace: Workspace) -> bytes:
    """All exposures in the canonical order; every cell safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_CELLS)
    for row in lists.exposures(workspace):
        share = row.pop("contribution")
        row |= {"contribution": share["mean"], "low": share["low"], "high": share["high"]}
        writer.writerow([_cell(row[name]) for name in _CELLS])
    return b"\xef\xbb\xbf" + text.getvalue().encode()  # the mark tells spreadsheets that it is UTF-8


def _cell(value: Any) -> object:
    if isinstance(value, list):
        return safe.cell(", ".join(str(one) for one in value))
    return value if isinstance(value, (int, float)) else safe.cell(value)


def _pdf(workspace: Workspace) -> bytes:
    try:
        weasyprint: Any = importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:  # OSError: the program is there, a library of the system is not
        raise UsageError(
            "a PDF needs WeasyPrint, which is not installed",
            hint="pip install 'foreshore[pdf]', or print the HTML report from a browser",
        ) from error
    return bytes(weasyprint.HTML(string=_html(workspace).decode(), url_fetcher=_no_fetch).write_pdf())


def _no_fetch(url: str) -> dict[str, Any]:
    raise ValueError(f"a report loads nothing: {url}")


_FORMATS: dict[str, Callable[[Workspace], bytes]] = {
    "html": _html, "md": _markdown, "json": _json, "csv": _csv, "pdf": _pdf,
}  # fmt: skip
