"""Wiz's command line: scans of infrastructure as code (JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery.readers import _wizcli
from foreshore.facts import Record


@dataclass(frozen=True)
class Wizcli:
    """Reads the JSON that wizcli writes for infrastructure as code."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a scan of infrastructure as code."""
        return _wizcli.sort_of(head) == "iac"

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and its findings."""
        yield from _wizcli.read(report)


PLUGIN = Wizcli()
