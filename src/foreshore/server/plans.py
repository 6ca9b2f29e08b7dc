"""Plans for pages and API: asked for, kept under a name, shared, compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from django.db.models import Q

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.server import questions
from foreshore.server.access import Access
from foreshore.server.models import Job, KeptPlan, Person
from foreshore.server.shelf import Shelf

MOST_CHANGES = 100
_KEPT = 100


def teams(shelf: Shelf) -> list[dict[str, Any]]:
    """Return the teams with open actions or in the scope, and the hours each has by the scope (None: no limit)."""
    from foreshore import policy
    from foreshore.cycle import scopes

    weeks = policy.load(shelf.workspace.policy_dir).number("plan.horizon.weeks").value
    usual = {one.name: one.hours_per_week for one in scopes.scope_in_force(shelf.workspace).teams}
    at_work = [
        row["team"] for row in shelf.remembered("select distinct team from actions where team <> '' order by team")
    ]
    names = sorted({*usual, *at_work})
    return [
        {"name": name, "hours": None if usual.get(name) is None else float(usual[name] or 0) * weeks} for name in names
    ]


def wished(changes: str, hours: Mapping[str, str]) -> dict[str, Any]:
    """Return what a form asks for as a question has it; raises UsageError for what is no number."""
    try:
        count = int(changes or 10)
        given = {team: float(text.replace(",", ".")) for team, text in hours.items() if text.strip()}
    except ValueError:
        raise UsageError("hours and changes are numbers", hint="20") from None
    if not 1 <= count <= MOST_CHANGES or any(not math.isfinite(one) or one < 0 for one in given.values()):
        raise UsageError(f"a plan has 1 to {MOST_CHANGES} changes, and no team less than no hours")
    return {"changes": count, "hours": given}


def ask(access: Access, wishes: Mapping[str, Any]) -> Job:
    """Ask for the best plan within the wishes; see `questions.ask`."""
    return questions.ask(access, "plan", wishes)


def of_cycle(shelf: Shelf, access: Access) -> dict[str, Any] | None:
    """Return the plan that the cycle itself made (in short, where it is not kept whole), None where it made none."""
    from foreshore.cycle import planning

    access.need_everywhere("see")
    row = shelf.remembered("select * from cycle")[0]
    if whole := planning.of_served(shelf.workspace, row):
        told: dict[str, Any] = orjson.loads(orjson.dumps(whole))
        return told if told["actions"] else None
    found: dict[str, Any] = orjson.loads(row["result"] or "{}").get("plan") or {}
    left = [float(one) for one in found.get("left", [])]
    rows = shelf.remembered(f"select * exclude (cycle) from actions order by number limit {len(left)}")
    before, actions = float(found.get("before", 1.0)), []
    for row, after in zip(rows, left, strict=False):
        actions.append({**row, "id": keys.show("ACT", row["action"]), "left": after, "removes": before - after})
        before = after
    return {**found, "actions": actions, "bound": None} if actions else None


def curve(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the actions of a plan with the hours spent and the risk left after each, from the beginning on."""
    spent, points = 0.0, [{"hours": 0.0, "left": float(plan.get("before", 1.0)), "title": ""}]
    for one in plan["actions"]:
        spent += float(one.get("hours") or 0.0)
        points.append({"hours": round(spent, 2), "left": float(one["left"]), "title": one["title"]})
    return points


def keep(access: Access, name: str, job: Job) -> KeptPlan:
    """Keep the plan that a job made under a name; raises UsageError where it is not done."""
    access.need("comment")
    access.need_everywhere("see")
    if job.settings.get("question") != "plan" or job.state != "done" or not job.result:
        raise UsageError("this is no plan that is done", hint="wait for it")
    if not name.strip():
        raise UsageError("a plan that is kept needs a name")
    person = Person.objects.get(pk=access.number)
    return KeptPlan.objects.create(
        person=person, name=name.strip()[:120], settings=job.settings.get("asked", {}), result=job.result,
        cycle=int(job.settings["cycle"]),
    )  # fmt: skip


def kept(access: Access) -> list[KeptPlan]:
    """Return the plans that a person kept, and those that others share; none for who sees a part alone."""
    if not access.everywhere("see"):
        return []
    mine = Q(person_id=access.number) | Q(shared=True)
    return list(KeptPlan.objects.filter(mine).select_related("person").order_by("-made_at")[:_KEPT])


def one(access: Access, number: int) -> KeptPlan:
    """Return a kept plan; raises UsageError where there is none that this person may see."""
    access.need_everywhere("see")
    found = KeptPlan.objects.filter(Q(person_id=access.number) | Q(shared=True), pk=number).first()
    if found is None:
        raise UsageError("there is no such plan, or it is not shared", hint="the list of plans")
    return found


def change(access: Access, number: int, what: str) -> None:
    """Share a plan of one's own, stop sharing it, or remove it."""
    access.need("comment")
    own = KeptPlan.objects.filter(pk=number, person_id=access.number)
    if not own.exists():
        raise UsageError("only who kept a plan can change it")
    if what == "remove":
        own.delete()
    elif what in ("share", "unshare"):
        own.update(shared=what == "share")
    else:
        raise UsageError(f"“{what}” is nothing to do with a plan", hint="share, unshare, remove")
