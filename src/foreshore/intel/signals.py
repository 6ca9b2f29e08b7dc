"""What is known of each weakness as of a day: one row each, where not knowing is a value of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa

from foreshore.intel import cvss

Ask = Callable[..., pa.Table]

# Sources whose absence of an entry says that no exploit is known to them.
EXPLOIT_FEEDS = ("poc_index", "metasploit", "exploitdb")

_LATEST = """
    -- The last word of each source on each point by that day; digest and text always settle ties alike.
    SELECT weakness, kind, source,
           arg_max(value, stamp) AS value, arg_max(text, stamp) AS text, arg_max(model, stamp) AS model,
           max(observed_at) AS observed_at
    FROM (SELECT s.*, {value: observed_at, known: known_at, feed: feed, text: text} AS stamp
          FROM signals s WHERE observed_at <= TIMESTAMP '$as_of' AND weakness <> '*')
    GROUP BY weakness, kind, source, CASE WHEN kind = 'cvss' THEN model END
"""
# Newest version of CVSS first, then who says it.
_CVSS_ORDER = """
    {version: CASE WHEN model IN ('2.0', '3.0', '3.1', '4.0') THEN model ELSE '0' END,
     who: CASE source WHEN 'nvd' THEN 3 WHEN 'cna' THEN 2 WHEN 'cisa-adp' THEN 1 ELSE 0 END,
     day: observed_at, text: text}
"""
_QUERY = (
    """
WITH latest AS MATERIALIZED ("""
    + _LATEST
    + """),
feeds AS (
    SELECT kind[6:] AS feed, max(observed_at) AS day FROM signals
    WHERE weakness = '*' AND observed_at <= TIMESTAMP '$as_of' GROUP BY 1
),
has AS (
    SELECT coalesce(bool_or(feed = 'kev'), false) AS catalogue,
           coalesce(bool_or(feed IN ($exploit_feeds)), false) AS exploits
    FROM feeds
),
named AS ($wanted),
one AS (
    SELECT weakness,
        arg_max(text, """
    + _CVSS_ORDER
    + """) FILTER (kind = 'cvss') AS cvss_vector,
        arg_max(value, """
    + _CVSS_ORDER
    + """) FILTER (kind = 'cvss') AS cvss_published,
        arg_max(source, """
    + _CVSS_ORDER
    + """) FILTER (kind = 'cvss') AS cvss_source,
        arg_max(value, observed_at) FILTER (kind = 'epss') AS epss,
        arg_max(model, observed_at) FILTER (kind = 'epss') AS epss_model,
        max(observed_at) FILTER (kind = 'epss') AS epss_at,
        bool_or(value > 0) FILTER (kind = 'kev') AS in_kev,
        max(observed_at) FILTER (kind = 'kev' AND value > 0) AS kev_at,
        bool_or(value > 0) FILTER (kind = 'ransomware') AS in_ransomware,
        max(observed_at) FILTER (kind = 'ransomware' AND value > 0) AS ransomware_at,
        min(observed_at) FILTER (kind = 'exploit_weaponized' AND value > 0) AS weaponized_at,
        min(observed_at) FILTER (kind = 'exploit_poc' AND value > 0) AS poc_at,
        list_sort(list(DISTINCT source) FILTER (kind[:8] = 'exploit_' OR kind = 'kev')) AS exploit_sources,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_exploitation')
            AS ssvc_exploitation,
        max(observed_at) FILTER (kind = 'ssvc_exploitation') AS ssvc_at,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_automatable')
            AS ssvc_automatable,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_impact') AS ssvc_impact,
        arg_max(text, {nvd: source = 'nvd', day: observed_at, source: source}) FILTER (kind = 'cwe') AS cwe,
        min(observed_at) FILTER (kind = 'published') AS published,
        arg_max(text, {cna: source = 'cna', day: observed_at, source: source})
            FILTER (kind = 'description') AS description,
        coalesce(bool_or(value > 0) FILTER (kind = 'rejected'), false) AS rejected,
        max(observed_at) AS observed_at
    FROM latest GROUP BY weakness
),
asked AS (SELECT DISTINCT weakness, weakness LIKE 'CVE-%' AS public FROM named)
SELECT a.weakness, cvss_vector, cvss_published, cvss_source, epss, epss_at, epss_model,
    -- Absence of an entry is a "no" only where the feed was read, and it speaks of CVEs alone.
    CASE WHEN in_kev IS NOT NULL THEN in_kev WHEN has.catalogue AND public THEN false END AS kev,
    kev_at,
    CASE WHEN in_ransomware IS NOT NULL THEN in_ransomware WHEN has.catalogue AND public THEN false END
        AS ransomware,
    ransomware_at,
    CASE WHEN in_kev AND in_ransomware THEN 'ransomware' WHEN in_kev THEN 'attacks'
         WHEN ssvc_exploitation = 'active' THEN 'attacks'
         WHEN weaponized_at IS NOT NULL THEN 'weaponized'
         WHEN poc_at IS NOT NULL OR ssvc_exploitation = 'public poc' THEN 'poc'
         WHEN (has.exploits AND public) OR ssvc_exploitation = 'none' THEN 'none_known'
         ELSE 'unknown' END AS exploit,
    CASE WHEN in_kev AND in_ransomware THEN ransomware_at WHEN in_kev THEN kev_at
         WHEN ssvc_exploitation = 'active' THEN ssvc_at
         WHEN weaponized_at IS NOT NULL THEN weaponized_at
         WHEN poc_at IS NOT NULL THEN poc_at ELSE ssvc_at END AS exploit_since,
    coalesce(exploit_sources, []) AS exploit_sources,
    ssvc_exploitation, ssvc_automatable, ssvc_impact, coalesce(cwe, '') AS cwe, published,
    coalesce(description, '') AS description, coalesce(rejected, false) AS rejected, observed_at
FROM asked a LEFT JOIN one USING (weakness) CROSS JOIN has
ORDER BY a.weakness
"""
)


def signals_at(ask: Ask, as_of: datetime, weaknesses: pa.Table | None = None) -> pa.Table:
    """Return what is known of each weakness as of `as_of`, one row each, ordered by name.

    `ask` runs SQL over the lake (`Lake.sql` or `Snapshot.sql`). `weaknesses` has a column
    `weakness`; without it, those of the lake's exposures and of its signals. Columns: `cvss` is
    recomputed from `cvss_vector` (`cvss_version`), `cvss_published` is the score beside it and
    `cvss_mismatch` says that they differ; `epss` with `epss_at` and `epss_model`; `kev` and
    `ransomware` are true, false, or NULL while no catalogue was read; `exploit` is none_known, poc,
    weaponized, attacks, ransomware or unknown, with `exploit_since` and `exploit_sources`; SSVC points,
    `cwe` (numbers with commas), `published`, `description`, `rejected`, `observed_at` (newest word).
    """
    wanted = "SELECT weakness FROM wanted_weaknesses"
    if weaknesses is None:
        wanted = "SELECT weakness FROM exposures UNION SELECT weakness FROM signals WHERE weakness <> '*'"
    query = (
        _QUERY.replace("$as_of", _naive(as_of).isoformat(sep=" "))
        .replace("$exploit_feeds", ", ".join(f"'{feed}'" for feed in EXPLOIT_FEEDS))
        .replace("$wanted", wanted)
    )
    return _with_scores(ask(query) if weaknesses is None else ask(query, wanted_weaknesses=weaknesses))


def feeds_at(ask: Ask, as_of: datetime) -> pa.Table:
    """Return the feeds that were read: `feed`, `date` of its newest content, `read_at`, ordered by name."""
    return ask(
        "SELECT kind[6:] AS feed, max(observed_at) AS date, max(known_at) AS read_at FROM signals"
        f" WHERE weakness = '*' AND observed_at <= TIMESTAMP '{_naive(as_of).isoformat(sep=' ')}'"
        " GROUP BY 1 ORDER BY 1"
    )


def _naive(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def _with_scores(table: pa.Table) -> pa.Table:
    """Add the recomputed score, its version, and whether the published one differs."""
    vectors = table["cvss_vector"].to_pylist()
    scores = cvss.read_all(vectors)
    published = table["cvss_published"].to_pylist()
    mismatch = [cvss.differs(one or "", other) for one, other in zip(vectors, published, strict=True)]
    table = table.append_column("cvss", pa.array([one.base if one else None for one in scores], pa.float64()))
    table = table.append_column("cvss_version", pa.array([one.version if one else None for one in scores], pa.string()))
    return table.append_column("cvss_mismatch", pa.array(mismatch, pa.bool_()))
