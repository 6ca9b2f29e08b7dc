"""The served cycle's graph opened again for questions, with the names that people use for its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import scratch
from foreshore.cycle import again, kept
from foreshore.cycle.kept import Kept
from foreshore.prioritization.explain import Narrator
from foreshore.prioritization.modelled import Graphed, modelled

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.workspace import Workspace

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Opened:
    """A compiled cycle with what people call its parts. Only `snapshot` needs the facts, and is there while they are open."""

    row: Mapping[str, Any]
    kept: Kept
    open_facts: Callable[[], LakeSnapshot] | None = None

    @property
    def cycle(self) -> int:
        """Number of the cycle."""
        return int(self.row["cycle"])

    @property
    def found(self) -> Graphed:
        """What was compiled."""
        return self.kept.found

    @cached_property
    def snapshot(self) -> LakeSnapshot:
        """The facts as the cycle read them, opened when they are first asked for; only within `with_facts`."""
        if self.open_facts is None:
            raise ValueError("the facts of this cycle are not open")
        return self.open_facts()

    @cached_property
    def asset_keys(self) -> Ints:
        """Keys of the assets by row, ascending."""
        return np.asarray(self.found.context.assets.column("asset").to_numpy(), np.int64)

    @cached_property
    def exposure_keys(self) -> Ints:
        """Keys of the open exposures by row."""
        return np.asarray(self.found.context.exposures.column("exposure").to_numpy(), np.int64)

    @cached_property
    def asset_names(self) -> list[str]:
        """Names of the assets by row."""
        return [str(name) for name in self.found.context.assets.column("name").to_pylist()]

    @cached_property
    def place_names(self) -> list[str]:
        """Names of the places where attackers can stand, the internet first."""
        return [place.name for place in self.found.compiled.reach.places]

    @cached_property
    def service_names(self) -> list[str]:
        """Names of services and foundations by number."""
        return [service.name for service in self.found.context.services]

    @cached_property
    def rule_names(self) -> tuple[str, ...]:
        """Rules of the graph's steps by number."""
        return self.found.compiled.steps.rules

    @cached_property
    def narrator(self) -> Narrator:
        """Tells paths of this cycle; it knows no best paths of its own."""
        found, none = self.found, SimpleNamespace(best=None)
        return Narrator(found.context, found.compiled, found.chances, none, found.policy)  # type: ignore[arg-type]

    @cached_property
    def techniques(self) -> list[str]:
        """ATT&CK technique of each rule of the graph, by number; empty where it has none."""
        words: Any = self.narrator.words
        return [str(words[rule]["technique"]) if rule in words else "" for rule in self.rule_names]

    @cached_property
    def assets(self) -> pa.Table:
        """The assets by row, with all identifiers and the services they belong to."""
        import pyarrow as pa

        services = pa.array(self.service_names, pa.string())
        numbers = self.found.context.members.column("number")
        members = pa.table({
            "asset": self.found.context.members.column("asset"), "service": services.take(numbers.combine_chunks()),
        })  # fmt: skip
        query = """
            select a.*, list_distinct(list_concat(coalesce(i.identifiers, []), a.names, a.addresses)) as identifiers,
                coalesce(m.services, []) as services
            from here a left join named i using (asset)
            left join (select asset, list(service order by service) as services from members group by 1) m using (asset)
            order by a.asset
        """
        connection = scratch.connect()
        try:
            tables = {"here": self.found.context.assets, "named": self.kept.identifiers, "members": members}
            for name, table in tables.items():
                connection.register(name, table)
            return connection.execute(query).to_arrow_table()
        finally:
            connection.close()


def load(workspace: Workspace, row: Mapping[str, Any] | None = None) -> Opened:
    """Return the served cycle (or that of `row`), as it was kept, else compiled again and kept from then on.

    What is returned needs nothing that is open, is never changed, and may be asked from several threads.
    Raises NothingToRead before the first cycle.
    """
    row = row or again.served(workspace)
    found = kept.read(workspace, row)
    if found is None:
        with again.snapshot(workspace, dict(row)) as snapshot:
            found = kept.of(snapshot, modelled(snapshot))
        kept.write(workspace, row, found)
    return Opened(row, found)


_CURRENT: dict[Path, Opened] = {}


def current(workspace: Workspace) -> Opened:
    """Return the served cycle, loaded once in a process for as long as it is the one that is served."""
    row = again.served(workspace)
    found = _CURRENT.get(workspace.root)
    if found is None or found.row != row:
        found = load(workspace, row)
        _CURRENT[workspace.root] = found
    return found


@contextmanager
def with_facts(workspace: Workspace, base: Opened | None = None) -> Iterator[Opened]:
    """Yield the served cycle (or `base`) with the facts that it read, for questions that suppose other facts."""
    opened = base or load(workspace)
    with ExitStack() as stack:
        yield Opened(opened.row, opened.kept, lambda: stack.enter_context(again.snapshot(workspace, dict(opened.row))))
