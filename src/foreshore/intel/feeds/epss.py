"""EPSS scores of FIRST: the daily file with its first line, and a panel of many days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.rows import SCHEMA, Rows, Wanted, moment

_FIRST = re.compile(rb"#\s*model_version:([^,\s]+),\s*score_date:(\S+)")
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
        return _FIRST.match(start) is not None or start.startswith((_PANEL, b"cve,epss"))

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `epss` rows; the percentile stands in `text`. Raises BadFeed for a score outside 0..1."""
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
    for date in pc.unique(dates).to_pylist():
        yield _marker(date, "")


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


def _marker(date: datetime, model: str) -> pa.Table:
    rows = Rows(SOURCE)
    rows.date(date)
    rows.mark("epss", model=model)
    return rows.table()


PLUGIN = Epss()
