"""Which looks an exposure got, over tables, and its life from them; see `life` for the rules.

Most exposures of an import were only reported (again): their life is one event, written without a
fold. Only those that were missed somewhere, or whose life holds more, are folded from all their looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import life
from foreshore.discovery.columns import SEVERITY, TIME
from foreshore.discovery.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

_FIXED = 1  # rank of the word "fixed" in `seen`
_OUTSIDE = 1  # rank of a look without login in `coverage`


def cover(staging: Staging, rules: life.Rules) -> dict[str, pa.Table]:
    """The coverage of the staged runs: as their reports say, or as a person declared."""
    staging.make(
        "cover_new",
        f"""WITH declared AS (
            SELECT run, site, string_split(coverage_text, ':')[1] AS extent,
                MAP {{{_floors()}}}[coalesce(nullif(string_split(coverage_text, ':')[2], ''),
                    'info')]::TINYINT AS floor
            FROM st_runs WHERE coverage = 'declared'
        ) SELECT DISTINCT c.run, o.atom AS asset, c.checks, c.floor, (CASE c.authenticated WHEN true THEN
            {rules.package}
            WHEN false THEN {_OUTSIDE} ELSE 0 END)::TINYINT AS proof, coalesce(c.places, '') AS places
        FROM st_covered c JOIN atom_of o USING (run, no) JOIN st_runs r USING (run) WHERE r.coverage =
            'complete'
        UNION ALL SELECT DISTINCT d.run, o.atom, '*', d.floor, 0::TINYINT, '' FROM declared d JOIN atom_of o
            USING (run)
        UNION ALL SELECT run, NULL, '*', floor, 0::TINYINT, '' FROM declared WHERE extent = 'site'""",
    )
    return {
        "coverage": staging.rows("FROM cover_new ORDER BY run, asset"),
        "check_sets": staging.rows("SELECT DISTINCT checks, rule FROM st_check_sets ORDER BY ALL"),
    }


def _floors() -> str:
    return ", ".join(f"'{name}': {rank}" for name, rank in SEVERITY.items())


def settle(lake: Lake, staging: Staging, rules: life.Rules, claims: Sequence[facts.Decision]) -> dict[str, pa.Table]:
    """Fold the lives that the staged runs touch; returns the events to append.

    Leaves `before(exposure, kind)` and `after(exposure, kind)`: the last events of what was touched.
    """
    _shown(staging)
    _previous(lake, staging)
    _claims(lake, staging, claims)
    _suspects(lake, staging)
    _full(staging)
    plain = _plain(staging)
    folded = _fold(lake, staging, rules)
    staging.hold("event_folded", folded)
    staging.hold("event_plain", plain)
    staging.make(
        "event_new",
        f"""FROM event_plain UNION ALL BY NAME SELECT e.* FROM event_folded e
        WHERE exposure IN (
            SELECT exposure FROM (SELECT exposure, {_DIGEST} AS content FROM event_folded GROUP BY exposure)
            LEFT JOIN (SELECT exposure, {_DIGEST} AS held FROM event_old SEMI JOIN event_folded USING (exposure)
                GROUP BY exposure) USING (exposure)
            WHERE content IS DISTINCT FROM held)""",
    )
    staging.make(
        "after",
        f"SELECT exposure, arg_max(kind, (happened_at, {_ORDER})) AS kind FROM event_new GROUP BY exposure",
    )
    return {"exposure_events": staging.rows("FROM event_new ORDER BY exposure, happened_at")}


_ORDER = "list_position(['opened', 'claimed', 'fixed', 'reopened'], kind)"
_DIGEST = "string_agg(concat_ws(' ', happened_at, kind, source, run, reason), '|' ORDER BY happened_at, kind, run)"


def _shown(staging: Staging) -> None:
    """`shown`: what each staged run showed of each canonical exposure."""
    staging.make(
        "shown",
        """SELECT m.canonical AS exposure, s.run, s.source, s.moment, s.digest, max(s.proof) AS rank,
            min(s.word) AS word
        FROM spotted s JOIN member m USING (exposure) GROUP BY ALL""",
    )
    staging.make("home", "SELECT DISTINCT canonical AS exposure, asset FROM grouped")


def _previous(lake: Lake, staging: Staging) -> None:
    """`event_old`: the lives in force of what may be touched, and `before`, their last events."""
    ids = staging.rows("SELECT DISTINCT canonical AS exposure FROM member WHERE NOT fresh")
    staging.hold(
        "event_old",
        lake.sql(
            """SELECT e.exposure, e.happened_at, e.kind, e.source, e.run, e.reason, r.digest
            FROM exposure_events_now e SEMI JOIN wanted USING (exposure) LEFT JOIN runs r ON r.run = e.run""",
            wanted=ids,
        ),
    )
    staging.make(
        "before",
        f"SELECT exposure, arg_max(kind, (happened_at, {_ORDER})) AS kind FROM event_old GROUP BY exposure",
    )
    staging.make(
        "simple",
        """SELECT exposure, any_value(happened_at) AS moment, any_value(digest) AS digest FROM event_old
        GROUP BY exposure HAVING count(*) = 1 AND any_value(kind) = 'opened' AND any_value(reason) = ''""",
    )


def _claims(lake: Lake, staging: Staging, claims: Sequence[facts.Decision]) -> None:
    """`claim(exposure, moment)`:
    people's words that something is fixed, given now or kept in earlier lives."""
    import pyarrow as pa

    given = [one for one in claims if one.disposition == "claimed_fixed"]
    times = [one.decided_at if one.decided_at.tzinfo is None else one.decided_at.astimezone(UTC) for one in given]
    staging.hold(
        "claim_given",
        pa.table(
            {
                "exposure": pa.array([one.exposure for one in given], pa.int64()),
                "moment": pa.array([moment.replace(tzinfo=None) for moment in times], TIME),
            }
        ),
    )
    staging.hold(
        "claim_held",
        lake.sql(
            """SELECT DISTINCT exposure, happened_at AS moment FROM exposure_events
            WHERE kind = 'claimed' OR (kind = 'fixed' AND reason LIKE 'claimed fixed, verified%')"""
        ),
    )
    staging.make(
        "claim",
        """SELECT DISTINCT m.canonical AS exposure, c.moment, c.given FROM (
            SELECT *, true AS given FROM claim_given UNION ALL SELECT *, false FROM claim_held) c
        JOIN (FROM (SELECT exposure, canonical FROM member) UNION SELECT canonical, canonical FROM member) m
            USING (exposure)""",
    )


def _suspects(lake: Lake, staging: Staging) -> None:
    """`missed`: (exposure, run) where a staged run, or a later one known before, looked and did not show
    it."""
    staging.make("suspect_cover", _ON_ASSETS.format(cover="cover_new", runs="st_runs"))
    staging.make(
        "suspect",
        """SELECT DISTINCT h.exposure, c.run, c.source, c.checks, c.floor, c.proof, c.places FROM home h
        JOIN suspect_cover c USING (asset)
        WHERE NOT EXISTS (SELECT 1 FROM shown s WHERE s.exposure = h.exposure AND s.run = c.run)""",
    )
    _late(lake, staging)
    _knows(lake, staging, "SELECT DISTINCT exposure FROM suspect")
    staging.make("missed", _missed(lake, staging, "suspect"))


_ON_ASSETS = """
    SELECT DISTINCT coalesce(t.canonical, w.canonical) AS asset, c.run, r.source, r.observed_at AS moment,
        r.digest, c.checks,
        c.floor, c.proof, c.places
    FROM {cover} c JOIN {runs} r USING (run) LEFT JOIN touched_atom t ON t.atom = c.asset
    LEFT JOIN (SELECT DISTINCT i.site, t.canonical FROM atom_site i JOIN touched_atom t USING (atom)) w
        ON c.asset IS NULL AND w.site = r.site
    WHERE coalesce(t.canonical, w.canonical) IS NOT NULL"""


def sites(lake: Lake, staging: Staging) -> None:
    """`atom_site(atom, site)` of the touched atoms, for runs that cover a whole site."""
    staging.hold(
        "atom_site_old",
        lake.sql(
            "SELECT asset AS atom, site FROM assets WHERE asset IN (SELECT id FROM wanted_ids)",
            wanted_ids=staging.rows("SELECT atom AS id FROM touched_atom"),
        ),
    )
    staging.make("atom_site", "FROM atom_site_old UNION SELECT atom, site FROM atom_fresh")


def _late(lake: Lake, staging: Staging) -> None:
    """Add to `suspect` what runs that are known already, and later than a staged one, did not show."""
    later = lake.sql(
        """SELECT r.run, r.source, r.site, r.observed_at, r.digest FROM runs r
        JOIN (SELECT source, min(observed_at) AS since FROM staged GROUP BY source) s
        ON s.source = r.source AND r.observed_at >= s.since WHERE r.coverage <> 'none'""",
        staged=staging.rows("SELECT source, observed_at FROM st_runs"),
    )
    if not later.num_rows:
        return
    staging.hold("late_run", later)
    wanted = staging.rows("SELECT atom AS id FROM touched_atom")
    staging.hold(
        "late_cover",
        lake.sql(
            """SELECT run, asset, checks, floor, proof, coalesce(places, '') AS places FROM coverage
            WHERE run IN (SELECT run FROM late_runs) AND (asset IS NULL OR asset IN (SELECT id FROM
                wanted_ids))""",
            late_runs=later,
            wanted_ids=wanted,
        ),
    )
    staging.make("late_on", _ON_ASSETS.format(cover="late_cover", runs="late_run"))
    staging.hold(
        "late_seen",
        lake.sql(
            """SELECT run, exposure FROM seen
            WHERE run IN (SELECT run FROM late_runs) AND exposure IN (SELECT exposure FROM ids)""",
            late_runs=later,
            ids=staging.rows("SELECT DISTINCT exposure FROM member"),
        ),
    )
    staging.connection.execute(
        """INSERT INTO suspect
        SELECT DISTINCT h.exposure, c.run, c.source, c.checks, c.floor, c.proof, c.places
        FROM home h JOIN (SELECT DISTINCT exposure, source FROM shown) s USING (exposure)
        JOIN late_on c ON c.asset = h.asset AND c.source = s.source
        WHERE NOT EXISTS (SELECT 1 FROM late_seen l JOIN member m USING (exposure)
            WHERE m.canonical = h.exposure AND l.run = c.run)"""
    )


def _knows(lake: Lake, staging: Staging, exposures: str) -> None:
    """`knows(exposure, source, rule, spot, severity)`: by which checks, and where, a source reported `exposures`.

    A spot is a file or a port, '' where the finding names neither.
    """
    staging.make("known_member", f"SELECT exposure, canonical FROM member WHERE canonical IN ({exposures})")
    staging.hold(
        "known_old",
        lake.sql(
            f"""SELECT DISTINCT x.exposure, f.source, f.rule, f.severity, {_SPOT} AS spot FROM finding_exposures x
            JOIN findings f USING (finding) WHERE x.exposure IN (SELECT exposure FROM ids)""",
            ids=staging.rows("SELECT DISTINCT exposure FROM known_member"),
        ),
    )
    staging.make(
        "knows",
        f"""SELECT m.canonical AS exposure, k.source, k.rule, k.spot, min(k.severity) AS severity FROM (
            FROM known_old UNION ALL
            SELECT y.exposure, f.source, s.rule, s.severity, {_SPOT.replace("f.", "s.")} FROM yields y
            SEMI JOIN known_member USING (exposure)
            JOIN found f USING (finding) JOIN st_findings s ON s.rowid = f.row) k
        JOIN known_member m USING (exposure) GROUP BY ALL""",
    )


def _missed(lake: Lake, staging: Staging, suspects: str) -> str:
    """A query for those of `suspects` where the source knew the check and the run covered it."""
    names = staging.rows(
        f"""SELECT checks FROM {suspects} WHERE checks <> '*' UNION SELECT places FROM {suspects} WHERE places <> ''"""
    )
    staging.hold(
        "set_old",
        lake.sql("SELECT DISTINCT checks, rule FROM check_sets SEMI JOIN names USING (checks)", names=names),
    )
    staging.make("check_set", "FROM set_old UNION SELECT checks, rule FROM st_check_sets")
    # What was looked at in certain places counts where these are all the spots at which the source knows it.
    return f"""
        WITH least AS (
            SELECT exposure, source, min(severity) AS severity, count(DISTINCT spot) AS spots FROM knows GROUP BY ALL
        ), reported AS (
            SELECT s.*, l.spots FROM {suspects} s JOIN least l USING (exposure, source) WHERE s.floor <= l.severity
        )
        SELECT DISTINCT s.exposure, s.run, s.proof FROM reported s
        WHERE s.places = '' AND (s.checks = '*' OR EXISTS (
            SELECT 1 FROM knows k JOIN check_set c ON c.rule = k.rule
            WHERE k.exposure = s.exposure AND k.source = s.source AND c.checks = s.checks))
        UNION
        SELECT s.exposure, s.run, min(s.proof) FROM reported s
        JOIN knows k ON k.exposure = s.exposure AND k.source = s.source
        JOIN check_set p ON p.checks = s.places AND p.rule = k.spot
        WHERE s.checks = '*' OR EXISTS (SELECT 1 FROM check_set c WHERE c.checks = s.checks AND c.rule = k.rule)
        GROUP BY s.exposure, s.run HAVING count(DISTINCT k.spot) = any_value(s.spots)"""


# Where a finding is, as `Covered` names places: a file or a port. Its component may answer at several ports, of which
# one finding is kept: so what is located in a component is at no such spot.
_SPOT = r"""CASE f.place_kind WHEN 'port' THEN f.place WHEN 'code' THEN split_part(f.place, '|', 1)
    WHEN 'resource' THEN CASE WHEN f.place = f.path THEN regexp_replace(replace(f.path, '\', '/'), '^\./', '') ELSE '' END
    WHEN 'web' THEN 'tcp/' || regexp_extract(f.place, '^[A-Z]+ [a-z]+://[^/?#]*:([0-9]+)', 1) ELSE '' END"""


def _full(staging: Staging) -> None:
    """`refold`: the exposures whose life needs all their looks."""
    staging.make(
        "refold",
        """SELECT exposure FROM missed
        UNION SELECT exposure FROM shown WHERE word = 1
        UNION SELECT DISTINCT s.exposure FROM shown s JOIN before b USING (exposure) ANTI JOIN simple USING
            (exposure)
        UNION SELECT e.new FROM exposure_alias_new e WHERE NOT e.fresh
        UNION SELECT m.canonical FROM exposure_alias_new e JOIN member m ON m.exposure = e.before WHERE NOT
            e.fresh
        UNION SELECT DISTINCT m.canonical FROM exposure_alias_new e JOIN member m ON m.exposure = e.old
            WHERE NOT e.fresh
        UNION SELECT h.exposure FROM home h JOIN (SELECT canonical AS asset FROM canon WHERE canonical <>
            before
            UNION SELECT before FROM canon WHERE canonical <> before) USING (asset) JOIN member m ON
                m.canonical = h.exposure
            WHERE NOT m.fresh
        UNION SELECT canonical FROM member WHERE exposure IN
            (SELECT exposure FROM member GROUP BY exposure HAVING count(*) > 1 AND NOT any_value(fresh))
        UNION SELECT exposure FROM claim WHERE given
        UNION SELECT DISTINCT m.canonical FROM found_new n JOIN yields y USING (finding)
            JOIN member m USING (exposure) JOIN before b ON b.exposure = m.canonical""",
    )


def _plain(staging: Staging) -> pa.Table:
    """Lives that are one event: opened by the first presence."""
    return staging.rows(
        """WITH first AS (
            SELECT exposure, min({'moment': moment, 'digest': digest, 'source': source}) AS look,
                arg_min(run, (moment, digest, source)) AS run
            FROM shown ANTI JOIN refold USING (exposure) GROUP BY exposure
        ) SELECT f.exposure, f.look.moment AS happened_at, 'opened' AS kind, f.look.source AS source, f.run,
            '' AS reason
        FROM first f LEFT JOIN simple s USING (exposure)
        WHERE s.exposure IS NULL OR (f.look.moment, f.look.digest) < (s.moment, s.digest)"""
    )


def _fold(lake: Lake, staging: Staging, rules: life.Rules) -> pa.Table:
    """Fold the lives of `refold` from all looks."""
    import pyarrow as pa

    rows: list[tuple[object, ...]] = []
    if staging.value("SELECT count(*) FROM refold"):
        _looks(lake, staging)
        claims: dict[int, list[datetime]] = {}
        for exposure, moment in staging.connection.execute(
            "SELECT exposure, moment FROM claim SEMI JOIN refold USING (exposure) ORDER BY ALL"
        ).fetchall():
            claims.setdefault(exposure, []).append(moment)
        looks = staging.connection.execute(
            """SELECT exposure, moment, digest, source, present, rank, fixed, outside, run FROM look
            ORDER BY exposure, moment, digest"""
        ).fetchall()
        for exposure, group in groupby(looks, itemgetter(0)):
            events = life.fold((life.Look(*one[1:]) for one in group), claims.get(exposure, ()), rules)
            rows += [(exposure, *event) for event in events]
    names = ("exposure", "happened_at", "kind", "source", "run", "reason")
    kinds = (pa.int64(), TIME, pa.string(), pa.string(), pa.int64(), pa.string())
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(column, kind) for name, kind, column in zip(names, kinds, columns, strict=True)})


def _looks(lake: Lake, staging: Staging) -> None:
    """`look`: all looks at the exposures of `refold`, from the lake and the staged runs."""
    staging.make(
        "full_member",
        "SELECT exposure, canonical FROM member WHERE canonical IN (SELECT exposure FROM refold)",
    )
    ids = staging.rows("SELECT DISTINCT exposure FROM full_member")
    staging.hold(
        "seen_old",
        lake.sql(
            """SELECT s.exposure, s.run, r.source, r.observed_at AS moment, r.digest, s.proof, s.word
            FROM seen s JOIN runs r USING (run) WHERE s.exposure IN (SELECT exposure FROM ids)""",
            ids=ids,
        ),
    )
    staging.make(
        "presence",
        """SELECT canonical AS exposure, run, source, moment, digest, max(proof) AS rank, min(word) AS word
        FROM (
            FROM seen_old UNION ALL SELECT s.exposure, s.run, s.source, s.moment, s.digest, s.proof, s.word
                FROM spotted s)
        JOIN full_member USING (exposure) GROUP BY ALL""",
    )
    _knows(lake, staging, "SELECT exposure FROM refold")
    _covers(lake, staging)
    staging.make("absence", _missed(lake, staging, "unseen"))
    staging.make(
        "look",
        f"""SELECT exposure, moment, digest, source, true AS present, rank, word = {_FIXED} AS fixed, false
            AS outside, run
        FROM presence
        UNION ALL SELECT DISTINCT a.exposure, u.moment, u.digest, u.source, false, a.proof, false, a.proof =
            {_OUTSIDE}, a.run
        FROM absence a JOIN unseen u USING (exposure, run)""",
    )


def _covers(lake: Lake, staging: Staging) -> None:
    """`unseen`: every run that looked at the assets of `refold` and did not show the exposure."""
    staging.make("full_home", "SELECT DISTINCT h.* FROM home h SEMI JOIN refold USING (exposure)")
    staging.make(
        "full_atom",
        "SELECT t.atom AS id FROM touched_atom t WHERE canonical IN (SELECT asset FROM full_home)",
    )
    staging.hold(
        "cover_old",
        lake.sql(
            """SELECT c.run, c.asset, c.checks, c.floor, c.proof, coalesce(c.places, '') AS places FROM coverage c
            WHERE c.asset IS NULL OR c.asset IN (SELECT id FROM wanted_ids)""",
            wanted_ids=staging.rows("FROM full_atom"),
        ),
    )
    staging.hold(
        "run_old",
        lake.sql("SELECT run, source, site, observed_at, digest FROM runs WHERE coverage <> 'none'"),
    )
    staging.make("cover_all", "FROM cover_old UNION SELECT run, asset, checks, floor, proof, places FROM cover_new")
    staging.make("run_all", "FROM run_old UNION SELECT run, source, site, observed_at, digest FROM st_runs")
    staging.make("cover_on", _ON_ASSETS.format(cover="cover_all", runs="run_all"))
    staging.make(
        "unseen",
        """SELECT DISTINCT h.exposure, c.run, c.source, c.moment, c.digest, c.checks, c.floor, c.proof, c.places
        FROM full_home h JOIN cover_on c USING (asset)
        JOIN (SELECT DISTINCT exposure, source FROM presence) p USING (exposure, source)
        WHERE NOT EXISTS (SELECT 1 FROM presence s WHERE s.exposure = h.exposure AND s.run = c.run)""",
    )
