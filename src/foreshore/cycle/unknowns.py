"""`foreshore unknowns`: what nobody knows yet, by the answers that would narrow each service's bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore.cycle import again
from foreshore.errors import UsageError

if TYPE_CHECKING:
    from foreshore.workspace import Workspace


def unknowns(workspace: Workspace, service: str = "") -> list[dict[str, Any]]:
    """Return services with their bounds and `narrowed_by`, those whose bounds can be narrowed most first.

    Raises UsageError for a service that the served cycle does not have, NothingToRead before the first cycle.
    """
    import orjson

    services = orjson.loads(again.served(workspace)["result"] or "{}").get("services", [])
    names = [one["name"] for one in services]
    wanted = [one for one in services if not service or one["name"].casefold() == service.casefold()]
    if not wanted and service:
        raise UsageError(f"there is no service “{service}”", hint=", ".join(names) or "foreshore cycle")
    rows = [
        {
            "name": one["name"], "best_case": one["best_case"], "worst_case": one["worst_case"],
            "believed": one["probability_per_year"], "narrowed_by": one.get("narrowed_by", []),
        }
        for one in wanted
    ]  # fmt: skip
    return sorted(rows, key=lambda one: -max((each["narrows"] for each in one["narrowed_by"]), default=0.0))
