"""Logs of the service: one JSON object a line on stderr, never a secret or a report's text."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson


class Line(logging.Formatter):
    """One record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:2000],
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)[-4000:]
        return orjson.dumps(line).decode()


def structured() -> None:
    """Send warnings and worse (and our own notes) to stderr, a line of JSON each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("foreshore").setLevel(logging.INFO)
