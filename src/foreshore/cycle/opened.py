"""The served cycle's graph opened again for questions, with the names that people use for its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.cycle import again
from foreshore.prioritization.explain import Narrator
from foreshore.prioritization.modelled import Modelled, modelled

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.workspace import Workspace

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_IDENTIFIERS = """
    select coalesce(n.canonical, i.asset) as asset, list(distinct i.value order by i.value) as identifiers
    from identifiers i left join asset_now n on n.asset = i.asset where i.observed_at <= $as_of group by 1
"""


@dataclass(frozen=True)
class Opened:
    """A compiled cycle and the snapshot it was compiled from; valid while that is open."""

    cycle: int
    snapshot: LakeSnapshot
    found: Modelled

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

        from foreshore.query import attributes

        moment = attributes.moment(self.snapshot.as_of)
        named = self.snapshot.sql(_IDENTIFIERS.replace("$as_of", moment))
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
        return self.snapshot.sql(query, here=self.found.context.assets, named=named, members=members)


@contextmanager
def served(workspace: Workspace) -> Iterator[Opened]:
    """Yield the served cycle, compiled again; raises NothingToRead before the first cycle."""
    row = again.served(workspace)
    with again.snapshot(workspace, row) as snapshot:
        yield Opened(int(row["cycle"]), snapshot, modelled(snapshot))
