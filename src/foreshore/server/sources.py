"""Live sources on a page: what there is, what each would be asked, when it last ran, and editing sources.toml."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone

from foreshore.discovery import collecting
from foreshore.discovery.connectors import _sources
from foreshore.errors import Conflict, UsageError
from foreshore.server import audit
from foreshore.server.access import Access
from foreshore.server.jobs import queue
from foreshore.server.models import Job, Schedule
from foreshore.workspace import Workspace, write_atomically

MOST = 256 << 10
SCHEDULED = ("cycle", "collect", "intel")
LEAST_MINUTES = {"cycle": 15, "collect": 15, "intel": 60}
_LOOKED_BACK = 200


def listed(workspace: Workspace, access: Access) -> list[dict[str, Any]]:
    """Return each source with its connector, its site and its last collection (None: never)."""
    access.need_everywhere("sources")
    jobs = list(Job.objects.filter(kind="collect").order_by("-asked_at")[:_LOOKED_BACK])
    return [
        {
            "name": one.name, "connector": one.kind, "site": one.site,
            "last": next((job for job in jobs if one.name in (job.settings.get("names") or [one.name])), None),
        }
        for one in _sources.load(workspace.root).values()
    ]  # fmt: skip


def connectors() -> list[dict[str, str]]:
    """Return the connectors that there are, each with a sentence of what it does."""
    found = sorted(_sources.connectors().items())
    return [{"name": name, "does": (type(one).__doc__ or "").strip().splitlines()[0]} for name, one in found]


def planned(workspace: Workspace, access: Access, name: str) -> list[dict[str, Any]]:
    """Return what a source would be asked; nothing is asked."""
    access.need_everywhere("sources")
    found: list[dict[str, Any]] = [msgspec.to_builtins(call) for call in collecting.plan(*_named(workspace, name))]
    return found


def run(workspace: Workspace, access: Access, name: str) -> Job:
    """Ask for the collection of one source as a job."""
    access.need_everywhere("run")
    _named(workspace, name)
    return queue.ask("collect", {"names": [name]}, by=access.person)


def _named(workspace: Workspace, name: str) -> list[_sources.Source]:
    return collecting.sources(workspace, [name])


def text(workspace: Workspace, access: Access) -> dict[str, str]:
    """Return sources.toml as it stands, and its digest; it never holds a credential."""
    access.need_everywhere("sources")
    path = workspace.root / _sources.FILE
    said = path.read_text("utf-8", "replace") if path.is_file() else ""
    return {"text": said, "digest": hashlib.sha256(said.encode()).hexdigest()}


def save(workspace: Workspace, access: Access, edited: str, *, digest: str) -> None:
    """Write sources.toml anew; raises UsageError where it is not valid, Conflict where somebody saved meanwhile."""
    if text(workspace, access)["digest"] != digest:
        raise Conflict("somebody saved the sources meanwhile", where=_sources.FILE, hint="read them again, edit those")
    if len(edited) > MOST:
        raise UsageError("the text is too long", where=_sources.FILE, hint=f"at most {MOST:,} characters")
    with tempfile.TemporaryDirectory(dir=workspace.temporary_dir) as name:
        (Path(name) / _sources.FILE).write_text(edited, encoding="utf-8")
        try:
            found = _sources.load(Path(name))
        except UsageError as error:
            where = error.where.replace(f"{name}/", "")
            raise UsageError(error.what, where=where, hint=error.hint) from None
    write_atomically(workspace.root / _sources.FILE, edited.encode())
    audit.note("sources edited", author=access.person, sources=sorted(found))


def schedules(access: Access) -> list[Schedule]:
    """Return what is done again and again."""
    access.need_everywhere("sources")
    return list(Schedule.objects.order_by("kind", "pk"))


def schedule(workspace: Workspace, access: Access, kind: str, every_minutes: int, names: list[str]) -> Schedule:
    """Do a kind of job again and again, first after one interval; raises UsageError."""
    access.need_everywhere("sources")
    if kind not in SCHEDULED:
        raise UsageError(f"“{kind}” cannot be scheduled", hint=", ".join(SCHEDULED))
    if not LEAST_MINUTES[kind] <= every_minutes <= 60 * 24 * 90:
        raise UsageError(
            f"every {every_minutes} minutes does not fit", hint=f"{LEAST_MINUTES[kind]} minutes to 90 days"
        )
    if kind == "collect" and names:
        collecting.sources(workspace, names)
    settings = {"names": names} if kind == "collect" and names else {}
    made = Schedule.objects.create(
        kind=kind, settings=settings, every_minutes=every_minutes, made_by=access.person,
        next_at=timezone.now() + timedelta(minutes=every_minutes),
    )  # fmt: skip
    audit.note("schedule made", author=access.person, kind=kind, every_minutes=every_minutes, names=names)
    return made


def change_schedule(access: Access, number: int, what: str) -> None:
    """Switch a schedule `on` or `off`, or `remove` it."""
    access.need_everywhere("sources")
    found = Schedule.objects.filter(pk=number).first()
    if found is None or what not in ("on", "off", "remove"):
        raise UsageError("there is no such schedule", hint="the list of schedules")
    if what == "remove":
        found.delete()
    else:
        found.enabled = what == "on"
        found.next_at = timezone.now() + timedelta(minutes=found.every_minutes)
        found.save(update_fields=["enabled", "next_at"])
    audit.note(f"schedule {'removed' if what == 'remove' else 'switched ' + what}", author=access.person,
               kind=found.kind, every_minutes=found.every_minutes)  # fmt: skip
