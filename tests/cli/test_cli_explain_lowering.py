"""`explain` of any exposure that carries risk says what would lower it, as the engine has tried it."""

from __future__ import annotations

from pathlib import Path

from tests.company import Cli

from foreshore.prioritization.lowering import CHECKED


def test_whatever_carries_risk_is_checked_by_the_engine(company: Path, cli: Cli) -> None:
    where = ("-w", str(company))
    rows = cli("exposures", "--json", *where).json()
    listed = rows["exposures"] if isinstance(rows, dict) else rows
    told = {}
    for row in listed:
        found = cli("explain", row["id"], "--json", *where).json()
        assert found["would_lower"] == found["exposure"]["would_lower"]
        share = found["exposure"]["contribution"]["mean"]
        told[row["id"]] = (row["treatment"], share, found["would_lower"].startswith(CHECKED))
    carrying = [one for one in told.values() if one[1] > 0.001]
    assert carrying
    assert all(checked for _, _, checked in carrying), told
    assert not all(checked for _, share, checked in told.values() if share == 0), told
