"""Every family of operations, added to the API in one place."""

from __future__ import annotations

from ninja import NinjaAPI

from foreshore.api.routes import (
    administration,
    assets,
    cycles,
    exceptions,
    exports,
    exposures,
    gate,
    intelligence,
    jobs,
    members,
    mine,
    programme,
    remediation,
    uploads,
    ways,
    webhooks,
)


def add(api: NinjaAPI) -> None:
    """Add all operations."""
    for module in (
        mine, exposures, exports, assets, remediation, ways, cycles, intelligence, exceptions, uploads, jobs, gate,
        programme, administration, webhooks, members,
    ):  # fmt: skip
        api.add_router("", module.router)
