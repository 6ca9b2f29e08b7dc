"""CSV bodies as checked rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from foreshore.errors import BadFeed
from foreshore.intel.body import Body


def lines(body: Body, needs: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV body by column; raises BadFeed where a column of `needs` is missing."""
    with body.open() as stream, io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="") as text:
        reader = csv.DictReader(text)
        try:
            missing = [name for name in needs if name not in (reader.fieldnames or ())]
            if missing:
                raise BadFeed("it has no column " + ", ".join(missing), where=body.name)
            yield from ({key: value or "" for key, value in row.items() if key} for row in reader)
        except csv.Error as error:
            raise BadFeed(f"it is not valid CSV: {error}", where=f"{body.name}:{reader.line_num}") from error
