"""Predictions become dated facts of the workspace: once, for what is not in KEV, and again only when they change."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from foreshore import policy, store
from foreshore.intel.opinion.refreshing import refresh
from foreshore.intel.signals import signals_at
from foreshore.prioritization import likelihood
from foreshore.workspace import Workspace

DAY = datetime.fromisoformat("2025-09-10")
FRESH, LISTED, REJECTED, PLAIN = "CVE-2025-1000", "CVE-2025-2000", "CVE-2025-3000", "CVE-2015-4000"
NETWORK = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
POLICY = policy.load()


def signal(weakness: str, kind: str, days: float, **parts: Any) -> dict[str, Any]:
    row = {"weakness": weakness, "kind": kind, "value": 1.0, "text": "", "source": "cna", "model": ""} | parts
    return row | {"observed_at": DAY - timedelta(days=days), "feed": "test"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path / "ws", seed=1)
    rows = [
        signal("*", "feed:kev", 0), signal("*", "feed:poc_index", 0),
        signal(FRESH, "published", 4), signal(FRESH, "cvss", 4, text=NETWORK, model="3.1", value=9.8),
        signal(FRESH, "exploit_poc", 2, source="poc-index"),
        signal(FRESH, "product", 4, text="example/gate"),
        *(signal(f"kev:CVE-2023-{n}", "product", 400, text="example/gate", source="cisa-kev") for n in range(1000, 1040)),
        signal(LISTED, "published", 4), signal(LISTED, "kev", 2, source="cisa-kev"),
        signal(REJECTED, "rejected", 2), signal(PLAIN, "published", 3000),
    ]  # fmt: skip
    exposures = [
        {"exposure": number, "asset": 1, "weakness": name}
        for number, name in enumerate((FRESH, LISTED, REJECTED, PLAIN, "CWE-79"), 1)
    ]
    with store.open_lake(made) as lake:
        tables = {"signals": pa.Table.from_pylist(rows), "exposures": pa.Table.from_pylist(exposures)}
        lake.append(tables, job="given")
    return made


def at(workspace: Workspace, when: datetime = DAY) -> dict[str, dict[str, Any]]:
    with store.open_lake(workspace, read_only=True) as lake:
        names = pa.table({"weakness": [FRESH, LISTED, REJECTED, PLAIN]})
        return {row["weakness"]: row for row in signals_at(lake.sql, when, names).to_pylist()}


def test_predictions_are_kept_once_with_their_day_and_reasons(workspace: Workspace) -> None:
    with store.open_lake(workspace) as lake:
        assert refresh(lake) == 2  # not what is in KEV, nor what was rejected
        assert refresh(lake) == 0
    found = at(workspace)
    assert found[FRESH]["own"] > 20 * found[PLAIN]["own"]
    assert found[FRESH]["own_model"].startswith("own-1")
    assert "its exploit code is new, since 2025-09-08" in [
        one["because"] for one in json.loads(found[FRESH]["own_reasons"])
    ]
    assert found[FRESH]["own_at"] == DAY
    assert found[LISTED]["own"] is None
    assert found[REJECTED]["own"] is None
    assert at(workspace, DAY - timedelta(days=1))[FRESH]["own"] is None


def test_a_changed_chance_is_said_again_and_the_old_one_stays_on_its_day(workspace: Workspace) -> None:
    with store.open_lake(workspace) as lake:
        refresh(lake)
        before = at(workspace)[FRESH]["own"]
        news = [signal(FRESH, "exploit_weaponized", -1, source="metasploit"), signal("*", "feed:metasploit", -1)]
        lake.append({"signals": pa.Table.from_pylist(news)}, job="news")
        assert refresh(lake) >= 1
    assert at(workspace, DAY + timedelta(days=1))[FRESH]["own"] > before
    assert at(workspace)[FRESH]["own"] == before


def test_it_never_lowers_what_is_in_kev_and_speaks_where_nobody_else_does(workspace: Workspace) -> None:
    candidates = pa.table({
        "row": [0, 1], "weakness": [FRESH, LISTED], "kind": ["vulnerability"] * 2, "rule": [""] * 2, "title": [""] * 2,
        "component": [""] * 2, "component_name": [""] * 2, "port": [0, 0], "severity": [3, 3], "proof": [3, 3],
        "cvss_vector": [NETWORK] * 2,
    })  # fmt: skip
    with store.open_lake(workspace) as lake:
        refresh(lake)
        known = signals_at(lake.sql, DAY, candidates.select(["weakness"]))
    place = known.column_names.index("own")
    for own in ([None, None], [1e-9, 1e-9], [0.5, 0.5], [0.999, 0.999]):
        given = known.set_column(place, "own", pa.array(own, pa.float64()))
        fresh, listed = likelihood.weigh(candidates, given, POLICY).to_pylist()
        assert listed["usable"] >= POLICY.number("likelihood.usable.kev").value
        assert listed["usable_low"] <= listed["usable"] <= listed["usable_high"]
        assert fresh["evidence"] == ("poc" if own[0] is None else "own_model")
