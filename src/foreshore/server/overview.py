"""The overview: how much is at stake, how it went, what is new, and what is asked of who looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from foreshore import facts, keys
from foreshore.errors import UsageError
from foreshore.server import actions, exceptions, exposures, paging
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job
from foreshore.server.shelf import Shelf
from foreshore.store import open_lake
from foreshore.workspace import Workspace

CYCLES = 24  # that the trend shows
FIRST_ACTIONS = 5
_SERVICES = "select * from services where {where} order by share desc nulls last, service"
_CYCLES = (
    "select cycle, as_of, known_at, policy_digest, scope_digest, engine, result from cycles order by known_at, cycle"
)
_RISK = "select cycle, value from measures where name = 'risk' and subject = ''"


def gather(shelf: Shelf, access: Access, since: datetime | None) -> dict[str, Any]:
    """Return what the overview says to somebody.

    `whole` (figures of the whole organisation and the trend) is None for who sees a part of it only.
    """
    cycle = cycle_of(shelf)
    found = {
        "cycle": {name: cycle[name] for name in ("id", "as_of", "known_at")},
        "organization": cycle["result"].get("organization") or "",
        "treatments": paging.treatments(shelf, access), "services": services(shelf, access),
        "fresh": exposures.fresh(shelf, access, since), "asked": asked(shelf, access),
        "first": exposures.queue(shelf, access, most=FIRST_ACTIONS), "decided_since": None, "whole": None,
        "changed": None,
    }  # fmt: skip
    if access.everywhere():
        found |= {
            "whole": whole(shelf, cycle), "changed": changed(shelf, cycle), "decided_since": shelf.decided_since,
        }  # fmt: skip
    return found


def cycle_of(shelf: Shelf) -> dict[str, Any]:
    """Return the row of the served cycle with its result as a mapping, and its key."""
    row = dict(shelf.remembered("select * from cycle")[0])
    row["result"] = orjson.loads(row["result"] or "{}")
    row["id"] = keys.show("CYC", row["cycle"])
    return row


def services(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return the services that one may see, those that carry most of the risk first; shares only for the whole."""
    scope = access.services()
    rows = shelf.remembered(_SERVICES.format(where=scope.sql), scope.values)
    hidden = () if access.everywhere() else ("share", "loss", "weight")
    return [
        {
            **{name: value for name, value in row.items() if name not in hidden},
            "possible": bool(row["path"] or row["probability"]),
        }
        for row in rows
    ]


def whole(shelf: Shelf, cycle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of the whole organisation: chance, loss, funnel, what the plan leaves, and the trend."""
    result = cycle["result"]
    losses, plan = result.get("losses") or {}, result.get("plan") or {}
    left = plan.get("left") or []
    return {
        "implies": result.get("implies") or {}, "loss": losses if losses.get("total") else None,
        "currency": result.get("currency") or "", "funnel": result.get("funnel") or [],
        "validated": result.get("validated") or {}, "attackers": result.get("attackers") or [],
        "plan": {"actions": len(left), "left": left[-1] if left else None, "bound": plan.get("bound")},
        "trend": list(_trend(shelf.workspace.root, shelf.state.file)),
    }  # fmt: skip


@lru_cache(maxsize=4)
def _trend(root: Path, file: str) -> tuple[dict[str, Any], ...]:
    """By the serving file: a new cycle writes a new one."""
    with open_lake(Workspace.open(root), read_only=True) as lake:
        rows = lake.sql(_CYCLES).to_pylist()[-CYCLES:]
        risks = dict(zip(*(lake.sql(_RISK).column(name).to_pylist() for name in ("cycle", "value")), strict=True))
    told: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        result, before = orjson.loads(row["result"] or "{}"), rows[number - 1] if number else None
        implies = result.get("implies") or {}
        risk, earlier = risks.get(row["cycle"]), risks.get(before["cycle"]) if before else None
        told.append({
            "id": keys.show("CYC", row["cycle"]), "as_of": row["as_of"], "risk": risk,
            "change": None if earlier is None or risk is None or earlier <= 0 else risk / earlier - 1,
            "probability": implies.get("probability_per_year"), "low": implies.get("low"), "high": implies.get("high"),
            "treatments": {name: (result.get("treatments") or {}).get(name, 0) for name in facts.TREATMENTS},
            "yardstick": _yardstick(before, row),
        })  # fmt: skip
    return tuple(told)


def _yardstick(before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> list[str]:
    """Name what two cycles were not measured alike by."""
    named = {"policy_digest": "policy", "scope_digest": "scope", "engine": "program"}
    return [word for column, word in named.items() if before and before[column] != row[column]]


def _comparison(trend: list[dict[str, Any]]) -> tuple[str, dict[str, Any]] | None:
    if len(trend) < 2:
        return None
    old, new = trend[-2]["id"], trend[-1]["id"]
    return f"diff:{old}:{new}", {"old": old, "new": new}


def changed(shelf: Shelf, cycle: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how the last two cycles compare like for like: the job that works it out, and its answer once it is there.

    None where there are no two cycles.
    """
    compared = _comparison(list(_trend(shelf.workspace.root, shelf.state.file)))
    if compared is None:
        return None
    job = Job.objects.filter(key=compared[0]).first()
    return {
        **compared[1], "state": job.state if job else "", "job": job.key if job else "",
        "result": job.result if job and job.state == "done" else None, "error": job.error if job else "",
    }  # fmt: skip


def compare(shelf: Shelf, access: Access) -> Job:
    """Ask for the comparison of the last two cycles, like for like; the engine runs in a job."""
    access.need_everywhere("see")
    access.need("comment")
    compared = _comparison(list(_trend(shelf.workspace.root, shelf.state.file)))
    if compared is None:
        raise UsageError("there are no two cycles to compare", hint="run another one")
    return queue.ask("diff", compared[1], by=access.person, key=compared[0])


def asked(shelf: Shelf, access: Access) -> list[dict[str, Any]]:
    """Return what waits for this person: how many of what, and where."""
    waiting = exceptions.waiting(shelf, access)
    found = [
        _item("approve", waiting["to_answer"], "/exceptions/"), _item("requested", waiting["mine"], "/exceptions/"),
    ]  # fmt: skip
    mine = set(actions.own_teams(access))
    for team in actions.teams(shelf, access) if mine else []:
        if team["team"] in mine:
            link = f"/actions/?team={_quoted(team['team'])}&due="
            found += [_item("overdue", team["overdue"], f"{link}overdue", team["team"]),
                      _item("due_soon", team["soon"], f"{link}soon", team["team"])]  # fmt: skip
    if access.may("decide"):
        found.append(_item("revoked", len(exceptions.revoked(shelf, access)), "/exceptions/#revoked"))
    if access.everywhere("identity"):
        found.append(
            _item("pairs", _pairs(shelf.workspace.root, shelf.state.head, shelf.state.file), "/assets/review/")
        )
    if access.everywhere("run"):
        found.append(_item("held", _held(shelf.workspace), "/intelligence/"))
    return [one for one in found if one["count"]]


def _item(kind: str, count: int, link: str, team: str = "") -> dict[str, Any]:
    return {"kind": kind, "count": count, "link": link, "team": team}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@lru_cache(maxsize=4)
def _pairs(root: Path, head: str, file: str) -> int:
    """By the last decision and the served cycle: what either changes may answer or add a pair."""
    from foreshore.cycle import reviewing

    return len(reviewing.queue(Workspace.open(root)))


def _held(workspace: Workspace) -> int:
    from foreshore.cycle import feeding

    return len(feeding.held(workspace))
