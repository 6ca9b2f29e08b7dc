"""From staged sightings to assets: atoms, their identifiers, the partition, aliases and questions for people.

All functions work on the scratch tables of a `Staging` and read the lake at its pinned version.
Tables made: `atom_of(run, no, atom, fresh)`, `canon(atom, before, canonical)` (NULL before: new).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foreshore import facts, keys
from foreshore.discovery import identity, partition
from foreshore.discovery.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

FOREVER = 10_000_000  # days

LONGEST_CHAIN = 32  # steps; a ring ends here

# The alias of an id that is in force: the latest that was written; an id that points at itself is free again.
LATEST = """
    SELECT a.old, arg_max(a.new, a.generation) AS new FROM {table} a {limit} GROUP BY a.old
"""


def latest_aliases(lake: Lake, table: str, ids: pa.Table | None = None) -> pa.Table:
    """Return (old, new) as in force, to the ends of their chains; of all ids, or only of those in column `id` of `ids`.

    A chain arises where an id that others lead to moves on later; the views of the store follow it too.
    """
    import pyarrow as pa

    found = _latest(lake, table, ids)
    for _ in range(LONGEST_CHAIN):
        further = _latest(lake, table, pa.table({"id": found.column("new")})) if found.num_rows else found
        if not further.num_rows:
            break
        query = "SELECT f.old, coalesce(n.new, f.new) AS new FROM found f LEFT JOIN further n ON n.old = f.new"
        found = lake.sql(query, found=found, further=further)
    return found


def _latest(lake: Lake, table: str, ids: pa.Table | None) -> pa.Table:
    if ids is None:
        return lake.sql(f"FROM ({LATEST.format(table=table, limit='')}) WHERE old <> new")
    limit = "WHERE a.old IN (SELECT id FROM wanted_ids)"
    return lake.sql(f"FROM ({LATEST.format(table=table, limit=limit)}) WHERE old <> new", wanted_ids=ids)


def settle(
    lake: Lake, staging: Staging, windows: partition.Windows, seed: int, reviews: Sequence[facts.AssetReview] = ()
) -> dict[str, pa.Table]:
    """Resolve staged sightings to assets; returns rows for assets, identifiers, aliases, conflicts.

    `reviews` are people's words on pairs of assets; with `staging.reviewing` all of them are settled, also
    those that no sighting touches.
    """
    _dated(staging)
    _atoms(lake, staging, windows, seed)
    _identifiers(lake, staging)
    _closure(lake, staging, reviews)
    partition.with_windows(staging.connection, windows)
    found = partition.compute(staging.connection, windows, reviews)
    _canonical(lake, staging, found)
    rows = {
        "assets": staging.rows("SELECT atom AS asset, kind, site, run FROM atom_fresh ORDER BY place"),
        "identifiers": staging.rows(
            "SELECT sighting, run, atom AS asset, site, kind, value, observed_at FROM identifier_new"
        ),
        "asset_aliases": staging.rows(
            f"""SELECT atom AS old, canonical AS new, '{identity.RECIPE}' AS recipe, (SELECT run FROM
                last_run) AS run,
                CASE WHEN canonical = atom THEN 'told apart again' ELSE 'shared identifiers' END AS reason
            FROM canon WHERE canonical <> coalesce(before, atom) ORDER BY old"""
        ),
    }
    rows["asset_conflicts"] = _conflicts(lake, staging, found)
    return rows


def _dated(staging: Staging) -> None:
    """The staged sightings and identifiers with site, day and key."""
    staging.make("last_run", "SELECT run FROM st_runs ORDER BY observed_at DESC, digest DESC, run LIMIT 1")
    staging.make(
        "sighted",
        f"""SELECT s.*, r.site, coalesce(s.observed_at, r.observed_at) AS moment, r.digest,
            {keys.sql("'sighting'", "s.run::VARCHAR", "s.no::VARCHAR")} AS sighting
        FROM st_sightings s JOIN st_runs r USING (run)""",
    )
    staging.make(
        "identified",
        """SELECT s.run, s.no, s.sighting, s.site, i.kind, i.value, coalesce(i.observed_at, s.moment) AS
        moment
        FROM st_identifiers i JOIN sighted s USING (run, no)
        UNION ALL SELECT run, no, sighting, site, 'anchor', anchor, moment FROM sighted""",
    )


def _atoms(lake: Lake, staging: Staging, windows: partition.Windows, seed: int) -> None:
    """Find or mint the atom of each sighting: of its anchor, within the anchor's time window."""
    anchors = staging.rows("SELECT DISTINCT anchor AS value FROM sighted")
    staging.hold(
        "anchor_old",
        lake.sql(
            """SELECT value, observed_at::DATE AS day, asset FROM identifiers
            WHERE kind = 'anchor' AND value IN (SELECT value FROM wanted_anchors) GROUP BY ALL""",
            wanted_anchors=anchors,
        ),
    )
    staging.make(
        "anchor_session",
        f"""WITH dated AS (
            SELECT value, day, asset, NULL AS run, 'anchor' AS kind FROM anchor_old UNION ALL
            SELECT DISTINCT anchor, moment::DATE, NULL::BIGINT, NULL, 'anchor' FROM sighted
        ), gaps AS (
            SELECT *, coalesce({partition.window_sql(windows)}, {FOREVER}) AS days,
                day - lag(day) OVER (PARTITION BY value ORDER BY day) AS gap FROM dated
        ), sessions AS (
            SELECT value, day, asset, sum(CASE WHEN gap > days THEN 1 ELSE 0 END)
                OVER (PARTITION BY value ORDER BY day RANGE UNBOUNDED PRECEDING) AS session FROM gaps
        ), atoms AS (SELECT value, session, min(asset) AS atom FROM sessions GROUP BY ALL)
        SELECT DISTINCT value, day, session, atom FROM sessions JOIN atoms USING (value, session)""",
    )
    _mint(lake, staging, seed)
    staging.make(
        "atom_of",
        """SELECT s.run, s.no, coalesce(a.atom, m.atom) AS atom, a.atom IS NULL AS fresh
        FROM sighted s JOIN anchor_session a ON a.value = s.anchor AND a.day = s.moment::DATE
        LEFT JOIN minted m ON m.value = a.value AND m.session = a.session AND a.atom IS NULL""",
    )
    staging.make(
        "atom_fresh",
        """SELECT o.atom, arg_min(s.kind, (s.moment, s.digest, s.no)) AS kind, any_value(s.site) AS site,
            arg_min(s.run, (s.moment, s.digest, s.no)) AS run, min(m.place) AS place
        FROM atom_of o JOIN sighted s USING (run, no) JOIN minted m USING (atom) WHERE o.fresh GROUP BY
            o.atom""",
    )


def _mint(lake: Lake, staging: Staging, seed: int) -> None:
    import itertools

    import pyarrow as pa

    fresh = staging.rows("SELECT value, session FROM anchor_session WHERE atom IS NULL GROUP BY ALL ORDER BY ALL")
    start = int(lake.sql("SELECT count(*) AS held FROM assets").column(0)[0].as_py())
    minted = list(itertools.islice(keys.mint(seed, "asset", start), fresh.num_rows))
    fresh = fresh.append_column("atom", pa.array(minted, pa.int64()))
    fresh = fresh.append_column("place", pa.array(range(fresh.num_rows), pa.int64()))
    staging.hold("minted", fresh)


def _identifiers(lake: Lake, staging: Staging) -> None:
    """The staged identifiers that say something new: of short names and addresses, also a new day."""
    staging.make(
        "identified_atom",
        """SELECT o.atom, i.site, i.kind, i.value, i.moment::DATE AS day, arg_min(i.sighting, (i.moment,
        i.run, i.no)) AS sighting,
            arg_min(i.run, (i.moment, i.run, i.no)) AS run, min(i.moment) AS observed_at
        FROM identified i JOIN atom_of o USING (run, no) GROUP BY ALL""",
    )
    wanted = staging.rows("SELECT DISTINCT atom AS id FROM atom_of WHERE NOT fresh")
    staging.hold(
        "identifier_old",
        lake.sql(
            """SELECT DISTINCT asset AS atom, kind, value, observed_at::DATE AS day FROM identifiers
            WHERE asset IN (SELECT id FROM wanted_ids)""",
            wanted_ids=wanted,
        ),
    )
    staging.make(
        "identifier_new",
        """SELECT n.* FROM identified_atom n
        WHERE NOT EXISTS (SELECT 1 FROM identifier_old o WHERE o.atom = n.atom AND o.kind = n.kind
            AND o.value = n.value AND (o.day = n.day OR NOT (n.kind IN ('ip', 'hostname', 'netbios')
                OR (n.kind = 'anchor' AND n.value[1] IN ('s', 'i', 'p')))))""",
    )


def _closure(lake: Lake, staging: Staging, reviews: Sequence[facts.AssetReview]) -> None:
    """Fill `pi` with the staged identifiers and those of all atoms that are connected with them."""
    import pyarrow as pa

    staging.make("pi", "SELECT DISTINCT atom, site, kind, value, day FROM identifier_new")
    staging.make("asked", "SELECT NULL::VARCHAR AS kind, NULL::VARCHAR AS value, NULL::VARCHAR AS site LIMIT 0")
    known = pa.table({"id": pa.array([], pa.int64())})
    staging.make("frontier", f"SELECT DISTINCT kind, value, {_SITE} AS site FROM identified_atom")
    _spoken(staging, reviews)
    while True:
        more = lake.sql(
            """SELECT id FROM (
                SELECT DISTINCT i.asset AS id FROM identifiers i JOIN frontier_values f
                    ON i.kind = f.kind AND i.value = f.value AND (f.site = '' OR f.site = i.site)
                UNION SELECT id FROM spoken_ids)
            WHERE id NOT IN (SELECT id FROM known_ids)""",
            frontier_values=staging.rows("FROM frontier"),
            spoken_ids=staging.rows(_SPOKEN),
            known_ids=known,
        )
        if not more.num_rows:
            return
        known = pa.concat_tables([known, more])
        rows = lake.sql(
            """SELECT DISTINCT asset AS atom, site, kind, value, observed_at::DATE AS day FROM identifiers
            WHERE asset IN (SELECT id FROM wanted_ids)""",
            wanted_ids=more,
        )
        staging.hold("pi_more", rows)
        staging.connection.execute("INSERT INTO pi FROM pi_more")
        staging.connection.execute("INSERT INTO asked FROM frontier")
        staging.make(
            "frontier",
            f"""SELECT DISTINCT kind, value, {_SITE} AS site FROM pi_more
            EXCEPT SELECT kind, value, site FROM asked""",
        )


def _spoken(staging: Staging, reviews: Sequence[facts.AssetReview]) -> None:
    """`review_pair`: people's words; `reviewed`: those that are settled for their own sake."""
    import pyarrow as pa

    ends = {"l": [one.left for one in reviews], "r": [one.right for one in reviews]}
    pairs = pa.table({name: pa.array(ids, pa.int64()) for name, ids in ends.items()})
    staging.hold("review_pair", pairs)
    staging.hold("reviewed", pairs.slice(0, pairs.num_rows if staging.reviewing else 0))


# Atoms of which a person said something together with one that is known, or that are settled for their own sake.
_SPOKEN = """
    SELECT r AS id FROM review_pair WHERE l IN (SELECT atom FROM pi UNION SELECT atom FROM atom_of)
    UNION SELECT l FROM review_pair WHERE r IN (SELECT atom FROM pi UNION SELECT atom FROM atom_of)
    UNION SELECT l FROM reviewed UNION SELECT r FROM reviewed"""
_SITE = "CASE WHEN kind IN ('ip', 'hostname', 'netbios') THEN site ELSE '' END"


def _canonical(lake: Lake, staging: Staging, found: partition.Partition) -> None:
    """Which atom speaks for its asset: one that did before, the oldest of them."""
    import pyarrow as pa

    staging.hold("parted", pa.table({"atom": found.atoms, "part": found.roots}))
    ids = staging.rows("SELECT atom AS id FROM parted")
    staging.hold("alias_old", latest_aliases(lake, "asset_aliases", ids))
    staging.hold(
        "asset_age",
        lake.sql(
            """SELECT a.asset AS atom, min(r.known_at) AS known_at FROM assets a JOIN runs r USING (run)
            WHERE a.asset IN (SELECT id FROM wanted_ids) GROUP BY a.asset""",
            wanted_ids=ids,
        ),
    )
    staging.make(
        "canon",
        """WITH held AS (
            SELECT p.atom, p.part, CASE WHEN g.atom IS NULL THEN NULL ELSE coalesce(a.new, p.atom) END AS
                before,
                CASE WHEN g.atom IS NULL THEN 2 WHEN a.new IS NULL THEN 0 ELSE 1 END AS rank,
                g.known_at, m.place
            FROM parted p LEFT JOIN asset_age g USING (atom) LEFT JOIN alias_old a ON a.old = p.atom
            LEFT JOIN minted m ON m.atom = p.atom
        ) SELECT atom, before, first_value(atom) OVER (
            PARTITION BY part ORDER BY rank, known_at, place, atom) AS canonical FROM held""",
    )


def _conflicts(lake: Lake, staging: Staging, found: partition.Partition) -> pa.Table:
    """Refused joins that nobody was asked about yet."""
    import pyarrow as pa

    atoms = found.atoms
    rows = [
        (
            keys.of("conflict", one.kind, one.value, *sorted((int(atoms[one.left]), int(atoms[one.right])))),
            one,
        )
        for one in found.refusals
    ]
    staging.hold(
        "refused",
        pa.table(
            {
                "conflict": pa.array([key for key, _one in rows], pa.int64()),
                "left_asset": pa.array([int(atoms[one.left]) for _key, one in rows], pa.int64()),
                "right_asset": pa.array([int(atoms[one.right]) for _key, one in rows], pa.int64()),
                "kind": pa.array([one.kind for _key, one in rows], pa.string()),
                "value": pa.array([one.value for _key, one in rows], pa.string()),
                "reason": pa.array([one.reason for _key, one in rows], pa.string()),
            }
        ),
    )
    staging.hold("conflict_old", lake.sql("SELECT DISTINCT conflict FROM asset_conflicts"))
    return staging.rows(
        """SELECT DISTINCT conflict, (SELECT run FROM last_run) AS run, left_asset, right_asset, kind,
        value, reason
        FROM refused WHERE conflict NOT IN (SELECT conflict FROM conflict_old) ORDER BY conflict"""
    )
