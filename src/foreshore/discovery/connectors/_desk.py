"""What a connector works with: it asks through the desk, which keeps the answers, the pace and patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from foreshore.discovery.connectors._asking import Pace, patiently
from foreshore.discovery.connectors._collection import Ask, Collection, Scope
from foreshore.errors import Refused
from foreshore.http import Line


class Planned(msgspec.Struct, frozen=True):
    """One kind of call that a collection would make, as `--dry-run` shows it."""

    call: str
    account: str = ""
    region: str = ""
    note: str = ""


class Leave(Protocol):
    """What a connector must ask before it touches a machine itself, instead of asking a product about it."""

    def address(self, host: str, ports: Sequence[int]) -> str:
        """Return the address of `host` that may be touched on all of `ports` now; raises Refused."""

    def check(self) -> None:
        """Raise Refused where everything has to stop."""


class NoLeave:
    """Nothing may be touched."""

    def address(self, host: str, ports: Sequence[int]) -> str:
        """Raise Refused."""
        raise Refused("nothing was approved to be touched", where=host, hint="targets in scope.yaml, `scope approve`")

    def check(self) -> None:
        """Raise Refused."""
        raise Refused("nothing was approved to be touched", hint="targets in scope.yaml, `scope approve`")


def _no_names(_domain: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Desk:
    """The tools of one collection. All requests go out through `phone`.

    `leave` says which machines may be touched, `names` gives the host names below a domain that are known.
    """

    collection: Collection
    phone: Line
    pace: Pace
    tries: int
    note: Callable[[str], None]
    leave: Leave = field(default_factory=NoLeave)
    names: Callable[[str], Sequence[str]] = _no_names

    def pages(
        self, call: str, scope: Scope, ask: Ask, about: Mapping[str, str] | None = None, report: str = ""
    ) -> Iterator[Any]:
        """Yield the bodies of a call's pages, from the file or by `ask`.

        `ask` gets the token of a page ("" for the first) and returns its body and the next token ("" at
        the end). It may raise `Busy` (asked again later), `NotAllowed` (kept as refused, the others go
        on), `StaleToken` (asked from the start); any other error ends the run, which can be gone on with.
        `report` names another report that the answers belong to; its reader is found by content.
        """

        def patient(token: str) -> tuple[Any, str]:
            return patiently(lambda: ask(token), self.pace, self.tries)

        return self.collection.pages(call, scope, patient, about, report)


@runtime_checkable
class Connector(Protocol):
    """A connector plugin: a frozen dataclass whose fields are settings and whose docstring is the help."""

    def plan(self) -> Iterator[Planned]:
        """Yield what would be asked, without asking anything."""

    def collect(self, desk: Desk) -> None:
        """Ask everything, through `desk.pages`."""

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield the pieces of the document named `name`, from the bodies that belong to it."""
