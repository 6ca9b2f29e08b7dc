"""EPSS scores of FIRST: the daily file with its first line, a panel of many days, answers of its interface."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.documents import items
from foreshore.intel.documents import parse as parse_json
from foreshore.intel.rows import SCHEMA, Rows, Wanted, moment, wants

_FIRST = re.compile(rb"#\s*model_version:([^,\s]+),\s*score_date:(\S+)")
_ANSWER = re.compile(rb'"data"\s*:\s*\[\s*(\]|\{\s*"cve"\s*:)')
_PANEL = b"score_date,model_version,cve,epss"
SOURCE = "first-epss"


@dataclass(frozen=True)
class Epss:
    """EPSS: chance of exploitation activity within 30 days, by day and model version (FIRST.org)."""

    url: str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"
    complete: tuple[str, ...] = ()
    grouped: bool = False

    def sniff(self, head: bytes) -> bool:
        """Say whether this is a file of EPSS scores."""
        start = head[:512]
        return _FIRST.match(start) is not None or start.startswith((_PANEL, b"cve,epss")) or _is_answer(head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `epss` rows; the percentile stands in `text`. Raises BadFeed for a score outside 0..1."""
        if _is_answer(body.head):
            yield _answer(body, wanted)
            return
        start = body.head[:512]
        first = _FIRST.match(start)
        if first is None and not start.startswith(_PANEL):
            raise BadFeed(
                "the file does not say its date and model",
                where=body.name,
                hint="the file as published, with its first line beginning with #model_version",
            )
        table = _columns(body, skip=1 if first else 0)
        if wanted is not None:
            table = table.filter(pc.is_in(table["cve"], value_set=pa.array(sorted(wanted), pa.string())))
        if first is not None:
            yield from _day(table, first, body.name)
        else:
            yield from _days(table)


def _is_answer(head: bytes) -> bool:
    """Say whether this is an answer of the interface `/data/v1/epss`."""
    start = head[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith(b"{") and b'"status-code"' in start and _ANSWER.search(start) is not None


def _answer(body: Body, wanted: Wanted) -> pa.Table:
    """Return the scores of an answer, with their history where it was asked for.

    An answer does not name the model, and holds some CVEs only: its marker is one of its own, since
    what it leaves out may well have a score.
    """
    whole = parse_json(body.read(), body.name)
    listed = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(listed, list):
        raise BadFeed("it has no list of scores", where=body.name)
    rows = Rows(SOURCE)
    for one in listed:
        if isinstance(one, dict) and wants(one.get("cve"), None):
            for point in (one, *items(one.get("time-series"))):
                _point(rows, one["cve"], point, wanted, body.name)
    rows.mark("epss_api", history=True)
    return rows.table()


def _point(rows: Rows, cve: str, point: Any, wanted: Wanted, where: str) -> None:
    date = moment(point.get("date")) if isinstance(point, dict) else None
    try:
        value = float(point["epss"]) if date else 0.0
    except (KeyError, TypeError, ValueError) as error:
        raise BadFeed(f"{cve} has no score", where=where, hint="ask again") from error
    if not 0 <= value <= 1:
        raise BadFeed("a score is missing or not between 0 and 1", where=where, hint="ask again")
    if date is not None:
        rows.date(date)
        if wants(cve, wanted):
            rows.add(cve, "epss", date, value=value, text=str(point.get("percentile") or ""))


def _columns(body: Body, *, skip: int) -> pa.Table:
    types = {"cve": pa.string(), "epss": pa.float64(), "percentile": pa.string()}
    panel = {"score_date": pa.string(), "model_version": pa.string()}
    names = ["cve", "epss", "percentile"] if skip else ["score_date", "model_version", *types]
    try:
        with body.open() as stream:
            table = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(skip_rows=skip, block_size=1 << 22),
                convert_options=csv.ConvertOptions(column_types={**types, **panel}, include_columns=names),
            )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise BadFeed(f"it is not a table of scores: {error}", where=body.name) from error
    bad = pc.or_kleene(
        pc.is_null(table["epss"]),
        pc.invert(pc.and_(pc.greater_equal(table["epss"], 0.0), pc.less_equal(table["epss"], 1.0))),
    )
    if pc.any(bad).as_py():
        raise BadFeed("a score is missing or not between 0 and 1", where=body.name, hint="download it again")
    return table


def _day(table: pa.Table, first: re.Match[bytes], where: str) -> Iterator[pa.Table]:
    model, date = first[1].decode("ascii", "replace"), moment(first[2].decode("ascii", "replace"))
    if date is None:
        raise BadFeed("its date cannot be read", where=where)
    size = len(table)
    yield _signals(table, pa.repeat(pa.scalar(model), size), pa.repeat(pa.scalar(date, pa.timestamp("us")), size))
    yield _marker(date, model)


def _days(table: pa.Table) -> Iterator[pa.Table]:
    dates = table["score_date"].cast(pa.timestamp("us"))
    yield _signals(table, table["model_version"], dates)
    # A panel holds chosen CVEs only, as an answer does: what it leaves out may well have a score.
    for date in pc.unique(dates).to_pylist():
        yield _marker(date, "", "epss_api")


def _signals(table: pa.Table, model: pa.Array, date: pa.Array) -> pa.Table:
    size = len(table)
    return pa.table(
        [
            table["cve"],
            pa.repeat(pa.scalar("epss"), size),
            table["epss"],
            table["percentile"],
            pa.repeat(pa.scalar(SOURCE), size),
            model,
            date,
        ],
        schema=SCHEMA,
    )


def _marker(date: datetime, model: str, feed: str = "epss") -> pa.Table:
    rows = Rows(SOURCE)
    rows.date(date)
    rows.mark(feed, model=model)
    return rows.table()


PLUGIN = Epss()
