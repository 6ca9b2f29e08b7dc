"""Nessus and Tenable Web App Scanning, XML (`.nessus`, version 2)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import SEVERITIES, Finding, PortSeen, Severity, Sighting

SCAN_INFORMATION = "19506"
# Plugins that only list ports that are open; the first five knock from outside, the others ask inside.
PORT_SCANNERS = frozenset({"11219", "10335", "34277", "11936", "10180", "34220", "14272", "14274", "25221"})
OUTSIDE = frozenset({"11219", "10335", "34277"})
_TIME = re.compile(rb'<tag name="HOST_END(_TIMESTAMP)?">([^<]{1,64})</tag>')
_SETTINGS = {
    "Nessus version": "version",
    "Plugin feed version": "feed",
    "Scan policy used": "policy",
    "Scan name": "scan",
    "Port range": "ports",
    "Paranoia level": "paranoia",
    "Thorough tests": "thorough",
    "Scan type": "type",
    "Scanner IP": "scanner",
}
_STATIC_TEXTS = 64_000


@dataclass(frozen=True)
class Nessus:
    """Reads NessusClientData_v2: one finding for each item on each host, open ports, host identifiers.

    A host counts as covered only if the report proves that nothing was filtered out of it: its "Nessus
    Scan Information" (19506) is there, so are other informational items, its end is stated, and some
    item of the report is more than informational. Times come from the epoch stamps where written.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element NessusClientData_v2?"""
        return xmlstream.looks_like(head, "NessusClientData_v2")

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each host with its findings, ports and what proves its coverage."""
        yield _run(report)
        yield from _Reading(report).records()


PLUGIN = Nessus()


def _run(report: facts.Report) -> facts.RunSeen:
    """The run's time is the latest end of a host, found by a quick look over the bytes."""
    latest: tuple[datetime | None, str, bool] = (None, "", False)
    exact: tuple[datetime | None, str, bool] = (None, "", False)
    for stamp, raw in _ends(report):
        text = raw.decode("utf-8", "replace").strip()
        found, assumed = hosts.moment(text)
        if found is None:
            continue
        if stamp and (exact[0] is None or found > exact[0]):
            exact = (found, text, False)
        elif not stamp and (latest[0] is None or found > latest[0]):
            latest = (found, text, assumed)
    at, text, assumed = exact if exact[0] is not None else latest
    if exact[0] is not None and latest[1]:
        text = latest[1]
    settings = _information(report)
    return facts.RunSeen(
        tool="Nessus",
        version=settings.pop("version", ""),
        scanner=settings.pop("scanner", ""),
        observed_at=at,
        observed_text=text,
        zone_assumed=assumed,
        settings=tuple(sorted(settings.items())),
    )
