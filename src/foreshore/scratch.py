"""The one way to a DuckDB: in memory, bounded, without a way to fetch anything, and silent.

Silent, because DuckDB draws a progress bar into standard output once a query takes long: into the JSON that
another program is reading.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

MEMORY = "2GB"
_numbers = itertools.count()


def connect(*, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database, for a calculation of its own.

    What does not fit into memory spills into the system's temporary folder, under a name of its own:
    two that spill into the same place would overwrite each other's files. The caller closes it.
    """
    folder = Path(tempfile.gettempdir()) / f"foreshore-{os.getpid()}-{next(_numbers)}"
    return opened({"memory_limit": MEMORY, "threads": str(threads), "temp_directory": str(folder)})


def opened(settings: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database with these settings, which fetches and shows nothing."""
    import duckdb

    closed = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(config={**settings, **closed})
    connection.execute("SET enable_progress_bar = false")
    return connection
