"""Assets that end, fixes that wait for a restart, and keys that moved on: from the report to the lists."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

TODAY = datetime.now(UTC)
HEAD = "asset,address,cve,title,severity,component,component_name,version,fixed_version,port,status,last_seen\n"


def report(folder: Path, name: str, days: int, *rows: str) -> str:
    """A report of so many days ago, each row without its date."""
    path = folder / name
    path.write_text(HEAD + "".join(f"{row},{TODAY - timedelta(days=days):%Y-%m-%d}\n" for row in rows))
    return str(path)


def row(
    asset: str, number: int, cve: str, component: str = "pkg:deb/debian/viewer", port: str = "", status: str = "open"
) -> str:
    """One finding."""
    return f"{asset},10.1.0.{number},{cve},Viewer memory error,high,{component},,1.0,1.1,{port},{status}"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An empty workspace."""
    from foreshore.workspace import Workspace

    return Workspace.create(tmp_path / "own", seed=5).root


def listed(cli: Any, own: Path, *query: str) -> dict[str, str]:
    """weakness -> state, of the list of exposures."""
    return {one["weakness"]: one["state"] for one in cli("exposures", "--json", *query, "-w", str(own)).json()}


def test_an_asset_that_a_full_export_no_longer_names_is_gone_and_comes_back(
    cli: Any, own: Path, tmp_path: Path
) -> None:
    where = ("--source", "console", "-w", str(own))
    stays, goes = row("pc-1", 1, "CVE-2020-1001"), row("pc-2", 2, "CVE-2020-1002")
    for name, days, rows in (("a.csv", 9, (stays, goes)), ("b.csv", 5, (stays,))):
        assert cli("import", report(tmp_path, name, days, *rows), "--coverage", "assets", *where).code == 0
    counted = cli("cycle", "--json", "-w", str(own)).json()
    assert listed(cli, own) == {"CVE-2020-1001": "open"}
    assert [one["name"] for one in cli("assets", "--json", "-w", str(own)).json()] == ["pc-1"]
    gone = cli("assets", "--gone", "--json", "-w", str(own)).json()
    assert [(one["name"], one["why"], one["source"]) for one in gone] == [("pc-2", "not_listed", "console")]
    assert "1 more exist no more" in cli("assets", "-w", str(own)).err
    assert "no longer listed by console" in cli("assets", "--gone", "-w", str(own)).out
    hidden = cli("coverage", "--list", "no_owner", "--json", "-w", str(own)).json()
    assert [one["name"] for one in hidden] == ["pc-1"]
    assert next(one["count"] for one in counted["funnel"] if one["step"] == "exposures") == 1
    assert cli("import", report(tmp_path, "c.csv", 1, stays, goes), "--coverage", "assets", *where).code == 0
    assert cli("cycle", "-w", str(own)).code == 0
    assert listed(cli, own) == {"CVE-2020-1001": "open", "CVE-2020-1002": "reopened"}
    assert cli("assets", "--gone", "--json", "-w", str(own)).json() == []


def test_an_installed_fix_that_waits_for_a_restart_is_an_action_of_its_own(cli: Any, own: Path, tmp_path: Path) -> None:
    waits, plain = (
        row("pc-1", 1, "CVE-2020-1001", status="reboot pending"),
        row("pc-1", 1, "CVE-2020-1002", "pkg:deb/debian/other"),
    )
    assert cli("import", report(tmp_path, "a.csv", 1, waits, plain), "-w", str(own)).code == 0
    assert cli("cycle", "-w", str(own)).code == 0
    assert listed(cli, own, "--where", "state = reboot_pending") == {"CVE-2020-1001": "reboot_pending"}
    exposure = cli("exposures", "--json", "--where", "state = reboot_pending", "-w", str(own)).json()[0]["id"]
    assert "waits for a restart" in cli("explain", exposure, "-w", str(own)).out
    actions = cli("actions", "--json", "-w", str(own)).json()
    assert {one["kind"]: one["title"] for one in actions}["reboot"] == "Restart pc-1"
    key = next(one["id"] for one in actions if one["kind"] == "reboot")
    assert "The restart is the change." in cli("actions", "--ticket", key, "-w", str(own)).out


def test_an_earlier_key_of_an_exposure_leads_to_the_present_one(cli: Any, own: Path, tmp_path: Path) -> None:
    def taken(name: str, days: int, found: str, source: str) -> str:
        """Import and assess; returns the key of the one exposure."""
        assert cli("import", report(tmp_path, name, days, found), "--source", source, "-w", str(own)).code == 0
        assert cli("cycle", "-w", str(own)).code == 0
        (one,) = cli("exposures", "--json", "-w", str(own)).json()
        return str(one["id"])

    old = taken("a.csv", 5, row("pc-1", 1, "CVE-2020-1001", "", "443"), "net")
    new = taken("b.csv", 1, row("pc-1", 1, "CVE-2020-1001"), "agent")
    assert new != old
    for query in (f"id = {old}", f"id in ({old}, {new})", f"not id != {old}"):
        assert [one["id"] for one in cli("exposures", "--where", query, "--json", "-w", str(own)).json()] == [new]
    assert cli("exposures", "--where", f"id != {old}", "--json", "-w", str(own)).json() == []
    assert cli("explain", old, "--json", "-w", str(own)).json()["id"] == new


def test_two_clusters_with_the_same_names_are_two_in_the_lists(cli: Any, own: Path, tmp_path: Path) -> None:
    pod = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hostPID": True, "containers": [{"image": "a:1"}]},
    }
    for name in ("one", "two"):
        lines: list[dict[str, Any]] = [
            {"foreshore_collection": 1, "connector": "kubernetes", "source": "cluster",
             "collected_at": f"{TODAY:%Y-%m-%d}T00:00:00Z"},
            {"call": "pods", "scope": {"account": f"https://{name}.example.com"},
             "body": {"kind": "PodList", "items": [pod]}},
            {"complete": True},
        ]  # fmt: skip
        path = tmp_path / f"{name}.ndjson"
        path.write_text("\n".join(json.dumps(one) for one in lines), encoding="utf-8")
        assert cli("import", str(path), "-w", str(own)).code == 0
    assert cli("cycle", "-w", str(own)).code == 0
    assets = [one["name"] for one in cli("assets", "--json", "-w", str(own)).json()]
    assert (assets.count("shop/Pod/web"), assets.count("a:1")) == (2, 1)
    assert len(cli("exposures", "--json", "-w", str(own)).json()) == 2
