"""Leave for connectors that touch machines themselves: the guard's own rules, and its journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from foreshore import decisions, facts
from foreshore.errors import Refused
from foreshore.store import open_lake
from foreshore.validation import candidates, dialling, stage
from foreshore.validation.guard import STOP, Ask, Guard, Resolve
from foreshore.validation.journal import Journal
from foreshore.validation.permits import Permits, address_of

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

JOURNAL = "validation.jsonl"


@dataclass
class Approved:
    """Lets approved targets of the scope in force be touched, none of the fragile, nothing after a stop."""

    workspace: Workspace
    check_name: str
    resolve: Resolve = dialling.resolve
    _guard: Guard | None = None

    def address(self, host: str, ports: Sequence[int]) -> str:
        """Return the checked address of `host`; raises Refused unless all `ports` are approved there."""
        guard = self._opened()
        address = guard.cleared(Ask(self.check_name, host, ports[0]))
        found = address_of(address)
        # Where no approval names ports, the first port has spoken for all.
        if found is not None and any(one.ports for one in guard.permits.targets):
            today = datetime.now(UTC).date()
            for port in ports[1:]:
                if reason := guard.permits.refusal(host, (found,), port, today):
                    raise Refused(reason, where=f"{host} port {port}", hint="targets in scope.yaml, `scope approve`")
        return address

    def check(self) -> None:
        """Raise Refused while the stop file is there."""
        self._opened().check_stop()

    def _opened(self) -> Guard:
        if self._guard is None:
            with decisions.open(self.workspace) as opened:
                current = opened.current_scope()
            scope = current.scope if current else facts.Scope(organization="")
            with open_lake(self.workspace, read_only=True) as lake:
                fragile = candidates.fragile_addresses(lake)
            self._guard = Guard(
                Permits(scope.targets, stage.networks(scope)), self.workspace.root / STOP,
                Journal(self.workspace.root / JOURNAL), untouchable=fragile, resolve=self.resolve,
            )  # fmt: skip
        return self._guard


def of(workspace: Workspace, check: str) -> Approved:
    """Return the leave of `workspace` for `check`; nothing is opened before it is asked."""
    return Approved(workspace, check)
