"""The real collection through the front door: imported, a cycle run, and the compiled graph asked who reaches whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.company import few_worlds, run
from tests.corpus import plain_directory as plain
from tests.corpus.test_directory_paths import ARCHIVE, everything, principals, targets

from foreshore import graph
from foreshore.cycle import opened
from foreshore.workspace import Workspace

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the sample collection is not here: {ARCHIVE.name}"),
]


def spelled(identifier: str) -> str:
    """An identifier as the product keeps it: SIDs and names as they are, GUIDs of a directory with its mark."""
    return identifier.lower() if "S-1-" in identifier.upper() else f"ad:{identifier.lower()}"


def test_the_compiled_graph_finds_whoever_a_plain_search_finds(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ws", seed=5)
    few_worlds(tmp_path / "ws")
    assert run("import", str(ARCHIVE), "-w", str(tmp_path / "ws")).code == 0
    assert run("cycle", "-w", str(tmp_path / "ws")).code == 0
    edges = plain.edges(everything())
    with opened.with_facts(Workspace.open(tmp_path / "ws")) as found:
        table = found.snapshot.sql("""
            select lower(i.value) as value, coalesce(n.canonical, i.asset) as asset
            from identifiers i left join asset_now n on n.asset = i.asset where i.kind in ('sid', 'cloud_id', 'artifact')
        """)
        asset = dict(zip(table.column("value").to_pylist(), table.column("asset").to_pylist(), strict=True))
        states = found.found.compiled.states

        def admin(identifier: str) -> int:
            return int(states.admin(int(np.searchsorted(found.asset_keys, asset[spelled(identifier)]))))

        wanted = {target: plain.reachers(edges, target) & set(principals()) for target in targets()}
        for one in sorted(set().union(*wanted.values())):
            held = graph.reach(found.found.model.graph, np.array([admin(one)]))
            assert {target for target in targets() if held[admin(target)]} >= {
                target for target in targets() if one in wanted[target]
            }, one
