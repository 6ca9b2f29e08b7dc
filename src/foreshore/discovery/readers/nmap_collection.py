"""What the nmap connector did not scan: targets without leave; the scans themselves are reports of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foreshore import facts
from foreshore.discovery.readers import _collected
from foreshore.facts import Record


@dataclass(frozen=True)
class NmapCollection:
    """Reads which targets of a scan were refused, and why."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a collection of the nmap connector."""
        return _collected.begins(head, "nmap")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run and what was refused."""
        found = _collected.read(report)
        yield found.run("nmap")
        yield from found.skipped


PLUGIN = NmapCollection()
