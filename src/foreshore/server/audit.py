"""What is noted of changes that are not decisions: people, roles, tokens, policy, sources, schedules.

They go into the same hash-chained trail as people's decisions, which nobody can change or shorten unseen.
"""

from __future__ import annotations

from typing import Any

import msgspec

from foreshore import decisions
from foreshore.server.access import Access
from foreshore.server.place import workspace

PAGE = 50


def note(what: str, *, author: str, **detail: object) -> None:
    """Add a link to the audit trail; `detail` never holds a secret."""
    with decisions.open(workspace()) as opened:
        opened.note(what, author=author or "foreshore", detail=detail)


def page(access: Access, text: str = "", *, before: int = 0, size: int = PAGE) -> dict[str, Any]:
    """Return links of the trail, newest first, as `items`, with the cursor of the next page as `next` (0: none)."""
    access.need_everywhere("audit")
    with decisions.open(workspace()) as opened:
        links = opened.audit_page(text.strip(), before=before, size=size + 1)
    items = [msgspec.to_builtins(one) for one in links[:size]]
    return {"items": items, "next": links[size - 1].number if len(links) > size else 0}


def verify(access: Access, anchor: str = "") -> dict[str, Any]:
    """Return whether every link holds (`holds`), the first that does not, and the present head to be noted elsewhere."""
    access.need_everywhere("audit")
    with decisions.open(workspace()) as opened:
        broken = opened.audit_verify(anchor.strip())
        return {
            "holds": broken is None, "number": broken.number if broken else None, "why": broken.why if broken else "",
            "head": opened.audit_head(),
        }  # fmt: skip
