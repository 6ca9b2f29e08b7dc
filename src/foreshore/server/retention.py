"""What is held, why, where and how long; and changing how long raw evidence is kept."""

from __future__ import annotations

import re
from typing import Any

from allauth.usersessions.models import UserSession
from django.utils.translation import gettext as _

from foreshore import decisions
from foreshore.errors import NothingToRead, UsageError
from foreshore.server import audit
from foreshore.server.access import Access
from foreshore.server.models import Comment, Job, Person, Token
from foreshore.server.place import shelf
from foreshore.workspace import RETENTION, SETTINGS, Workspace, write_atomically

_SECTION = re.compile(r"(?ms)^\[retention\]\s*$(.*?)(?=^\[|\Z)")
MOST_DAYS = 36_500


def kept(workspace: Workspace) -> list[dict[str, Any]]:
    """Return how many days evidence of each kind is kept (None: until somebody removes it)."""
    now = Workspace.open(workspace.root)
    return [{"kind": kind, "days": now.retention[kind], "usual": RETENTION.get(kind)} for kind in now.retention]


def change(workspace: Workspace, access: Access, days: dict[str, str]) -> None:
    """Say how long evidence of each kind is kept; it counts from the next cycle on. Raises UsageError.

    What is older is erased by destroying its key when a cycle ends; facts and digests stay.
    """
    access.need_everywhere("policy")
    lines = []
    for kind in RETENTION:
        said = days.get(kind, "").strip()
        if said and not (said.isascii() and said.isdigit() and 1 <= int(said) <= MOST_DAYS):
            raise UsageError(f"“{said[:20]}” is not a number of days", where=kind, hint=f"1 to {MOST_DAYS}, or nothing")
        lines.append(f"{kind} = {int(said)}" if said else f'{kind} = "keep"')
    path = workspace.root / SETTINGS
    text = path.read_text("utf-8")
    body = '[retention]\n# Days to keep evidence of each kind, or "keep".\n' + "\n".join(lines) + "\n\n"
    changed = _SECTION.sub(lambda _: body, text, count=1) if _SECTION.search(text) else text.rstrip() + "\n\n" + body
    before = {one["kind"]: one["days"] for one in kept(workspace)}
    write_atomically(path, changed.rstrip().encode() + b"\n")
    after = {one["kind"]: one["days"] for one in kept(workspace)}
    audit.note("retention changed", author=access.person, before=before, after=after)


def _days(days: int | None) -> str:
    return _("kept until removed") if days is None else _("%(days)d days") % {"days": days}


def held(workspace: Workspace, access: Access) -> list[dict[str, Any]]:
    """Return for each kind of data what it is, how much there is (None: unknown), why, where, how long, and of whom."""
    access.need_everywhere("audit")
    with decisions.open(workspace) as opened:
        links = len(opened.audit_page(size=1)) and opened.audit_page(size=1)[0].number
    days = {one["kind"]: _days(one["days"]) for one in kept(workspace)}
    counted = _served()
    row = _row
    return [
        row(_("Accounts"), Person.objects.count(), _("signing in; who decided what"), _("service database"),
            _("until an administrator switches them off; the name stays in the trail"), _("address, name, language")),
        row(_("Sessions"), UserSession.objects.count(), _("staying signed in; ending sessions"), _("service database"),
            _("12 hours, or until they end"), _("network address, browser, last visit")),
        row(_("Tokens"), Token.objects.count(), _("programs that call the service"), _("service database"),
            _("at most 366 days; only a digest is kept"), _("name of the token")),
        row(_("Comments"), Comment.objects.count(), _("working together"), _("service database"), _("kept until removed"),
            _("author, text")),
        row(_("Jobs"), Job.objects.count(), _("showing long work"), _("service database"), _("kept until removed"),
            _("who asked")),
        row(_("Decisions and audit trail"), links, _("proof of who decided what, when and why"),
            _("decisions database"), _("kept; it cannot be shortened unseen"), _("address of the author, reason")),
        row(_("Assets"), counted.get("assets"), _("knowing what is exposed"), _("facts/, serving/"),
            _("while the workspace is kept"), _("host names; identities of directories, shown as pseudonyms without the "
            "permission to see names")),
        row(_("Exposures"), counted.get("exposures"), _("knowing what is exposed"), _("facts/, serving/"),
            _("while the workspace is kept"), _("none; secrets are never stored, only a keyed fingerprint")),
        row(_("Raw reports"), None, _("reading them again with a better reader"), _("evidence/, encrypted, a key each"),
            days.get("report", ""), _("whatever the report says")),
        row(_("Answers of connectors"), None, _("reading them again"), _("evidence/, encrypted, a key each"),
            days.get("connector", ""), _("whatever the source says")),
        row(_("Intelligence"), None, _("judging how likely exploitation is"), _("facts/, intel/"), days.get("intel", ""),
            _("none")),
    ]  # fmt: skip


def _row(what: str, count: int | None, why: str, where: str, long: str, personal: str) -> dict[str, Any]:
    return {"what": what, "count": count, "why": why, "where": where, "long": long, "personal": personal}


def _served() -> dict[str, int]:
    try:
        rows = shelf().remembered(
            "select (select count(*) from assets) as assets, (select count(*) from exposures) as exposures"
        )
    except NothingToRead:
        return {}
    return dict(rows[0])
