"""From staged findings to exposures: what is new, what was seen again, and which exposures are one.

An exposure is written on the atom that its finding names; which exposures are one is decided for the
whole asset: same weakness (by the aliases known) at the same place. Its canonical key is the key of
(canonical atom, weakness, place), so that it does not depend on who came first.

Tables made: `found(row, finding, atom, run, …)`, `yields(finding, exposure, row)`, `spotted` (seen of this
    import),
`member(exposure, canonical)` for all exposures of the touched assets, `touched(canonical, …)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreshore import keys, tables
from foreshore.discovery import assets
from foreshore.discovery.columns import WORD
from foreshore.discovery.staging import Staging

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

RECIPE = "place-1"
_KEY = keys.sql("atom::VARCHAR", "weakness", "place_kind", "place")
# The place of what sits in a component has no port, but one component may answer at several, each reached in its way.
_WHERE = """f.place || CASE WHEN f.port > 0 AND f.place_kind NOT IN ('port', 'web')
    THEN chr(30) || coalesce(nullif(lower(f.protocol), ''), 'tcp') || '/' || f.port ELSE '' END"""


def settle(lake: Lake, staging: Staging) -> dict[str, pa.Table]:
    """Turn staged findings into rows for checks, findings, exposures, finding_exposures and seen."""
    _names(lake, staging)
    _found(lake, staging)
    _yields(lake, staging)
    columns = [name for name in tables.names("findings") if name not in ("finding", "run", "asset", "source")]
    listed = ", ".join(f"f.{name}" for name in columns if name not in ("observed_at",))
    return {
        "checks": _checks(lake, staging),
        "findings": staging.rows(
            f"""SELECT n.finding, n.run, n.atom AS asset, n.source, {listed}, coalesce(f.observed_at,
                n.moment) AS observed_at
            FROM found_new n JOIN st_findings f ON f.rowid = n.row ORDER BY n.atom, n.finding"""
        ),
        "seen": staging.rows("SELECT run, exposure, proof, word FROM spotted ORDER BY run, exposure"),
    }


def _names(lake: Lake, staging: Staging) -> None:
    """`renamed(alias, weakness)`: the public names that are known to be another's, followed to their end."""
    pairs = lake.sql(
        "SELECT alias, min(weakness) AS weakness FROM weakness_aliases WHERE alias <> weakness GROUP BY alias"
    )
    ends = dict(zip(pairs.column("alias").to_pylist(), pairs.column("weakness").to_pylist(), strict=True))
    import pyarrow as pa

    final = {}
    for alias in ends:
        passed, name = {alias}, ends[alias]
        while name in ends and name not in passed:
            passed.add(name)
            name = ends[name]
        final[alias] = min(passed) if name in passed else name
    staging.hold(
        "renamed",
        pa.table({"alias": pa.array(final, pa.string()), "weakness": pa.array(final.values(), pa.string())}),
    )


def _found(lake: Lake, staging: Staging) -> None:
    """Key each staged finding by its content, and tell which contents are new."""
    content = keys.sql(
        "o.atom::VARCHAR", "r.source", "f.rule", "f.place_kind", _WHERE,
        "array_to_string(f.weaknesses, ' ')",
        "f.version", "f.fixed_version", "f.severity::VARCHAR", "f.proof::VARCHAR", "f.word", "f.kind",
    )  # fmt: skip
    staging.make(
        "found",
        f"""SELECT f.rowid AS row, {content} AS finding, o.atom, f.run, r.source, r.observed_at AS moment,
            r.digest
        FROM st_findings f JOIN atom_of o USING (run, no) JOIN st_runs r USING (run)""",
    )
    contents = staging.rows("SELECT DISTINCT finding FROM found")
    staging.hold(
        "finding_old",
        lake.sql("SELECT finding FROM findings SEMI JOIN contents USING (finding)", contents=contents),
    )
    staging.make(
        "found_new",
        """SELECT finding, arg_min(row, (moment, digest, row)) AS row, any_value(atom) AS atom,
        any_value(source) AS source,
            arg_min(run, (moment, digest, row)) AS run, min(moment) AS moment
        FROM found ANTI JOIN finding_old USING (finding) GROUP BY finding""",
    )


def _yields(lake: Lake, staging: Staging) -> None:
    """The exposures that findings yield, which of them are new, and what each run saw."""
    staging.make(
        "yields",
        f"""WITH named AS (
            SELECT n.finding, n.row, n.atom, unnest(f.names) AS name FROM (SELECT DISTINCT ON (finding)
                finding, row, atom FROM found) n
            JOIN st_findings f ON f.rowid = n.row
        ), mapped AS (
            SELECT DISTINCT n.finding, n.row, n.atom, coalesce(r.weakness, n.name) AS weakness
            FROM named n LEFT JOIN renamed r ON r.alias = n.name
        ) SELECT m.*, f.place_kind, f.place, f.kind, {_KEY} AS exposure FROM mapped m JOIN st_findings f ON
            f.rowid = m.row""",
    )
    words = ", ".join(f"'{word}': {rank}" for word, rank in WORD.items())
    staging.make(
        "spotted",
        f"""SELECT f.run, y.exposure, max(s.proof) AS proof, min(MAP {{{words}}}[s.word])::TINYINT AS word,
            min(s.severity) AS severity, any_value(f.moment) AS moment, any_value(f.digest) AS digest,
            any_value(f.source) AS source
        FROM found f JOIN yields y USING (finding) JOIN st_findings s ON s.rowid = f.row GROUP BY f.run,
            y.exposure""",
    )
    wanted = staging.rows("SELECT DISTINCT exposure FROM spotted")
    staging.hold(
        "exposure_old",
        lake.sql("SELECT exposure FROM exposures SEMI JOIN wanted USING (exposure)", wanted=wanted),
    )
    staging.make(
        "exposure_fresh",
        """WITH narrow AS (
            SELECT y.exposure, arg_min(f.row, (f.moment, f.digest, f.row)) AS row, arg_min(f.run, (f.moment,
                f.digest, f.row)) AS run,
                min(f.moment) AS first_seen, any_value(y.atom) AS asset, any_value(y.weakness) AS weakness
            FROM yields y JOIN found f USING (finding) ANTI JOIN exposure_old USING (exposure) GROUP BY
                y.exposure
        ) SELECT n.exposure, n.asset, n.weakness, s.kind, s.place_kind, s.place, s.title, n.run, n.first_seen
        FROM narrow n JOIN st_findings s ON s.rowid = n.row""",
    )


def _checks(lake: Lake, staging: Staging) -> pa.Table:
    held = staging.rows("SELECT DISTINCT check_id FROM st_checks")
    staging.hold("check_old", lake.sql("SELECT check_id FROM checks SEMI JOIN held USING (check_id)", held=held))
    return staging.rows(
        """SELECT DISTINCT ON (c.check_id) c.check_id, r.source, c.rule, c.title, c.description, c.solution,
        c.links, c.cwes, c.run
        FROM st_checks c JOIN st_runs r USING (run) ANTI JOIN check_old USING (check_id)"""
    )


# -- which exposures are one -------------------------------------------------------------------------


def regroup(lake: Lake, staging: Staging) -> dict[str, pa.Table]:
    """Decide which exposures of the touched assets are one; returns exposures, aliases and evidence rows."""
    _gather(lake, staging)
    staging.make(
        "grouped",
        f"""WITH ranked AS (
            SELECT g.*, max(level) OVER (PARTITION BY asset, weakness, apart) AS best FROM gathered g
        ), located AS (
            SELECT DISTINCT asset, weakness, apart, place_kind, place, level FROM ranked WHERE level = best
        ) SELECT r.exposure, r.fresh, r.asset, r.weakness, r.kind, r.title, r.run, r.first_seen,
            l.place_kind, l.place,
            {keys.sql("r.asset::VARCHAR", "r.weakness", "l.place_kind", "l.place")} AS canonical
        FROM ranked r JOIN located l ON l.asset = r.asset AND l.weakness = r.weakness AND l.apart = r.apart
            AND (l.level > r.level OR (l.place_kind = r.place_kind AND l.place = r.place))""",
    )
    staging.make("member", "SELECT DISTINCT exposure, canonical, fresh FROM grouped")
    aliases = _aliases(staging)
    staging.make(
        "exposure_made",
        """SELECT canonical AS exposure, any_value(asset) AS asset, any_value(weakness) AS weakness,
            arg_min(kind, (first_seen, exposure)) AS kind, any_value(place_kind) AS place_kind,
                any_value(place) AS place,
            arg_min(title, (first_seen, exposure)) AS title, arg_min(run, (first_seen, exposure)) AS run,
            min(first_seen) AS first_seen
        FROM grouped WHERE canonical NOT IN (SELECT exposure FROM gathered UNION ALL SELECT exposure FROM
            hollow)
        GROUP BY canonical""",
    )
    exposures = staging.rows("FROM exposure_fresh UNION ALL BY NAME FROM exposure_made ORDER BY asset, exposure")
    return {
        "exposures": exposures,
        "exposure_aliases": aliases,
        "finding_exposures": _evidence(lake, staging),
    }


def _gather(lake: Lake, staging: Staging) -> None:
    """`gathered`: all exposures of the touched assets with canonical asset, weakness and how well located
    they are.

    Only a public weakness at a port, or nowhere, is evidence that moves to where that weakness is located.
    """
    _touched_assets(lake, staging)
    staging.hold(
        "exposure_held",
        lake.sql(
            """SELECT exposure, asset AS atom, weakness, kind, place_kind, place, title, run, first_seen
            FROM exposures
            WHERE asset IN (SELECT id FROM wanted_ids)""",
            wanted_ids=staging.rows("SELECT atom AS id FROM touched_atom"),
        ),
    )
    staging.make(
        "gathered",
        """WITH both_kinds AS (
            SELECT *, false AS fresh FROM exposure_held
            UNION ALL BY NAME SELECT *, true AS fresh FROM (SELECT * RENAME (asset AS atom) FROM
                exposure_fresh)
        ), named AS (
            SELECT b.* EXCLUDE (atom, weakness), t.canonical AS asset, coalesce(r.weakness, b.weakness) AS
                weakness
            FROM both_kinds b JOIN touched_atom t USING (atom) LEFT JOIN renamed r ON r.alias = b.weakness
        ) SELECT *, CASE WHEN public THEN '' ELSE place_kind || ' ' || place END AS apart,
            CASE WHEN public AND place_kind = 'port' THEN 1 WHEN public AND place_kind = 'none' THEN 0 ELSE
                2 END AS level
        FROM (SELECT *, weakness LIKE 'CVE-%' OR weakness LIKE 'GHSA-%' AS public FROM named)""",
    )
    _hollow(lake, staging)


def _hollow(lake: Lake, staging: Staging) -> None:
    """`hollow`: exposures that stood for evidence of other atoms and hold none of their own.

    They are looked for where atoms moved in this import, and among those that an alias leads away from: an
    earlier import may have taken their evidence.
    """
    staging.make("hollow", "SELECT * FROM gathered LIMIT 0")
    held = staging.rows("SELECT exposure AS id FROM gathered WHERE NOT fresh")
    staging.hold("exposure_alias_old", assets.latest_aliases(lake, "exposure_aliases", held))
    moved = staging.value("SELECT count(*) FROM canon WHERE canonical <> before")
    staging.make(
        "suspected",
        f"""SELECT g.exposure FROM gathered g LEFT JOIN exposure_alias_old o ON o.old = g.exposure
        WHERE NOT g.fresh AND g.exposure NOT IN (SELECT exposure FROM spotted) AND ({bool(moved)} OR o.new IS NOT NULL)""",
    )
    ids = staging.rows("FROM suspected")
    if not ids.num_rows:
        return
    staging.hold("shown_ever", lake.sql("SELECT DISTINCT exposure FROM seen SEMI JOIN ids USING (exposure)", ids=ids))
    staging.make("hollow", "FROM gathered SEMI JOIN suspected USING (exposure) ANTI JOIN shown_ever USING (exposure)")
    staging.connection.execute("DELETE FROM gathered WHERE exposure IN (SELECT exposure FROM hollow)")


def _touched_assets(lake: Lake, staging: Staging) -> None:
    """`touched_atom(atom, canonical)`: all atoms of assets that were sighted, merged, split or covered by a
    whole site."""
    staging.make(
        "touched_canonical",
        """SELECT DISTINCT canonical FROM canon
        WHERE atom IN (SELECT atom FROM atom_of) OR canonical <> coalesce(before, canonical)
        UNION SELECT DISTINCT before FROM canon WHERE canonical <> before""",
    )
    staging.make("touched_atom", "SELECT atom, canonical FROM canon SEMI JOIN touched_canonical USING (canonical)")
    sites = staging.rows("SELECT DISTINCT site FROM st_runs WHERE coverage_text LIKE 'site%'")
    renamed = staging.rows("SELECT DISTINCT alias FROM renamed")
    if sites.num_rows or renamed.num_rows:
        # Besides the sighted: assets of sites covered as a whole, and of weaknesses that got another name.
        more = lake.sql(
            """SELECT asset AS id FROM assets WHERE site IN (SELECT site FROM wanted_sites)
            UNION SELECT asset FROM exposures WHERE weakness IN (SELECT alias FROM renamed_names)
                AND exposure NOT IN (SELECT old FROM exposure_aliases)""",
            wanted_sites=sites,
            renamed_names=renamed,
        )
        if more.num_rows:
            _add_whole(lake, staging, more)


def _add_whole(lake: Lake, staging: Staging, more: pa.Table) -> None:
    staging.hold("atom_more", more)
    staging.hold("alias_all", assets.latest_aliases(lake, "asset_aliases"))
    staging.connection.execute(
        """INSERT INTO touched_atom
        WITH ends AS (SELECT DISTINCT coalesce(a.new, m.id) AS canonical FROM atom_more m LEFT JOIN
            alias_all a ON a.old = m.id),
        members AS (
            SELECT canonical AS atom, canonical FROM ends
            UNION SELECT a.old, a.new FROM alias_all a JOIN ends e ON e.canonical = a.new)
        SELECT DISTINCT m.atom, coalesce(c.canonical, m.canonical) FROM members m LEFT JOIN canon c USING
            (atom)
        WHERE m.atom NOT IN (SELECT atom FROM touched_atom)"""
    )


def _aliases(staging: Staging) -> pa.Table:
    """Aliases that differ from those in force; evidence for several places is an alias of the first."""
    staging.make(
        "exposure_alias_new",
        """WITH ends AS (
            SELECT exposure, fresh, arg_min(canonical, (place_kind, place)) AS canonical, min(place) AS place,
                any_value(weakness) AS weakness FROM grouped GROUP BY exposure, fresh
        ), followed AS (
            -- What stood for others follows: itself, else it stays where its evidence went before and nothing is
            -- touched now, else its asset, else where its evidence goes now.
            SELECT h.exposure, false AS fresh, coalesce(
                min(g.canonical) FILTER (g.canonical = h.exposure),
                any_value(k.new) FILTER (k.new NOT IN (SELECT exposure FROM gathered UNION ALL SELECT exposure FROM hollow)),
                arg_min(g.canonical, (g.place_kind, g.place, g.canonical)) FILTER (g.asset = h.asset),
                arg_min(g.canonical, (g.place_kind, g.place, g.canonical)) FILTER (o.new = h.exposure),
                min(g.canonical), any_value(k.new), h.exposure) AS canonical, '' AS place, h.weakness
            FROM hollow h LEFT JOIN grouped g ON g.weakness = h.weakness
            LEFT JOIN exposure_alias_old k ON k.old = h.exposure
            LEFT JOIN exposure_alias_old o ON o.old = g.exposure GROUP BY h.exposure, h.asset, h.weakness
        ), every AS (FROM ends UNION ALL FROM followed) SELECT e.exposure AS old, e.canonical AS new,
            e.fresh, coalesce(o.new, e.exposure) AS before
        FROM every e LEFT JOIN exposure_alias_old o ON o.old = e.exposure
        WHERE e.canonical <> coalesce(o.new, e.exposure)""",
    )
    return staging.rows(
        f"""SELECT old, new, '{RECIPE}' AS recipe, (SELECT run FROM last_run) AS run,
            CASE WHEN old = new THEN 'told apart again' ELSE 'same weakness at the same place' END AS reason
        FROM exposure_alias_new ORDER BY old"""
    )


def _evidence(lake: Lake, staging: Staging) -> pa.Table:
    """Which findings show which exposures: each on its own atom, and evidence without a place on all that
    are located."""
    staging.make(
        "spread",
        """SELECT exposure, canonical FROM member
        WHERE exposure IN (SELECT exposure FROM member GROUP BY exposure HAVING count(*) > 1)""",
    )
    old = staging.rows("SELECT DISTINCT exposure FROM spread")
    staging.hold(
        "evidence_old",
        lake.sql(
            "SELECT finding, exposure FROM finding_exposures SEMI JOIN spread_ids USING (exposure)",
            spread_ids=old,
        ),
    )
    targets = staging.rows("SELECT DISTINCT canonical AS exposure FROM spread")
    staging.hold(
        "evidence_there",
        lake.sql(
            "SELECT finding, exposure FROM finding_exposures SEMI JOIN spread_ids USING (exposure)",
            spread_ids=targets,
        ),
    )
    return staging.rows(
        """WITH fresh AS (SELECT y.finding, y.exposure FROM yields y SEMI JOIN found_new USING (finding)),
        direct AS (FROM fresh UNION FROM evidence_old)
        SELECT finding, exposure FROM fresh
        UNION (SELECT d.finding, s.canonical AS exposure FROM direct d JOIN spread s USING (exposure)
            EXCEPT SELECT finding, exposure FROM evidence_there)
        ORDER BY exposure, finding"""
    )
