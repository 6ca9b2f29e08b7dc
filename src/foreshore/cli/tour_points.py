"""What the tour does and measures beside importing: pictures of a cycle, decisions, claims, a ticket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.cli import tour
from foreshore.query import lists

if TYPE_CHECKING:
    from foreshore.estate import DemoFiles
    from foreshore.workspace import Workspace

AUTHOR = "demo"


@dataclass(frozen=True)
class Picture:
    """What one cycle said of every exposure and service."""

    result: dict[str, Any]
    rows: dict[int, dict[str, Any]]

    @classmethod
    def of(cls, workspace: Workspace, result: dict[str, Any]) -> Picture:
        """Take the picture of the served cycle."""
        found = lists.rows(
            workspace,
            "select exposure, rank, weakness, cvss, asset_name, treatment, reachable, reach_fact, reason, contribution, "
            "contribution_if_reachable from exposures order by rank, exposure",
        )
        return cls(result, {row["exposure"]: row for row in found})

    def reach(self, answer: str) -> int:
        """Count the open exposures for which “can an attacker get to it?” has this answer."""
        return sum(row["reachable"] == answer for row in self.rows.values() if row["treatment"] is not None)


def days_before(today: date, days: int) -> datetime:
    """Return six in the morning, so many days before `today`, in UTC."""
    return datetime.combine(today, time(6), UTC) - timedelta(days=days)


def intel(workspace: Workspace, signals: Path) -> dict[str, Any]:
    """Read the shipped facts about weaknesses."""
    from foreshore.intel import update

    return {"new": update.update(workspace, sources=[signals]).new}


def served(workspace: Workspace) -> dict[str, Any]:
    """Return the row of the cycle that is served."""
    return lists.rows(workspace, "select * from cycle")[0]


def fingerprint(workspace: Workspace) -> str:
    """Return a digest of all that the served cycle says of exposures and services."""
    rows = lists.rows(
        workspace,
        "select exposure, rank, treatment, reachable, exploit, leads_to, contribution, low, high, state, disposition "
        "from exposures order by rank, exposure",
    )
    services = lists.rows(workspace, "select * exclude (cycle) from services order by service")
    return hashlib.sha256(repr((rows, services)).encode()).hexdigest()


def find(workspace: Workspace, host: str, weakness: str) -> dict[str, Any] | None:
    """Return the served exposure of `weakness` on `host` (site/name), None where there is none."""
    site, _, name = host.partition("/")
    low = name.lower()
    for row in lists.rows(workspace, f"select * from exposures where weakness = '{weakness}' and site = '{site}'"):
        if row["asset_name"].lower().split(".")[0] == low:
            return {"id": keys.show("EXP", row["exposure"]), **row}
    return None


def days_after(workspace: Workspace, files: DemoFiles, today: date, cycle: Callable[[], Any]) -> dict[str, Any]:
    """Decide, claim, import a filtered export, the second round and the first again; then run a cycle."""
    false = _mark_false(workspace)
    claimed = _claim(workspace, days_before(today, 2))
    opened = _open_now(workspace)
    filtered = tour.take(workspace, tour.placed([files.filtered] if files.filtered else []), days_before(today, 3))
    filtered |= {"open_before": opened, "file": str(files.filtered.path) if files.filtered else ""}
    second = tour.take(workspace, tour.placed(files.round2, declared=True), days_before(today, 0))
    again = tour.take(workspace, tour.placed(files.reports))
    result = cycle()
    return {
        "cycle": result, "filtered": filtered, "round2": second, "again": again,
        "false_positive": _still_false(workspace, false), "claims": _verified(workspace, claimed),
    }  # fmt: skip


def _open_now(workspace: Workspace) -> int:
    return int(lists.rows(workspace, "select count(*) as n from exposures where treatment is not null")[0]["n"])


def _mark_false(workspace: Workspace) -> dict[str, Any]:
    from foreshore.cycle import deciding
    from foreshore.estate import truth

    planted = truth.FALSE_POSITIVE
    row = find(workspace, planted.host, planted.weakness)
    if row is None:
        return {}
    deciding.decide(workspace, [row], "false_positive", because=planted.why, author=AUTHOR)
    names = ("id", "exposure", "weakness", "asset_name", "cvss", "treatment")
    return {"because": planted.why, **{name: row[name] for name in names}}


def _still_false(workspace: Workspace, marked: dict[str, Any]) -> dict[str, Any]:
    if not marked:
        return {}
    now = lists.rows(
        workspace,
        "select disposition, treatment, last_seen, (select count(*) from exposures where "
        f"weakness = '{marked['weakness']}' and asset_name = '{marked['asset_name']}') as copies "
        f"from exposures where exposure = {marked['exposure']}",
    )
    found = now[0] if now else {"disposition": None, "treatment": None, "last_seen": None, "copies": 0}
    return {
        "id": marked["id"], "weakness": marked["weakness"], "asset_name": marked["asset_name"],
        "because": marked["because"], "before": marked["treatment"], "disposition": found["disposition"],
        "treatment": found["treatment"], "seen_again": found["last_seen"], "copies": found["copies"],
        "gone": found["disposition"] == "false_positive" and found["treatment"] is None,
    }  # fmt: skip


def _claim(workspace: Workspace, when: datetime) -> list[dict[str, Any]]:
    """Claim fixes, true and in vain, at `when` (UTC)."""
    from foreshore import decisions
    from foreshore.estate import truth

    pairs = (*truth.CLAIMED_FIXED, *truth.CLAIMED_IN_VAIN)
    found = [row for host, weakness in pairs if (row := find(workspace, host, weakness))]
    if found:
        with decisions.open(workspace) as opened:
            opened.decide(
                [row["exposure"] for row in found], "claimed_fixed", because="the team says that it is fixed",
                author=AUTHOR, at=when,
            )  # fmt: skip
    names = ("id", "exposure", "weakness", "asset_name")
    return [{"claimed_at": when.replace(tzinfo=None), **{name: row[name] for name in names}} for row in found]


def _verified(workspace: Workspace, claimed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each claim with what the next look said of it."""
    from foreshore.store import open_lake

    if not claimed:
        return []
    wanted = ", ".join(str(one["exposure"]) for one in claimed)
    with open_lake(workspace, read_only=True) as lake:
        events = lake.sql(
            "select exposure, kind, happened_at, source, reason from exposure_events_now "
            f"where exposure in ({wanted}) and kind <> 'opened' order by happened_at, kind"
        ).to_pylist()
    last = {row["exposure"]: row for row in events}
    return [
        {"id": one["id"], "weakness": one["weakness"], "asset_name": one["asset_name"], "claimed_at": one["claimed_at"],
         **{name: last[one["exposure"]][name] for name in ("kind", "happened_at", "source", "reason")}}
        for one in claimed if one["exposure"] in last
    ]  # fmt: skip


def ticket(workspace: Workspace, out: Path) -> dict[str, Any]:
    """Write the ticket of the first action as its engineer sees it."""
    from foreshore.mobilization import lists as actions

    first = actions.actions(workspace, top=1)
    if not first:
        return {}
    text = actions.ticket(workspace, first[0]["id"], "md")
    out.write_text(text, encoding="utf-8", newline="\n")
    return {"id": first[0]["id"], "title": first[0]["title"], "team": first[0]["team"], "file": str(out), "text": text}


def accounted(workspace: Workspace) -> dict[str, Any]:
    """Count every exposure of the cycle by treatment, and what people dismissed beside them."""
    rows = lists.rows(workspace, "select treatment, disposition, count(*) as n from exposures group by all")
    treatments: dict[str, int] = {}
    dismissed = 0
    for row in rows:
        if row["treatment"] is None:
            dismissed += row["n"]
        else:
            treatments[row["treatment"]] = treatments.get(row["treatment"], 0) + row["n"]
    without = lists.rows(
        workspace, "select count(*) as n from exposures where treatment is not null and coalesce(reason, '') = ''"
    )
    return {
        "treatments": treatments, "open": sum(treatments.values()), "dismissed": dismissed,
        "all": sum(row["n"] for row in rows), "without_reason": without[0]["n"],
    }  # fmt: skip


def commands(workspace: Workspace, folder: Path) -> list[str]:
    """Return what to try next, with real keys."""
    first = lists.rows(workspace, "select exposure from exposures order by rank, exposure limit 1")
    service = lists.rows(
        workspace, "select service from services where not foundation order by share desc, service limit 1"
    )
    found = [f"foreshore exposures -w {folder} --top 20"]
    if first:
        found.append(f"foreshore explain {keys.show('EXP', first[0]['exposure'])} -w {folder}")
    if service:
        found.append(f'foreshore paths --to "{service[0]["service"]}" -w {folder}')
    found += [
        f"foreshore plan --changes 5 -w {folder}",
        f"foreshore serve -w {folder}",
        "foreshore init ws path/to/your/reports",
    ]
    return found
