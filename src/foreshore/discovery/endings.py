"""What runs say of the extent that they listed and of assets that ended, from the staged rows to the lake's.

A staged extent has one row without an asset (`no` NULL; -1 where only a person's word makes it whole).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.discovery.staging import Staging

DECLARED = "assets"  # what a person writes as coverage: every asset that the source knows is in these files


def rows(staging: Staging) -> dict[str, pa.Table]:
    """Return the rows of `listed` and `ended`.

    Where a person declared that all assets are in a run's files and its reader names none of an extent, the run lists
    what it shows by kind: all hosts that the source knows, say. A kind of which it shows none is not stated.
    """
    return {
        "listed": staging.rows(
            f"""WITH declared AS (SELECT run FROM st_runs WHERE coverage_text = '{DECLARED}'),
            silent AS (SELECT run FROM declared ANTI JOIN (FROM st_listed WHERE no IS NOT NULL) USING (run)),
            kinds AS (SELECT s.run, s.no, 'all of kind ' || s.kind AS extent FROM st_sightings s SEMI JOIN silent USING (run))
            SELECT DISTINCT run, extent, NULL::BIGINT AS asset FROM st_listed
            WHERE no IS NULL OR (no = -1 AND run IN (SELECT run FROM declared))
            UNION ALL SELECT DISTINCT run, extent, NULL FROM kinds
            UNION ALL SELECT DISTINCT run, extent, o.atom FROM (
                SELECT run, no, extent FROM st_listed WHERE no >= 0 UNION ALL FROM kinds) JOIN atom_of o USING (run, no)
            ORDER BY ALL"""
        ),
        "ended": staging.rows(
            """SELECT s.run, o.atom AS asset, s.reason, coalesce(s.observed_at, r.observed_at) AS observed_at
            FROM st_ended s JOIN atom_of o USING (run, no) JOIN st_runs r USING (run) ORDER BY ALL"""
        ),
    }
