"""One exposure explained: the three questions, the way to what it leads to, evidence, history and comments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from foreshore import decisions, keys
from foreshore.cycle import explaining, spoken
from foreshore.errors import NothingToRead, UsageError
from foreshore.prioritization import answers, evidence
from foreshore.query import lists
from foreshore.report import chains, drawing, figures, wording
from foreshore.server import exceptions, exposures, paging
from foreshore.server.access import Access
from foreshore.server.models import Comment, Person
from foreshore.server.shelf import Shelf
from foreshore.workspace import Workspace

LONGEST_COMMENT = 10_000
HIDDEN = "a system outside your part of the organisation"
_STEPS = """
    with wanted as (
        select *, min(service) over () as first_service from steps where exposure = ?
    )
    select w.* exclude (first_service), a.name as asset_name, a.kind as asset_kind
    from wanted w left join assets a on a.asset = w.asset
    where w.service = w.first_service order by w.way nulls first, w.number
"""
_NAMES = """
    select n.asset, a.name as asset_name, a.kind as asset_kind from (select unnest(?) as asset) n
    left join assets a on a.asset = n.asset
"""
_CAUSE = """
    select weakness, title from exposures where rank in (select rank from at_exposure where exposure = ?)
"""


def one(shelf: Shelf, access: Access, text: str) -> dict[str, Any]:
    """Return the row of the exposure that a whole key names; raises NothingToRead where one may see none."""
    row = paging.one(shelf, access, exposures.key_of(text))
    if row is None:
        raise NothingToRead(
            "there is no open exposure with this key that you may see", hint="it may be fixed by now: look in the list"
        )
    return row


def first(shelf: Shelf, access: Access, row: Mapping[str, Any], *, engine: bool = False) -> dict[str, Any]:
    """Return what a page shows at once of an exposure that `one` returned: from the serving file alone.

    The way is kept for the first exposures of the order; for others `engine` asks for it to be found (`way_known`
    says whether there is one). Steps on systems that somebody may not see are told without their names.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    steps = way(shelf, access, row, engine=engine)
    with decisions.open(shelf.workspace) as opened:
        said = opened.history(int(row["exposure"]))
    return {
        "exposure": exposures.shown(dict(row)),
        "answers": brief(row, steps, now),
        "would_lower": row["would_lower"],
        "steps": shown_steps(steps, now),
        "drawing": drawing.chain(chains.chain(steps)) if steps else None,
        "way_known": bool(row["best_path"]),
        "decisions": said[::-1],
    }


def brief(row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Return the three questions as the cycle answered them: answer, why, source and age."""
    fact = row["reach_fact"] or "no way to it is known"
    reach = next((one for one in steps if one["rule"] == "reach" and one["fact"] == fact), None)
    names = [str(name) for name in row["leads_to"] or []]
    exploit = row["exploit_because"] or wording.EXPLOITS.get(row["exploit"], row["exploit"])
    assumed = sum(1 for one in steps if one["assumed"])
    leads = f"to {figures.few(names)}" if names else "nothing critical is known to hang on it"
    if row["leads"] == "unknown":
        leads = f"perhaps {leads}, by steps that nobody has proved" + (f" ({assumed} assumed)" if assumed else "")
    known = "yes" if row["exploit"] not in ("none_known", "unknown") else "no"
    told = (
        (row["reachable"], fact, reach["source"] if reach else "", reach["observed_at"] if reach else None),
        ("unknown" if row["exploit"] == "unknown" else known, str(exploit), "", None),
        (row["leads"], leads, "attack graph", None),
    )
    return [
        {"question": question, "answer": answer or "unknown", "why": f"{why[:1].upper()}{why[1:]}", "source": source,
         "age": evidence.age(seen, now)}
        for question, (answer, why, source, seen) in zip(answers.QUESTIONS, told, strict=True)
    ]  # fmt: skip


def way(shelf: Shelf, access: Access, row: Mapping[str, Any], *, engine: bool = False) -> list[dict[str, Any]]:
    """Return the steps of the likeliest way through an exposure, as far as `access` may see them."""
    steps = steps_of(shelf, int(row["exposure"]))
    if not steps and engine and row["best_path"]:
        steps = _named(shelf, explaining.retold(shelf.workspace, int(row["exposure"])))
    return masked(shelf, access, steps)


def shown_steps(steps: Sequence[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Return steps in the shape that other programs may rely on, with the asset's name and whether it is hidden."""
    return [
        {**answers.step_json(step, now), "asset_name": step["asset_name"], "hidden": step["hidden"]} for step in steps
    ]


def facts_of(shelf: Shelf, access: Access, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence of an exposure: each fact with its source and age, and ATT&CK techniques."""
    now = datetime.now(UTC).replace(tzinfo=None)
    known = _known(shelf.workspace.root, shelf.state.file, int(row["exposure"]))
    facts = evidence.told(row, known, way(shelf, access, row), now)
    return {"facts": facts, "techniques": known.techniques}


def told(shelf: Shelf, access: Access, row: Mapping[str, Any], *, engine: bool = False) -> dict[str, Any]:
    """Return all that is said of an exposure: beside `first`, its evidence and every word on it; reads the lake."""
    now = datetime.now(UTC).replace(tzinfo=None)
    steps = way(shelf, access, row, engine=engine)
    known = _known(shelf.workspace.root, shelf.state.file, int(row["exposure"]))
    shown = exposures.shown(dict(row))
    return {
        "exposure": shown,
        "answers": answers.answers(row, known, steps, now),
        "facts": evidence.told(row, known, steps, now),
        "decision_points": known.points,
        "techniques": known.techniques,
        "cvss_environmental": known.environmental,
        "would_lower": row["would_lower"],
        "steps": shown_steps(steps, now),
        "drawing": drawing.chain(chains.chain(steps)) if steps else None,
        "way_known": bool(row["best_path"]),
        "decisions": spoken.words(shelf.workspace, shown["id"])[::-1],
    }


@lru_cache(maxsize=256)
def _known(root: Path, file: str, exposure: int) -> evidence.Known:
    """By the serving file: the evidence is that of its cycle."""
    workspace = Workspace.open(root)
    return evidence.gather(workspace, lists.rows(workspace, f"select * from exposures where exposure = {exposure}")[0])


def steps_of(shelf: Shelf, exposure: int) -> list[dict[str, Any]]:
    """Return the kept steps of the likeliest way through an exposure, to the first of its services."""
    return _caused(shelf, shelf.ask(_STEPS, [exposure]))


def _caused(shelf: Shelf, steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps with the weakness and the title of what opens each."""
    found: dict[int, dict[str, Any]] = {}
    listed = []
    for one in steps:
        cause = int(one["cause"] or 0)
        if cause not in found:
            rows = shelf.ask(_CAUSE, [cause]) if cause else []
            found[cause] = rows[0] if rows else {"weakness": None, "title": None}
        listed.append({**one, **found[cause]})
    return listed


def _named(shelf: Shelf, steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return steps that were found again with the names that stand beside kept ones."""
    listed = list(steps)
    assets = {row["asset"]: row for row in shelf.ask(_NAMES, [[one["asset"] or 0 for one in listed]])}
    nothing: dict[str, Any] = {}
    return _caused(shelf, (
        {**one, "asset_name": assets.get(one["asset"] or 0, nothing).get("asset_name"),
         "asset_kind": assets.get(one["asset"] or 0, nothing).get("asset_kind")}
        for one in listed
    ))  # fmt: skip


def masked(shelf: Shelf, access: Access, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps with `hidden`; those on assets that `access` may not see say nothing of them."""
    if access.everywhere():
        return [{**one, "hidden": False} for one in steps]
    scope = access.assets()
    asked = sorted({one["asset"] for one in steps if one["asset"]})
    rows = shelf.ask(
        f"select asset from assets where asset in (select unnest(?)) and ({scope.sql})", [asked, *scope.values]
    )
    seen = {row["asset"] for row in rows}
    return [
        {**one, "hidden": False} if not one["asset"] or one["asset"] in seen else _without_name(one) for one in steps
    ]


def _without_name(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one, "hidden": True, "step": f"The attacker goes on through {HIDDEN}.", "fact": "not shown to you",
        "source": "", "asset": 0, "asset_name": HIDDEN, "asset_kind": "", "zone": "",
        "weakness": None, "title": None, "cause": 0,
    }  # fmt: skip


def comments(exposure: int) -> list[dict[str, Any]]:
    """Return what people wrote beside an exposure, oldest first."""
    return [
        {"by": str(one.person), "text": one.text, "at": one.at, "number": one.pk, "person": one.person_id}
        for one in Comment.objects.select_related("person").filter(subject=exposure).order_by("at", "pk")
    ]


def comment(shelf: Shelf, access: Access, exposure: int, text: str) -> Comment:
    """Write something beside an exposure."""
    access.need("comment")
    if exposure not in paging.visible(shelf, access, [exposure], "comment"):
        raise NothingToRead("there is no open exposure with this key that you may write beside")
    said = text.strip()
    if not 0 < len(said) <= LONGEST_COMMENT:
        raise UsageError("a comment has some text", hint=f"1 to {LONGEST_COMMENT} characters")
    return Comment.objects.create(subject=exposure, person=Person.objects.get(pk=access.number), text=said)


def beside(shelf: Shelf, access: Access, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands beside an exposure: who else has it, comments, and requests that wait."""
    return {
        "else": exposures.who_else(shelf, access, dict(row)), "comments": comments(int(row["exposure"])),
        "requests": exceptions.of_exposure(shelf, access, int(row["exposure"])),
        "id": keys.show("EXP", row["exposure"]),
    }  # fmt: skip
