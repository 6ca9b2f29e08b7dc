"""Questions to the served cycle's attack graph: answered at once where the graph is small, else by a job.

Each answer is a row of the table of jobs under a key made of cycle and question, so that the same question is
computed once, and its address can be shared. Who may read an answer is decided when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from django.db import transaction
from django.utils import timezone

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.server import assets
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job
from foreshore.server.place import shelf, workspace

if TYPE_CHECKING:
    from foreshore.cycle.opened import Opened
    from foreshore.workspace import Workspace

KIND = "question"
AT_ONCE = 20_000  # steps of a graph about which a request may ask by itself; larger ones are a job's work
MOST_HOPS = 10


def _paths(workspace: Workspace, graph: Opened, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import pathing

    return pathing.answered(
        workspace, graph, pathing.Asked(asked.get("from", ""), asked.get("to", ""), count=int(asked.get("count", 5)))
    )


def _blast(workspace: Workspace, graph: Opened, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import blasting

    return blasting.answered(workspace, graph, asked["of"], int(asked.get("top", 50)))


def _junctions(workspace: Workspace, graph: Opened, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import junctions

    return junctions.answered(graph, int(asked.get("top", 10)))


def _what_if(workspace: Workspace, graph: Opened, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import whatif
    from foreshore.cycle.scenarios import Suppose

    return whatif.answer(workspace, graph, Suppose(fix=tuple(asked["fix"])), moves=False)


def _plan(workspace: Workspace, graph: Opened, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import planning

    wishes = planning.Wishes(
        hours={team: float(hours) for team, hours in asked.get("hours", {}).items()},
        changes=int(asked.get("changes", planning.CHANGES)), must=asked.get("must", ()), barred=asked.get("barred", ()),
    )  # fmt: skip
    return planning.of_served(workspace, graph.row, wishes) or planning.answered(workspace, graph, wishes)


def _news(workspace: Workspace, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import news

    return news.after_update(workspace, datetime.fromisoformat(asked["since"]), record=False)


def _impact(workspace: Workspace, asked: Mapping[str, Any]) -> dict[str, Any]:
    from foreshore.cycle import news

    return news.impact(workspace, asked["weakness"])


_ANSWERS: Mapping[str, Callable[[Workspace, Opened, Mapping[str, Any]], dict[str, Any]]] = {
    "paths": _paths, "blast": _blast, "junctions": _junctions, "what-if": _what_if, "plan": _plan,
}  # fmt: skip
# Questions that are weighed against the intelligence of now, without the graph.
_OF_NEWS: Mapping[str, Callable[[Workspace, Mapping[str, Any]], dict[str, Any]]] = {"news": _news, "impact": _impact}
_SLOW = ("plan", "news", "impact")  # more than a request's work whatever the size


def answer(workspace: Workspace, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question, as the job of this kind does; raises UsageError for one that names nothing."""
    from foreshore.cycle import opened

    name = str(settings.get("question", ""))
    if name in _OF_NEWS:
        return _OF_NEWS[name](workspace, settings.get("asked", {}))
    if name not in _ANSWERS:
        raise UsageError(f"“{name}” is no question", hint=", ".join((*_ANSWERS, *_OF_NEWS)))
    return _ANSWERS[name](workspace, opened.current(workspace), settings.get("asked", {}))


def ask(access: Access, name: str, asked: Mapping[str, Any]) -> Job:
    """Return the job that answers a question about the served cycle: done already where that is quick.

    Raises NotAllowed unless `access` sees everything or the question is about paths, whose answer is filtered.
    """
    if name != "paths":
        access.need_everywhere("see")
    settings = {"question": name, "asked": dict(asked), "cycle": _cycle()}
    key = "q" + hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)).hexdigest()[:30]
    there = Job.objects.filter(key=key).first()
    if there is not None and there.state in ("done", "waiting", "running"):
        return there
    if name in _SLOW or not _small():
        if there is not None:
            there.delete()  # it failed or was cancelled: asked anew
        return queue.ask(KIND, settings, by=access.person, key=key)
    return _at_once(access, key, settings, there)


def _at_once(access: Access, key: str, settings: dict[str, Any], there: Job | None) -> Job:
    begin = timezone.now()
    found = orjson.loads(orjson.dumps(answer(workspace(), settings), default=str))
    with transaction.atomic():
        if there is not None:
            there.delete()
        job, _ = Job.objects.get_or_create(
            key=key,
            defaults={
                "kind": KIND, "settings": settings, "state": "done", "asked_by": access.person, "started_at": begin,
                "ended_at": timezone.now(), "done": 1.0, "result": found,
            },
        )  # fmt: skip
    return job


def _cycle() -> str:
    return str(shelf().remembered("select cycle from cycle")[0]["cycle"])


def _small() -> bool:
    """Whether the graph is small, and kept ready: one that has to be compiled anew is a job's work."""
    from foreshore.cycle import opened

    return len(opened.current(workspace()).found.compiled.steps.columns["src"]) <= AT_ONCE


def read(access: Access, key: str) -> Job:
    """Return the job with an answer; raises UsageError where there is none that `access` may read."""
    job = Job.objects.filter(key=key, kind=KIND).first()
    if job is None:
        raise UsageError("this question was never asked, or its answer was removed", hint="ask it again")
    if job.settings.get("question") != "paths":
        access.need_everywhere("see")
    elif job.result and not access.everywhere("see"):
        job.result = _cut(access, job.result)
    return job


def current(job: Job) -> bool:
    """Whether the answer is of the cycle that is served now."""
    return str(job.settings.get("cycle")) == _cycle()


def _cut(access: Access, result: dict[str, Any]) -> dict[str, Any]:
    """Leave out paths over assets that `access` may not see, and what would tell of them."""
    hops = [hop for one in result["paths"] for hop in one["hops"] if hop["asset"]]
    numbers = sorted({keys.parse(hop["asset"], "AST")[0] for hop in hops})
    seen = {keys.show("AST", one) for one in assets.visible(shelf(), access, numbers)}
    kept = [one for one in result["paths"] if all(hop["asset"] in seen for hop in one["hops"] if hop["asset"])]
    notes = [] if len(kept) == len(result["paths"]) else ["only paths over assets that you may see are shown"]
    reachable = result["reachable"] if kept else "unknown"
    return {**result, "paths": kept, "notes": notes, "reachable": reachable}
