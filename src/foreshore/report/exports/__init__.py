"""Out again: exposures for other programs (OCSF, CycloneDX with VEX, OpenVEX), and everything as CSV or Parquet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from foreshore import keys
from foreshore.errors import UsageError, WorkspaceError
from foreshore.query import lists
from foreshore.report.exports import cyclonedx, ocsf, openvex, whole

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

Rows = Iterator[dict[str, Any]]
# format -> (ending, texts of a document from the served exposures and the row of their cycle)
DOCUMENTS: dict[str, tuple[str, Callable[[Rows, dict[str, Any], ocsf.Told], Iterator[str]]]] = {
    "ocsf": ("jsonl", ocsf.lines),
    "cyclonedx": ("cdx.json", cyclonedx.document),
    "openvex": ("openvex.json", openvex.document),
}
FORMATS = (*DOCUMENTS, "csv", "parquet")


def write(workspace: Workspace, format: str, *, where: str = "", out: str = "") -> dict[str, Any]:
    """Write an export of the served cycle; returns format, file, exposures and what was left out, with why.

    `ocsf`, `cyclonedx` and `openvex` take the exposures that match `where`; `out` is their file, "-" the
    standard output. `csv` and `parquet` write every table into the folder `out`. Raises UsageError for
    another format, NothingToRead before the first cycle, WorkspaceError where the disk refuses.
    """
    cycle = lists.rows(workspace, "select * from cycle")[0]
    if format in ("csv", "parquet"):
        if where:
            raise UsageError("an export of everything takes no --where", hint="--format ocsf, or leave it out")
        folder = Path(out) if out else workspace.root / f"export-{keys.show('CYC', cycle['cycle'])}"
        return {"format": format, "file": str(folder), "tables": whole.write(workspace, format, folder), "left_out": {}}
    if format not in DOCUMENTS:
        raise UsageError(f"“{format}” is no format of an export", hint=", ".join(FORMATS))
    ending, document = DOCUMENTS[format]
    told = ocsf.Told()
    place = out or str(workspace.root / f"export-{keys.show('CYC', cycle['cycle'])}.{ending}")
    with _opened(place) as stream:
        for text in document(lists.exposures(workspace, where=where), cycle, told):
            stream.write(text)
    return {"format": format, "file": place, "exposures": told.taken, "left_out": dict(told.left_out)}


@contextmanager
def _opened(place: str) -> Iterator[IO[str]]:
    if place == "-":
        yield sys.stdout
        return
    path = Path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
    except OSError as error:
        raise WorkspaceError(
            f"the export cannot be written: {error.strerror or error}", where=place, hint="another --out"
        ) from error
