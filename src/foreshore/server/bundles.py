"""All that somebody may see, in bounded batches: for streams to other programs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from foreshore.query import lists
from foreshore.server import paging
from foreshore.server.access import Access
from foreshore.server.shelf import Shelf

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 5_000
_INSIDE = ("place_kind", "best_path", "cycle")  # columns that other programs cannot rely on


def exposures(shelf: Shelf, access: Access, where: str = "") -> Iterator[dict[str, Any]]:
    """Yield all open exposures that match, as `exposures --json` shows them, in the canonical order.

    The query is checked before the first row is asked for, so that what is wrong with it is told as an error.
    """
    asked = paging.condition(shelf, access, where)
    return (lists.as_json(row) for table in _batches(shelf, asked.sql, asked.values) for row in table.to_pylist())


def parquet(shelf: Shelf, access: Access, where: str = "") -> Iterator[bytes]:
    """Yield the bytes of a Parquet file of all open exposures that match, with keys as people write them."""
    asked = paging.condition(shelf, access, where)
    return _written(_batches(shelf, asked.sql, asked.values))


def _batches(shelf: Shelf, where: str, values: list[Any]) -> Iterator[pa.Table]:
    """Yield rows of `laid` by windows of the order: none holds more than a window, one at least comes."""
    last = shelf.remembered("select coalesce(max(rank), 0) as rank from exposures")[0]["rank"]
    low = 0
    while True:
        query = f"select * from laid where rank > ? and rank <= ? and ({where}) order by rank, exposure"
        yield shelf.table(query, [low, low + BATCH, *values])
        low += BATCH
        if low >= last:
            return


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()
        self._at = 0

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def write(self, some: Any) -> int:
        """Keep these bytes."""
        self._kept += bytes(some)
        self._at += len(some)
        return len(some)

    def tell(self) -> int:
        """How much was written in all."""
        return self._at

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        found, self._kept = bytes(self._kept), bytearray()
        return found


def _written(batches: Iterator[pa.Table]) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    sink = _Sink()
    writer: pq.ParquetWriter | None = None
    for batch in batches:
        table = _named(batch)
        writer = writer or pq.ParquetWriter(sink, table.schema, compression="zstd")
        if table.num_rows:
            writer.write_table(table)
            yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()


def _named(table: pa.Table) -> pa.Table:
    """Return the rows with keys as text and without columns that only we use."""
    import pyarrow as pa

    from foreshore import keys

    for prefix, column in (("AST", "asset"), ("EXP", "exposure"), ("ACT", "action")):
        shown = pa.array(
            [keys.show(prefix, one) if one else None for one in table.column(column).to_pylist()], pa.string()
        )
        table = table.set_column(table.column_names.index(column), column, shown)
    return table.drop_columns([one for one in _INSIDE if one in table.column_names])
