"""Workspaces with finished cycles, made from rows: no simulation is needed to test a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa
import pytest

from foreshore import policy, store
from foreshore.query import attributes
from foreshore.store import serving
from foreshore.workspace import Workspace

AS_OF = datetime(2026, 3, 1, 12)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> `*_[x](y) {{ 7*7 }} {% raise %} =1+2"
Row = dict[str, Any]


def exposure(key: int, rank: int, treatment: str | None, **more: Any) -> Row:
    """A row of `assessments`; everything not given is ordinary."""
    return {
        "exposure": key, "rank": rank, "asset": 500 + key, "asset_name": f"host-{key}.example.com", "site": "hq",
        "zone": "dmz", "weakness": f"CVE-2026-{1000 + key}", "kind": "vulnerability", "title": f"Weakness {key}",
        "place_kind": "port", "place": "tcp/443", "state": "open", "severity": 4, "cvss": 9.8, "epss": 0.5,
        "kev": True, "in_scope": True, "way_in": "network", "reachable": "yes", "reach_fact": "seen open",
        "exploit": "attacks", "leads_to": ["Card payments"], "leads": "yes", "likelihood": 0.5,
        "contribution": 0.1 / rank, "low": 0.05 / rank, "high": 0.2 / rank, "contribution_if_reachable": 0.2,
        "best_path": 0.3, "treatment": treatment, "reason": "It removes much.", "would_lower": "The fix.",
        "label": "immediate", "due": None, "due_rule": "", "owner": "shop-team", "verdict": "not_run",
        "disposition": "", "disposition_because": "", "first_seen": datetime(2026, 1, 1),
        "last_seen": datetime(2026, 2, 25), "sources": ["nessus"], "fix": "1.0 -> 1.1", "action": 900 + key,
        "sampling_error": 0.01,
    } | more  # fmt: skip


def service(name: str, **more: Any) -> Row:
    """A row of `services_at`."""
    return {
        "service": name, "foundation": False, "tier": 4, "owner": "shop-team", "assets": 3,
        "probability": 0.12, "low": 0.05, "high": 0.3, "sampling_error": 0.01, "best_case": 0.02,
        "worst_case": 0.6, "loss": None, "weight": 30.0, "share": 0.7, "path": 0.2,
    } | more  # fmt: skip


def action(key: int, number: int | None, **more: Any) -> Row:
    """A row of `actions`."""
    return {
        "action": key, "number": number, "title": f"Update thing {key}", "kind": "patch", "what": "1.0 -> 1.1",
        "channel": "ticket", "team": "shop-team", "hours": 2.5, "hours_guessed": True, "due": date(2026, 3, 15),
        "due_rule": "own policy", "treatment": "act_now", "exposures": 2, "assets": 2, "removes": 0.2,
        "removes_low": 0.1, "removes_high": 0.3, "services": ["Card payments"],
    } | more  # fmt: skip


def path_of(key: int, **more: Any) -> list[Row]:
    """Rows of `steps`: the internet, a host that is used, an assumed hop, a service."""
    plain: Row = {
        "exposure": key, "service": "Card payments", "technique": "T1190", "asset": 0, "zone": "dmz",
        "probability": 0.5, "source": "nmap", "observed_at": datetime(2026, 2, 20), "assumed": False, "cause": 0,
    }  # fmt: skip
    rows: list[Row] = [
        {"rule": "enter", "step": "An attacker starts from the internet.", "zone": "internet", "fact": "the profiles"},
        {"rule": "reach", "step": "From the internet the attacker reaches port 443.", "fact": "seen open"},
        {"rule": "exploit", "step": "The attacker uses a weakness.", "asset": 500 + key, "cause": key, "fact": "CVE"},
        {"rule": "reach", "step": "From dmz on.", "zone": "servers", "fact": "not known", "assumed": True},
        {"rule": "login", "step": "The attacker logs in.", "asset": 777, "zone": "servers", "fact": "a number",
         "assumed": True},
        {"rule": "harm", "step": "The service is harmed.", "asset": 777, "fact": "db belongs to Card payments"},
    ]  # fmt: skip
    return [{**plain, **row, "number": number, **more} for number, row in enumerate(rows, start=1)]


def result(exposures: list[Row], **more: Any) -> Row:
    """What `cycle --json` prints, as far as a report reads it."""
    count = sum(row["treatment"] is not None for row in exposures)
    steps = [("findings", 3 * count, 0), ("exposures", count, 0), ("in_scope", count, 0),
             ("exploitable", count // 2, 1), ("reachable", count // 3, 1), ("leads_to_critical", count // 4, 1)]  # fmt: skip
    return {
        "organization": "Example Stores", "currency": "EUR", "unit": "share of modelled risk",
        "funnel": [{"step": name, "count": yes, "unknown": maybe} for name, yes, maybe in steps],
        "plan": {"before": 1.0, "after": 0.4, "bound": 0.7},
        "validated": {"confirmed": 1, "refuted": 0, "untested": count}, "attackers": [], "services": [],
    } | more  # fmt: skip


Finish = Callable[..., None]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=7)


@pytest.fixture
def finish(workspace: Workspace) -> Finish:
    """Append the rows of a finished cycle and publish it."""

    def run(cycle: int, exposures: list[Row], *, known_at: datetime = AS_OF, **more: Any) -> None:
        tables: dict[str, list[Row]] = {
            "assessments": exposures, "services_at": more.get("services", []),
            "actions": more.get("actions", []), "steps": more.get("steps", []),
        }  # fmt: skip
        row = {
            "as_of": known_at, "known_at": known_at, "snapshot": 3, "seed": 7, "engine": "foreshore test",
            "identity_recipe": "1", "policy_digest": "p" * 64, "scope_digest": more.get("scope", "s" * 64),
            "result": orjson.dumps(result(exposures, **more.get("result", {}))).decode(), "job": f"cycle:{cycle}",
        }  # fmt: skip
        batches = {
            name: pa.Table.from_pylist([{"cycle": cycle, **one} for one in rows])
            for name, rows in {**tables, "cycles": [row]}.items()
            if rows
        }
        with store.open_lake(workspace) as lake:
            if more.get("facts"):
                lake.append(
                    {name: pa.Table.from_pylist(rows) for name, rows in more["facts"].items()}, job=f"facts:{cycle}"
                )
            lake.append(batches, job=f"cycle:{cycle}")
            known = attributes.in_force(policy.load().table("precedence"))
            assets = lake.sql(f"select *, 'main' as site, '' as zone from ({known})")
            serving.publish(lake, cycle, assets=assets)

    return run


def imports(**more: Any) -> dict[str, list[Row]]:
    """Facts that a report tells of: two runs, a name of an asset, a feed."""
    run = {
        "run": 1, "source": "nessus", "site": "hq", "vantage": "office", "file": "a.nessus", "coverage": "complete",
        "observed_at": datetime(2026, 2, 25), "findings": 30, "skipped": 0, "relations": 0,
    }  # fmt: skip
    return {
        "runs": [run | more, run | {"run": 2, "source": "trivy", "observed_at": datetime(2025, 6, 1), "findings": 4}],
        "assets": [{"asset": 777, "kind": "host", "site": "hq", "run": 1}],
        "sightings": [{"sighting": 1, "run": 1, "asset": 777, "kind": "host", "name": "db.example.com",
                       "observed_at": datetime(2026, 2, 25)}],
        "signals": [{"weakness": "*", "kind": "feed:kev", "source": "cisa", "text": "", "model": "",
                     "observed_at": datetime(2026, 2, 28), "known_at": datetime(2026, 2, 28)}],
    }  # fmt: skip


@pytest.fixture
def made() -> SimpleNamespace:
    """The makers of rows, for tests."""
    return SimpleNamespace(
        exposure=exposure, service=service, action=action, path_of=path_of, imports=imports, as_of=AS_OF,
        hostile=HOSTILE,
    )  # fmt: skip
