"""The partition of atoms into assets, over tables: sessions of short names and addresses, components,
contests.

Most components hold nothing that contradicts and are assets as they are; only contested ones go
through the joins one by one (`identity.join`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import facts
from foreshore.discovery import identity

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt


class Windows(NamedTuple):
    """Days within which a short name or address joins; public addresses change hands rarely."""

    name: int = 365
    address: int = 45
    public_address: int = 365


class Partition(NamedTuple):
    """`atoms` in content order, `roots` (index of the first atom of its asset), and the refused joins."""

    atoms: npt.NDArray[np.int64]
    roots: npt.NDArray[np.int64]
    refusals: list[identity.Refusal]


_PRIVATE = (
    "regexp_matches(value, '^(10\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\."
    "|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.|f[cd])')"
)


def window_sql(windows: Windows) -> str:
    """A DuckDB expression over (kind, value, basis): the days of the window; NULL: joins for ever.

    An anchor's window is that of what it rests on, which its value tells by its first letter.
    """
    return f"""CASE
        WHEN kind = 'ip' THEN CASE WHEN {_PRIVATE} THEN {windows.address} ELSE {windows.public_address} END
        WHEN kind IN ('hostname', 'netbios') OR (kind = 'anchor' AND value LIKE 's%') THEN {windows.name}
        WHEN kind = 'anchor' AND value LIKE 'p%' THEN {windows.public_address}
        WHEN kind = 'anchor' AND value LIKE 'i%' THEN {windows.address} END"""


def compute(
    connection: duckdb.DuckDBPyConnection, windows: Windows, reviews: Sequence[facts.AssetReview] = ()
) -> Partition:
    """Partition the atoms of the table `pi(atom, site, kind, value, day)`, which must be closed.

    Closed: it holds all identifiers of all atoms that share any identifier with one of its atoms, or
    that a person called the same as one of them. Reviews of other atoms are left out.
    """
    import numpy as np

    _number(connection)
    count = int(_one(connection, "SELECT count(*) FROM pi_atom"))
    pairs = connection.execute("SELECT gid, num FROM pi_group ORDER BY gid, num").fetchnumpy()
    gids, numbers = np.asarray(pairs["gid"], np.int64), np.asarray(pairs["num"], np.int64)
    atoms = np.asarray(connection.execute("SELECT atom FROM pi_atom ORDER BY num").fetchnumpy()["atom"], np.int64)
    words = _words(atoms, reviews)
    component = _components(count, gids, numbers, words.same)
    roots = component.copy()
    refusals = _contests(connection, component, roots, gids, numbers, words)
    return Partition(atoms, roots, refusals)


class Words(NamedTuple):
    """What people said, as pairs of numbers of atoms."""

    same: list[identity.Pair]
    apart: list[identity.Pair]

    def about(self, number: dict[int, int]) -> Words:
        """Those of which both atoms are keys of `number`, as its values."""

        def inside(pairs: list[identity.Pair]) -> list[identity.Pair]:
            return [(number[one], number[other]) for one, other in pairs if one in number and other in number]

        return Words(inside(self.same), inside(self.apart))


def _words(atoms: npt.NDArray[np.int64], reviews: Sequence[facts.AssetReview]) -> Words:
    said = Words(
        sorted((one.left, one.right) for one in reviews if one.same),
        sorted((one.left, one.right) for one in reviews if not one.same),
    )
    wanted = {atom for pairs in said for pair in pairs for atom in pair}
    return said.about({atom: number for number, atom in enumerate(atoms.tolist()) if atom in wanted})


def _number(connection: duckdb.DuckDBPyConnection) -> None:
    """Number the atoms by content, and list the groups of atoms that share an identifier, in joining
    order."""
    ranks = ", ".join(f"'{kind}': {rank}" for kind, rank in identity.ORDER.items())
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE pi_atom AS
        SELECT atom, held, row_number() OVER (ORDER BY held, day, atom) - 1 AS num FROM (
            SELECT atom, min(value) FILTER (kind = 'anchor') AS held, min(day) FILTER (kind = 'anchor') AS day
            FROM pi GROUP BY atom)"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE pi_session AS
        WITH dated AS (
            SELECT DISTINCT p.*, kind IN ('ip', 'hostname', 'netbios', 'anchor') AS weak FROM pi_windowed p
        ), gaps AS (
            SELECT *, day - lag(day) OVER (PARTITION BY site, kind, value ORDER BY day) AS gap
            FROM dated WHERE weak
        ), sessions AS (
            SELECT atom, site, kind, value, sum(CASE WHEN gap > days THEN 1 ELSE 0 END)
                OVER (PARTITION BY site, kind, value ORDER BY day RANGE UNBOUNDED PRECEDING) AS session FROM
                    gaps
        ) SELECT DISTINCT s.atom, s.kind, s.value, s.site, s.session FROM sessions s
          UNION ALL
          SELECT DISTINCT atom, kind, value, CASE WHEN starts_with(value, '{identity.UNPLACED}') THEN site ELSE ''
              END AS site, 0 AS session FROM dated WHERE NOT weak"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE pi_group AS
        WITH shared AS (
            SELECT kind, value, site, session FROM pi_session JOIN pi_atom USING (atom) GROUP BY ALL HAVING
                count(*) > 1
                AND (kind NOT IN ('ip', 'hostname', 'netbios') OR count(DISTINCT held) <= {identity.CROWD})
        ), numbered AS (
            SELECT *, row_number() OVER (ORDER BY MAP {{{ranks}}}[kind], value, site, session) AS gid FROM
                shared
        ) SELECT n.gid, a.num, n.kind, n.value FROM numbered n
          JOIN pi_session s USING (kind, value, site, session) JOIN pi_atom a USING (atom)"""
    )


def with_windows(connection: duckdb.DuckDBPyConnection, windows: Windows) -> None:
    """Make `pi_windowed` from `pi`: each row with the days of its window."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW pi_windowed AS SELECT *, {window_sql(windows)} AS days FROM pi")


def _components(
    count: int, gids: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64], same: list[identity.Pair]
) -> npt.NDArray[np.int64]:
    """For each atom the smallest atom that it is connected with through shared identifiers or people's words."""
    import numpy as np

    if not len(gids) and not same:
        return np.arange(count, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    start = np.r_[True, gids[1:] != gids[:-1]][: len(gids)]
    heads = numbers[np.maximum.accumulate(np.where(start, np.arange(len(gids)), 0))]
    left, right = (np.array([pair[end] for pair in same], np.int64) for end in (0, 1))
    heads, numbers = np.r_[heads, left], np.r_[numbers, right]
    graph = coo_array((np.ones(len(heads), np.int8), (heads, numbers)), shape=(count, count))
    _found, labels = connected_components(graph, directed=False)
    _values, first = np.unique(labels, return_index=True)
    return np.asarray(first[labels], np.int64)


def _contests(
    connection: duckdb.DuckDBPyConnection,
    component: npt.NDArray[np.int64],
    roots: npt.NDArray[np.int64],
    gids: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    words: Words,
) -> list[identity.Refusal]:
    """Take contested components apart again, in place; returns the refused joins."""
    import numpy as np
    import pyarrow as pa

    table = pa.table({"num": np.arange(len(component)), "comp": component})
    connection.register("pi_component", table)
    single = ", ".join(f"'{kind}'" for kind in facts.SINGLE_VALUED)
    contested = connection.execute(
        f"""WITH held AS (
            SELECT c.comp, p.kind, count(DISTINCT p.value) AS held FROM pi p JOIN pi_atom a USING (atom)
            JOIN pi_component c USING (num) WHERE p.kind IN ({single}) GROUP BY ALL
        ), named AS (
            SELECT c.comp, count(DISTINCT left(split_part(p.value, '.', 1), 15)) AS held
            FROM pi p JOIN pi_atom a USING (atom) JOIN pi_component c USING (num)
            WHERE p.kind IN ('fqdn', 'hostname', 'netbios') GROUP BY ALL
        ), addressed AS (SELECT DISTINCT c.comp FROM pi_group g JOIN pi_component c USING (num) WHERE g.kind
            = 'ip')
        SELECT comp FROM held WHERE held > 1
        UNION SELECT comp FROM named JOIN addressed USING (comp) WHERE held > 1"""
    ).fetchnumpy()["comp"]
    spoken = [component[atom] for pair in (*words.same, *words.apart) for atom in pair]
    contested = np.union1d(np.asarray(contested, np.int64), np.array(spoken, np.int64))
    refusals: list[identity.Refusal] = []
    if len(contested):
        inside = np.isin(component, contested)
        refusals = _rejoin(connection, np.flatnonzero(inside), roots, gids, numbers, words)
    connection.unregister("pi_component")
    return refusals


def _rejoin(
    connection: duckdb.DuckDBPyConnection,
    members: npt.NDArray[np.int64],
    roots: npt.NDArray[np.int64],
    gids: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    words: Words,
) -> list[identity.Refusal]:
    import numpy as np
    import pyarrow as pa

    local = {int(number): place for place, number in enumerate(members)}
    connection.register("pi_member", pa.table({"num": members}))
    groups = _groups(connection, local, gids, numbers, members)
    single: dict[int, dict[str, frozenset[str]]] = {}
    labels: dict[int, frozenset[str]] = {}
    rows = connection.execute(
        "SELECT DISTINCT num, kind, value FROM pi JOIN pi_atom USING (atom) JOIN pi_member USING (num)"
    ).fetchall()
    for number, kind, value in rows:
        atom = local[number]
        if kind in facts.SINGLE_VALUED:
            held = single.setdefault(atom, {})
            family = identity.family_of(kind, value)
            held[family] = held.get(family, frozenset()) | {value}
        if label := identity.label_of(kind, value):
            labels[atom] = labels.get(atom, frozenset()) | {label}
    connection.unregister("pi_member")
    found, refusals = identity.join(len(members), groups, single, labels, *words.about(local))
    roots[members] = members[np.asarray(found, np.int64)]
    return [one._replace(left=int(members[one.left]), right=int(members[one.right])) for one in refusals]


def _groups(
    connection: duckdb.DuckDBPyConnection,
    local: dict[int, int],
    gids: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    members: npt.NDArray[np.int64],
) -> list[identity.Group]:
    import numpy as np

    taken = np.isin(numbers, members)
    gids, numbers = gids[taken], numbers[taken]
    if not len(gids):
        return []  # an atom that contradicts itself, alone
    edges = np.flatnonzero(np.r_[True, gids[1:] != gids[:-1]])
    rows = connection.execute("SELECT DISTINCT gid, kind, value FROM pi_group JOIN pi_member USING (num)").fetchall()
    names = {gid: (kind, value) for gid, kind, value in rows}
    groups = []
    for start, stop in zip(edges, np.r_[edges[1:], len(gids)], strict=True):
        kind, value = names[int(gids[start])]
        groups.append(identity.Group(kind, value, tuple(local[int(one)] for one in numbers[start:stop])))
    return groups


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
