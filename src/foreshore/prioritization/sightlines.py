"""What was seen of ports, and from where: by asset and port the places that got an answer, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from foreshore.prioritization.context import Context

Ints = NDArray[np.int64]
PORTS = 1 << 20  # more than there are ports


class Seen(NamedTuple):
    """From one place a port was seen open, or not: who said so, and when."""

    place: int
    is_open: bool
    source: str
    observed_at: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """Sightings by what was looked at: `code` (sorted) is asset index times PORTS plus port.

    Those of the n-th code are the rows `start[n]` to `start[n + 1]` of `place`, `is_open` and of the table `said`.
    """

    code: Ints
    start: Ints
    place: Ints
    is_open: NDArray[np.bool_]
    said: pa.Table

    def of(self, number: int) -> tuple[Seen, ...]:
        """Return the sightings of the n-th code, by place."""
        first, count = int(self.start[number]), int(self.start[number + 1] - self.start[number])
        rows = self.said.slice(first, count).to_pylist()
        return tuple(
            Seen(int(self.place[first + one]), bool(self.is_open[first + one]), row["source"], row["observed_at"])
            for one, row in enumerate(rows)
        )

    def at(self, asset: int, port: int) -> tuple[Seen, ...]:
        """Return the sightings of a port of an asset, by place; empty where nobody looked."""
        number = int(np.searchsorted(self.code, asset * PORTS + port))
        known = number < len(self.code) and self.code[number] == asset * PORTS + port
        return self.of(number) if known else ()

    def signatures(self) -> tuple[Ints, list[str]]:
        """Return, for each code, the number of its signature, and the signatures."""
        count = np.diff(self.start)
        numbers = np.zeros(len(self.code), np.int64)
        for depth in range(int(count.max(initial=0))):
            more = np.flatnonzero(count > depth)
            row = self.start[more] + depth
            word = np.zeros(len(numbers), np.int64)
            word[more] = 1 + 2 * self.place[row] + self.is_open[row]
            _, numbers = np.unique(numbers * (int(word.max()) + 1) + word, return_inverse=True)
        _, first, numbers = np.unique(numbers, return_index=True, return_inverse=True)
        return numbers.reshape(-1).astype(np.int64), [signature(self.of(one)) for one in first.tolist()]


def signature(seen: Sequence[Seen]) -> str:
    """Write sightings as text, so that assets of which the same was seen share an endpoint."""
    return ";".join(f"{place}{'+' if is_open else '-'}" for place, is_open, *_ in seen)


def evidence(context: Context, places: Sequence[str]) -> Evidence:
    """Return what was seen from one of `places` (names by number) of the assets of `context`.

    Of several words on one port from one place the last row of the context's ports counts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = {name: number for number, name in enumerate(places)}
    names = pa.array(list(numbers), pa.string())
    table = context.ports.filter(pc.is_in(context.ports.column("vantage"), value_set=names))
    place = np.array(list(numbers.values()), np.int64)[_indices(table.column("vantage"), names)]
    ids = context.assets.column("asset").combine_chunks()
    row = pc.fill_null(pc.index_in(table.column("asset"), value_set=ids), -1).to_numpy().astype(np.int64)
    code = row * PORTS + table.column("port").to_numpy()
    order = np.lexsort((np.arange(len(code)), place, code))
    order = order[row[order] >= 0]
    if len(order):
        same = (code[order[1:]] == code[order[:-1]]) & (place[order[1:]] == place[order[:-1]])
        order = order[np.append(~same, True)]
    distinct, start = np.unique(code[order], return_index=True)
    said = table.take(pa.array(order, pa.int64()))
    return Evidence(
        distinct.astype(np.int64), np.append(start, len(order)).astype(np.int64), place[order],
        np.asarray(pc.equal(said.column("state"), "open"), np.bool_), said.select(["source", "observed_at"]),
    )  # fmt: skip


def _indices(column: pa.ChunkedArray, words: pa.Array) -> Ints:
    import pyarrow.compute as pc

    return np.asarray(pc.index_in(column, value_set=words).to_numpy(), np.int64)
