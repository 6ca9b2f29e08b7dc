"""Verbs that read the last cycle, through the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

CONTRACT = {
    "id", "asset", "asset_name", "weakness", "title", "place", "state", "reachable", "exploit", "leads_to", "likelihood",
    "contribution", "treatment", "label", "due", "owner", "verdict", "disposition", "first_seen", "last_seen", "sources",
}  # fmt: skip


def exposures(cli: Cli, workspace: Path, *more: str) -> list[dict[str, Any]]:
    return list(cli("exposures", "--json", "-w", str(workspace), *more).json())


def test_company(cli: Cli, company: Path) -> None:
    found = exposures(cli, company)
    for one in found: print(one["id"], one["weakness"], one["asset_name"], one["treatment"], one["reachable"], one["sources"], one["place"])
    print(cli("explain", found[0]["id"], "-w", str(company)).out)
    print(cli("doctor", "-w", str(company)).out)
    print(cli("diff", "-w", str(company)))
    assert 0
