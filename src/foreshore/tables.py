"""The lake's tables: one line a column, additive forward-only; those of cycles stand in `cycle_tables.py`.

Types are DuckDB's; integers are signed; times are UTC without zone; keys are 63-bit. A column that
is added later carries the schema version that brought it (`since`), and old snapshots show NULL.
"""

from __future__ import annotations

from typing import NamedTuple

from foreshore import cycle_tables

SCHEMA_VERSION = 4


class Column(NamedTuple):
    """One column: its name, DuckDB type, and the schema version that brought it."""

    name: str
    type: str
    since: int = 1


def _columns(text: str) -> tuple[Column, ...]:
    rows = (line.split("#")[0].split(maxsplit=1) for line in text.strip().splitlines())
    return tuple(Column(name, kind.strip()) for name, kind in rows)


TABLES: dict[str, tuple[Column, ...]] = {
    name: _columns(text)
    for name, text in {
        # A report or collection that was read. `read_key` is (digest, reader version, mapping, settings).
        "runs": """
            run BIGINT
            read_key VARCHAR
            digest VARCHAR        # SHA-256 of the bytes, hexadecimal
            source VARCHAR        # who says so: tool or the name given at import
            reader VARCHAR
            reader_version INTEGER
            tool VARCHAR
            scanner VARCHAR
            site VARCHAR
            vantage VARCHAR       # zone where the scanner stood; '' unknown
            file VARCHAR
            size BIGINT
            observed_at TIMESTAMP
            observed_text VARCHAR
            zone_assumed BOOLEAN
            known_at TIMESTAMP
            coverage VARCHAR      # complete, declared, none
            coverage_text VARCHAR
            findings BIGINT
            ports BIGINT
            assets BIGINT
            relations BIGINT
            skipped BIGINT
            job VARCHAR
        """,
        "skipped": """
            run BIGINT
            place VARCHAR
            why VARCHAR
        """,
        # What a run looked at. asset NULL: every asset of the run's site (declared only).
        "coverage": """
            run BIGINT
            asset BIGINT
            checks VARCHAR        # '*' or the name of a set in check_sets
            floor TINYINT         # least severity that was reported, 0..4
            proof TINYINT         # rank of how it looked, from policy/proof
            places VARCHAR        # NULL or '': everywhere on it; else the name of a set of places in check_sets
        """,
        # Sets by their content: of checks, and of places (`tcp/443`, or a file).
        "check_sets": """
            checks VARCHAR
            rule VARCHAR
        """,
        # Extents that a run listed whole (asset NULL), and the assets that it named there.
        "listed": """
            run BIGINT
            extent VARCHAR
            asset BIGINT
        """,
        # A source's own word that an asset exists no more.
        "ended": """
            run BIGINT
            asset BIGINT
            reason VARCHAR
            observed_at TIMESTAMP
        """,
        "sightings": """
            sighting BIGINT
            run BIGINT
            asset BIGINT          # as resolved when it was read; later merges by asset_aliases
            kind VARCHAR
            name VARCHAR
            os VARCHAR
            owner VARCHAR
            internet VARCHAR
            tags VARCHAR[]
            attributes MAP(VARCHAR, VARCHAR)
            authenticated BOOLEAN
            observed_at TIMESTAMP
        """,
        "identifiers": """
            sighting BIGINT
            run BIGINT
            asset BIGINT
            site VARCHAR
            kind VARCHAR
            value VARCHAR
            observed_at TIMESTAMP
        """,
        "assets": """
            asset BIGINT
            kind VARCHAR
            site VARCHAR
            run BIGINT            # the run that first showed it
        """,
        "asset_aliases": """
            old BIGINT
            new BIGINT
            recipe VARCHAR
            run BIGINT
            reason VARCHAR
            generation BIGINT     # lake version of the writing; the highest of an old id is in force
        """,
        # Joins that were refused and wait for a person.
        "asset_conflicts": """
            conflict BIGINT
            run BIGINT
            left_asset BIGINT
            right_asset BIGINT
            kind VARCHAR
            value VARCHAR
            reason VARCHAR
        """,
        "ports_seen": """
            run BIGINT
            asset BIGINT
            port INTEGER
            protocol VARCHAR
            state VARCHAR
            service VARCHAR
            product VARCHAR
            version VARCHAR
            cpe VARCHAR
            tls BOOLEAN
            observed_at TIMESTAMP
        """,
        # Long texts once per distinct check, not once per finding.
        "checks": """
            check_id BIGINT
            source VARCHAR
            rule VARCHAR
            title VARCHAR
            description VARCHAR
            solution VARCHAR
            links VARCHAR[]
            cwes INTEGER[]
            run BIGINT
        """,
        # What a source said, once per distinct content; `seen` tells in which runs.
        "findings": """
            finding BIGINT
            run BIGINT            # the run that first said it
            asset BIGINT
            source VARCHAR
            rule VARCHAR
            check_id BIGINT
            title VARCHAR
            severity TINYINT      # 0 info .. 4 critical, the source's word
            kind VARCHAR
            weaknesses VARCHAR[]
            place_kind VARCHAR
            place VARCHAR
            component VARCHAR
            component_name VARCHAR
            version VARCHAR
            fixed_version VARCHAR
            fix VARCHAR
            port INTEGER
            protocol VARCHAR
            url VARCHAR
            path VARCHAR
            line INTEGER
            cvss_vector VARCHAR
            cvss_score DOUBLE
            proof TINYINT
            word VARCHAR
            evidence VARCHAR
            instances INTEGER
            first_seen TIMESTAMP
            fixed_at TIMESTAMP
            observed_at TIMESTAMP
        """,
        "finding_exposures": """
            finding BIGINT
            exposure BIGINT
        """,
        "exposures": """
            exposure BIGINT
            asset BIGINT
            weakness VARCHAR
            kind VARCHAR
            place_kind VARCHAR
            place VARCHAR
            title VARCHAR
            run BIGINT            # the run that first showed it
            first_seen TIMESTAMP  # observed time of that run
        """,
        "exposure_aliases": """
            old BIGINT
            new BIGINT
            recipe VARCHAR
            run BIGINT
            reason VARCHAR
            generation BIGINT     # lake version of the writing; the highest of an old id is in force
        """,
        # The folded life: opened, fixed, reopened, claimed; recomputed for what a late report touches.
        "exposure_events": """
            exposure BIGINT
            happened_at TIMESTAMP
            kind VARCHAR
            source VARCHAR
            run BIGINT
            reason VARCHAR
            generation BIGINT     # lake version of the writing; the highest of an exposure is its life
        """,
        "seen": """
            run BIGINT
            exposure BIGINT
            proof TINYINT
            word TINYINT          # 0 open, 1 fixed, 2 suppressed, 3 accepted, 4 false positive, 5 reboot pending
        """,
        "relations": """
            run BIGINT
            site VARCHAR
            kind VARCHAR
            source_kind VARCHAR   # asset, zone, identity, network, any
            source VARCHAR        # asset id as text, name or range
            target_kind VARCHAR
            target VARCHAR
            ports VARCHAR
            protocol VARCHAR
            allowed BOOLEAN
            position INTEGER
            note VARCHAR
            observed_at TIMESTAMP
        """,
        "controls": """
            run BIGINT
            asset BIGINT
            kind VARCHAR
            state VARCHAR
            name VARCHAR
            observed_at TIMESTAMP
        """,
        # What the world knows. kinds: cvss, epss, kev, ransomware, exploit_poc, exploit_weaponized,
        # ssvc_exploitation, ssvc_automatable, ssvc_impact, cwe, published, rejected, description.
        "signals": """
            weakness VARCHAR
            kind VARCHAR
            value DOUBLE
            text VARCHAR
            source VARCHAR
            model VARCHAR         # model version, where the value is a model's
            observed_at TIMESTAMP # when it became true, by the source's clock
            known_at TIMESTAMP
            feed VARCHAR          # digest of the file it came from
        """,
        "weakness_aliases": """
            alias VARCHAR
            weakness VARCHAR
            source VARCHAR
            observed_at TIMESTAMP
        """,
        **cycle_tables.TEXTS,
    }.items()
}


def names(table: str) -> list[str]:
    """Column names of `table`, in order."""
    return [column.name for column in TABLES[table]]
