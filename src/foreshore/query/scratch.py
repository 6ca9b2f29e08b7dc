"""A DuckDB of one's own for a moment: in memory, bounded, and without a way to fetch anything."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEMORY = "2GB"
_numbers = itertools.count()


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database.

    What does not fit into memory spills into the system's temporary folder, under a name of its own:
    two that spill into the same place would overwrite each other's files.
    """
    import duckdb

    return duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(Path(tempfile.gettempdir()) / f"foreshore-{os.getpid()}-{next(_numbers)}"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
