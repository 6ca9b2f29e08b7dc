"""What kind of door each weakness is, by CVSS, product and the tables of the policy.

Text is matched against patterns once for each distinct text, inside DuckDB; the rest is one query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore import scratch
from foreshore.intel import cvss

if TYPE_CHECKING:
    import duckdb

    from foreshore.policy import Policy

_METRICS = ("version", "av", "ac", "pr", "ui", "c", "i", "a", "att")
# Ecosystems whose packages are parts of applications, not services of their own.
_LIBRARIES = (
    "npm",
    "pypi",
    "maven",
    "golang",
    "nuget",
    "gem",
    "cargo",
    "composer",
    "hex",
    "pub",
    "cocoapods",
    "swift",
    "conan",
    "cran",
    "hackage",
)

_FACTS = """
WITH seen AS (
    SELECT c.row, c.weakness, c.kind, c.severity, c.port, c.proof, c.component,
        lower(concat_ws(' | ', c.kind, c.rule, c.title, 'cwe-' || replace(s.cwe, ',', ' cwe-'), 'end'))
            AS said,
        lower(concat_ws(' | ', c.component_name, c.component, c.title)) AS product_text,
        coalesce(nullif(s.cvss_vector, ''), nullif(c.cvss_vector, '')) AS vector,
        s.epss, s.own, coalesce(s.exploit, 'unknown') AS exploit, s.ssvc_impact,
        coalesce(s.kev, false) AS in_kev, s.cvss_vector IS NULL AS from_scanner
    FROM candidates c LEFT JOIN signals s ON s.weakness = c.weakness
),
joined AS (
    SELECT seen.*, k.class, k.way_in AS class_way, k.gives AS class_gives, k.maturity AS class_maturity,
        p.name AS product, coalesce(p.role, '') AS role, coalesce(p.ports, '') AS product_ports, p.runs_as,
        m.* EXCLUDE (vector), m.version IS NOT NULL AS scored,
        regexp_matches(seen.component, '^pkg:($libraries)/') AS is_library
    FROM seen
    LEFT JOIN said_class k USING (said, kind)
    LEFT JOIN text_product p USING (product_text)
    LEFT JOIN metrics m USING (vector)
),
doors AS (
    SELECT *,
        -- A CVE with a vector speaks for itself; anything else by its class, then by its kind. Support that has
        -- ended is no flaw that a vector describes, whatever score a scanner gives it.
        CASE WHEN scored AND (kind IN ('vulnerability', 'code') OR kind = 'end_of_life' AND weakness LIKE 'CVE-%') THEN 'cvss'
             -- No title makes a CVE harmless.
             WHEN class IS NOT NULL AND (class_gives <> 'none' OR weakness NOT LIKE 'CVE-%') THEN 'class'
             ELSE 'kind' END AS by_what,
        CASE WHEN av = 'P' OR (av = 'L' AND ui = 'N') THEN 'local'
             WHEN is_library OR (role = 'library' AND port = 0) THEN 'library'
             WHEN av = 'L' THEN 'user'
             WHEN ui <> 'N' AND (role IN ('client', 'os') OR port = 0 AND role = '') THEN 'user'
             WHEN role = 'client' AND port = 0 THEN 'user'
             ELSE 'network' END AS cvss_way,
        CASE WHEN ssvc_impact = 'total' OR (c = 'H' AND i = 'H' AND a = 'H') THEN 'total'
             WHEN c = 'H' AND i = 'H' THEN 'both'
             WHEN c = 'H' OR i = 'H' THEN 'data'
             WHEN in_kev AND (c <> 'N' OR i <> 'N') THEN 'data'
             ELSE 'none' END AS impact
    FROM joined
),
ways AS (
    SELECT *,
        CASE by_what WHEN 'cvss' THEN cvss_way
            WHEN 'class' THEN CASE WHEN is_library AND class_way = 'network' THEN 'library' ELSE class_way END
            ELSE
            CASE WHEN kind IN ('misconfiguration', 'observation') THEN 'configuration'
                 WHEN kind IN ('secret', 'identity') THEN 'identity'
                 WHEN kind = 'code' OR is_library OR role = 'library' AND port = 0 THEN 'library'
                 WHEN role = 'client' THEN 'user'
                 WHEN role = 'os' AND port = 0 THEN 'local'
                 ELSE 'network' END END AS way_in
    FROM doors
)
SELECT row, kind, severity, coalesce(proof, 0) AS proof, way_in, product_ports,
    CASE WHEN weakness IN ($on_path) THEN 'none' ELSE
    CASE by_what
        -- What the scanner itself calls information is no way in.
        WHEN 'class' THEN CASE WHEN severity = 0 THEN 'none' ELSE class_gives END
        WHEN 'cvss' THEN
            CASE impact WHEN 'none' THEN 'none' WHEN 'data' THEN 'data' WHEN 'both' THEN 'user'
                ELSE CASE WHEN way_in = 'local' OR runs_as = 'admin' AND way_in = 'network' THEN 'admin'
                          ELSE 'user' END END
        -- Nothing but the scanner's word: what it calls high or critical may give a foothold.
        ELSE CASE WHEN kind = 'observation' OR severity < 2 THEN 'none'
                  WHEN kind IN ('secret', 'identity') THEN 'identity'
                  WHEN severity >= 3 THEN 'user' ELSE 'data' END
    END END AS gives,
    by_what = 'cvss' AND av = 'A' AS adjacent,
    epss, own,
    CASE WHEN by_what = 'class' AND exploit = 'unknown' THEN class_maturity ELSE exploit END AS maturity,
    CASE WHEN by_what = 'kind' AND exploit = 'unknown' AND epss IS NULL THEN 'kind' ELSE 'maturity' END
        AS usable_source,
    CASE by_what
        WHEN 'class' THEN 'weakness_classes.' || class
        WHEN 'kind' THEN 'likelihood.kind.' || kind || '.success'
        ELSE CASE WHEN ac = 'H' OR att = 'P' THEN 'likelihood.success.complexity_high'
                  WHEN ac = 'M' THEN 'likelihood.success.complexity_medium'
                  WHEN ac = 'L' THEN 'likelihood.success.complexity_low'
                  ELSE 'likelihood.success.unknown' END
    END AS success_base,
    by_what = 'cvss' AND way_in IN ('network', 'library') AND pr = 'L' AS factor_privileges_low,
    by_what = 'cvss' AND way_in IN ('network', 'library', 'user') AND pr = 'H' AS factor_privileges_high,
    by_what = 'cvss' AND way_in IN ('network', 'library') AND ui <> 'N' AS factor_interaction,
    coalesce(by_what = 'cvss' AND av = 'P', false) AS factor_physical,
    way_in = 'library' AND exploit NOT IN ('weaponized', 'attacks', 'ransomware') AS factor_library,
    way_in = 'library' AND exploit IN ('weaponized', 'attacks', 'ransomware') AS factor_library_attacked,
    -- A system without a port may still run the service; only software of no known role is doubted.
    by_what <> 'class' AND way_in = 'network' AND port = 0 AND role IN ('', 'library')
        AS factor_unknown_service,
    by_what = 'cvss' AND way_in = 'local' AND pr = 'H' AS factor_local_privileges_high,
    coalesce(CASE WHEN by_what = 'class' THEN class END, '') AS class,
    CASE by_what WHEN 'class' THEN 'class “' || class || '”'
        WHEN 'kind' THEN 'kind of finding alone'
        ELSE 'CVSS ' || version || CASE WHEN from_scanner THEN ' of the scanner' ELSE '' END END
        || coalesce(', product “' || product || '”', '') AS basis
FROM ways ORDER BY row
"""


def facts_of(candidates: pa.Table, signals: pa.Table, policy: Policy) -> pa.Table:
    """Return one row a candidate, ordered by `row`: way in, gain, maturity, base and factors of success."""

    with scratch.connect(threads=1) as connection:
        connection.register("candidates", candidates)
        connection.register("signals", signals)
        connection.register("metrics", _metrics(candidates, signals))
        _match_classes(connection, policy)
        _match_products(connection, policy)
        on_path = ", ".join(_quoted(row["weakness"]) for row in policy.table("on_path")) or "''"
        query = _FACTS.replace("$libraries", "|".join(_LIBRARIES)).replace("$on_path", on_path)
        return connection.sql(query).to_arrow_table()


def _metrics(candidates: pa.Table, signals: pa.Table) -> pa.Table:
    """The metrics of every distinct vector, in the words of version 3."""
    vectors = set(candidates["cvss_vector"].to_pylist()) | set(signals["cvss_vector"].to_pylist())
    rows = [
        (vector, *_in_words_of_3(found))
        for vector in sorted(one for one in vectors if one)
        if (found := cvss.read(vector)) is not None
    ]
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[] for _ in range(len(_METRICS) + 1)]
    return pa.table(
        {name: pa.array(column, pa.string()) for name, column in zip(("vector", *_METRICS), columns, strict=True)}
    )


def _in_words_of_3(found: cvss.Cvss) -> tuple[str, ...]:
    metrics = found.metrics
    if found.version == "2.0":
        # Version 2 knows partial and complete; complete loss of one property is high.
        impact = {"N": "N", "P": "L", "C": "H"}
        login = {"N": "N", "S": "L", "M": "H"}[metrics.get("Au", "N")]
        return (
            "2.0",
            metrics["AV"],
            metrics["AC"],
            login,
            "N",
            impact[metrics["C"]],
            impact[metrics["I"]],
            impact[metrics["A"]],
            "N",
        )
    if found.version == "4.0":
        impacts = (metrics["VC"], metrics["VI"], metrics["VA"])
        return ("4.0", metrics["AV"], metrics["AC"], metrics["PR"], metrics["UI"], *impacts, metrics["AT"])
    names = ("AV", "AC", "PR", "UI", "C", "I", "A")
    return (found.version, *(metrics[name] for name in names), "N")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_match(column: str, tests: Sequence[tuple[str, str]]) -> str:
    """An expression for the number of the first test (pattern, further condition) that holds, or NULL."""
    whens = " ".join(
        f"WHEN {condition} regexp_matches({column}, {_quoted(pattern)}, 'i') THEN {number}"
        for number, (pattern, condition) in enumerate(tests)
    )
    return f"CASE {whens} END"


def _match_classes(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    rows = policy.table("weakness_classes")
    tests = [
        (
            row["pattern"],
            "" if row["kinds"] == "*" else f"kind IN ({', '.join(map(_quoted, row['kinds'].split(',')))}) AND",
        )
        for row in rows
    ]
    connection.register("classes", _table(rows, ("name", "way_in", "gives", "maturity")))
    connection.execute(
        f"""CREATE TEMP TABLE said_class AS
        SELECT said, kind, c.name AS class, c.way_in, c.gives, c.maturity FROM (
            SELECT said, kind, {_first_match("said", tests)} AS number FROM (
                SELECT DISTINCT c.kind, lower(concat_ws(' | ', c.kind, c.rule, c.title,
                    'cwe-' || replace(s.cwe, ',', ' cwe-'), 'end')) AS said
                FROM candidates c LEFT JOIN signals s ON s.weakness = c.weakness
                WHERE s.cvss_vector IS NULL OR c.kind NOT IN ('vulnerability', 'code')
            )
        ) JOIN classes c USING (number)"""
    )


def _match_products(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    rows = policy.table("products")
    connection.register("products", _table(rows, ("name", "role", "ports", "runs_as")))
    tests = [(row["pattern"], "") for row in rows]
    # Packages of an application's ecosystem are libraries whatever their names remind of.
    connection.execute(
        f"""CREATE TEMP TABLE text_product AS
        SELECT product_text, p.name, p.role, p.ports, p.runs_as FROM (
            SELECT product_text, {_first_match("product_text", tests)} AS number
            FROM (
                SELECT DISTINCT lower(concat_ws(' | ', component_name, component, title)) AS product_text
                FROM candidates
                WHERE kind IN ('vulnerability', 'end_of_life')
                    AND NOT regexp_matches(component, '^pkg:({"|".join(_LIBRARIES)})/')
            )
        ) JOIN products p USING (number)"""
    )


def _table(rows: list[dict[str, str]], columns: Sequence[str]) -> pa.Table:
    found = {name: pa.array([row[name] for row in rows], pa.string()) for name in columns}
    return pa.table({"number": pa.array(range(len(rows)), pa.int32()), **found})
