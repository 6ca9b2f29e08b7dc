"""What a connector works with: it asks through the desk, which keeps the answers, the pace and patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec

from foreshore.discovery.connectors._asking import Pace, Telephone, patiently
from foreshore.discovery.connectors._collection import Ask, Collection, Scope


class Planned(msgspec.Struct, frozen=True):
    """One kind of call that a collection would make, as `--dry-run` shows it."""

    call: str
    account: str = ""
    region: str = ""
    note: str = ""


@dataclass(frozen=True)
class Desk:
    """The tools of one collection. All requests go out through `phone`."""

    collection: Collection
    phone: Telephone
    pace: Pace
    tries: int
    note: Callable[[str], None]

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
