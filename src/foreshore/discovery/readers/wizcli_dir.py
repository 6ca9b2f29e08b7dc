"""Wiz's command line: scans of folders, machines and their disks (JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery.readers import _wizcli
from foreshore.facts import Record


@dataclass(frozen=True)
class Wizcli:
    """Reads the JSON that wizcli writes for a folder or a disk."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a scan of a folder or a disk."""
        return _wizcli.sort_of(head) == "dir"

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and its findings."""
        yield from _wizcli.read(report)


PLUGIN = Wizcli()
