"""The lake's tables: one line a column, additive forward-only.

Types are DuckDB's; integers are signed; times are UTC without zone; keys are 63-bit. A column that
is added later carries the schema version that brought it (`since`), and old snapshots show NULL.
"""

from __future__ import annotations

from typing import NamedTuple

SCHEMA_VERSION = 2


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
        """,
        "check_sets": """
            checks VARCHAR
            rule VARCHAR
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
            word TINYINT          # 0 open, 1 fixed, 2 suppressed, 3 accepted, 4 false positive
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
        # Steps of the best paths, for explanation; the whole graph is recomputed, not kept.
        "steps": """
            cycle BIGINT
            exposure BIGINT       # whose best path; 0: the service's own
            service VARCHAR
            number INTEGER
            step VARCHAR          # what happens, one sentence
            rule VARCHAR
            technique VARCHAR
            asset BIGINT
            zone VARCHAR
            probability DOUBLE
            fact VARCHAR
            source VARCHAR
            observed_at TIMESTAMP
            assumed BOOLEAN
            cause BIGINT          # the exposure that this step uses; 0 none
        """,
        "assessments": """
            cycle BIGINT
            exposure BIGINT
            rank BIGINT
            asset BIGINT
            asset_name VARCHAR
            site VARCHAR
            zone VARCHAR
            weakness VARCHAR
            kind VARCHAR
            title VARCHAR
            place_kind VARCHAR
            place VARCHAR
            state VARCHAR         # open, reopened, stale, pending_verification
            severity TINYINT      # the scanners' highest
            cvss DOUBLE
            epss DOUBLE
            kev BOOLEAN
            in_scope BOOLEAN
            way_in VARCHAR
            reachable VARCHAR     # yes, no, unknown
            reach_fact VARCHAR    # what settles it, or would
            exploit VARCHAR       # none_known, poc, weaponized, attacks, ransomware, unknown
            leads_to VARCHAR[]
            leads VARCHAR         # yes, no, unknown: to something critical
            likelihood DOUBLE     # chance that an attacker in position succeeds with it
            contribution DOUBLE   # expected loss removed per year, in the cycle's unit
            low DOUBLE
            high DOUBLE
            sampling_error DOUBLE
            contribution_if_reachable DOUBLE
            best_path DOUBLE      # probability of the single best path through it
            treatment VARCHAR
            reason VARCHAR        # why this treatment, one sentence
            would_lower VARCHAR   # what would move it down, one sentence
            label VARCHAR         # SSVC deployer outcome, or both outcomes where reach is unknown
            due DATE
            due_rule VARCHAR
            owner VARCHAR
            verdict VARCHAR       # confirmed, refuted, inconclusive, not_run
            disposition VARCHAR
            disposition_because VARCHAR
            first_seen TIMESTAMP
            last_seen TIMESTAMP
            sources VARCHAR[]
            fix VARCHAR
            action BIGINT
        """,
        "services_at": """
            cycle BIGINT
            service VARCHAR
            foundation BOOLEAN
            tier INTEGER
            owner VARCHAR
            assets BIGINT
            probability DOUBLE    # of at least one loss in a year
            low DOUBLE
            high DOUBLE
            sampling_error DOUBLE
            best_case DOUBLE      # all unknowns good
            worst_case DOUBLE     # all unknowns bad
            loss DOUBLE           # expected per year in the scope's currency; NULL: not confirmed
            weight DOUBLE         # loss, or the tier's weight
            share DOUBLE          # of modelled risk
            path DOUBLE           # probability of its single best path; 0: no path exists
        """,
        "verdicts": """
            verdict BIGINT
            run BIGINT
            exposure BIGINT       # 0: about a port alone
            asset BIGINT
            port INTEGER
            check_name VARCHAR
            target VARCHAR
            vantage VARCHAR
            outcome VARCHAR       # confirmed, refuted, inconclusive, not_run
            detail VARCHAR
            observed_at TIMESTAMP
        """,
        "actions": """
            cycle BIGINT
            action BIGINT
            number INTEGER        # place in the plan
            title VARCHAR
            kind VARCHAR          # patch, rebuild, configure, segment, rotate, replace
            what VARCHAR          # from -> to
            channel VARCHAR       # routine or ticket
            team VARCHAR
            hours DOUBLE
            hours_guessed BOOLEAN
            due DATE
            due_rule VARCHAR
            treatment VARCHAR     # the most urgent among its exposures
            exposures BIGINT
            assets BIGINT
            removes DOUBLE        # share of modelled risk it removes alone
            removes_low DOUBLE
            removes_high DOUBLE
            services VARCHAR[]
        """,
        "action_effects": """
            cycle BIGINT
            action BIGINT
            exposure BIGINT
        """,
        "measures": """
            cycle BIGINT
            name VARCHAR
            subject VARCHAR
            value DOUBLE
            text VARCHAR
        """,
        # What nobody looks at: statements in order of what they hide, and the assets that they are about.
        "blind_spots": """
            cycle BIGINT
            number INTEGER
            kind VARCHAR          # see discovery/blindspots.py
            subject VARCHAR       # zone, source or account
            site VARCHAR
            zone VARCHAR
            sentence VARCHAR
            would_take VARCHAR
            assets BIGINT
            critical BIGINT       # of them, part of a critical service
            near BOOLEAN          # some are part of one, or lie in its zone
            since TIMESTAMP
            examples VARCHAR[]
        """,
        "blind_assets": """
            cycle BIGINT
            asset BIGINT
            kind VARCHAR
        """,
        "decisions_at": """
            cycle BIGINT
            kind VARCHAR          # disposition, scope, policy, obligation
            subject BIGINT
            payload VARCHAR       # JSON
        """,
        "cycles": """
            cycle BIGINT
            as_of TIMESTAMP
            known_at TIMESTAMP
            snapshot BIGINT       # the lake's version that was read
            seed BIGINT
            engine VARCHAR
            identity_recipe VARCHAR
            policy_digest VARCHAR
            scope_digest VARCHAR
            result VARCHAR        # what `cycle --json` printed
            job VARCHAR
        """,
    }.items()
}


def names(table: str) -> list[str]:
    """Column names of `table`, in order."""
    return [column.name for column in TABLES[table]]
