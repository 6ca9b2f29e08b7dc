"""The lake's tables of what is worked out: by a cycle (everything with a column `cycle`) and by validation.

The texts are those of `tables.py`, which makes columns of them.
"""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # Steps of the best paths, for explanation; the whole graph is recomputed, not kept.
    "steps": """
        cycle BIGINT
        exposure BIGINT       # whose best path; 0: the service's own
        service VARCHAR
        way INTEGER           # 1 the likeliest; further ones only for services
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
        state VARCHAR         # open, reopened, stale, pending_verification, reboot_pending
        severity TINYINT      # the scanners' highest
        cvss DOUBLE
        epss DOUBLE
        epss_model VARCHAR    # the version of EPSS's model that gave it
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
        points VARCHAR        # JSON: the facts that decision tables hang on (prioritization/labelling.py)
        due DATE
        due_rule VARCHAR
        owner VARCHAR
        verdict VARCHAR       # confirmed, refuted, inconclusive, not_run
        disposition VARCHAR
        disposition_because VARCHAR
        exploit_because VARCHAR # what kind of exploit, since when, says who: one sentence
        vendor VARCHAR        # fixed, not_affected, disputed, '': what vendors say of the installed version
        vendor_because VARCHAR
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
        kind VARCHAR          # patch, reboot, rebuild, configure, segment, rotate, replace
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
    # Assets that exist no more, as of the cycle: they are in no list, and can come back.
    "gone_assets": """
        cycle BIGINT
        asset BIGINT
        gone_at TIMESTAMP
        why VARCHAR           # see query/gone.py
        source VARCHAR        # who said so; '' for the policy's word on silence
        detail VARCHAR
        name VARCHAR
        kind VARCHAR
        site VARCHAR
        last_seen TIMESTAMP
    """,
    "decisions_at": """
        cycle BIGINT
        kind VARCHAR          # disposition, revoked (with the difference), scope, policy, obligation
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
}
