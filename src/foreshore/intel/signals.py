"""What is known of each weakness as of a day: one row each, where not knowing is a value of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa

from foreshore.intel import cvss

Ask = Callable[..., pa.Table]

# Feeds whose absence of an entry says that no exploit, or no attack, is known to them.
EXPLOIT_FEEDS = ("poc_index", "metasploit", "exploitdb")
OTHER_CATALOGUES = ("vulncheck_kev",)  # of exploited weaknesses, beside CISA's
# What is told of an exploit, from the least to the most that it takes from a defender.
RUNGS = ("poc", "weaponized", "attacks", "ransomware")
# Names that signals may speak of and that are no weaknesses.
PUBLIC_NAME = "regexp_matches(weakness, '^(\\*$|CWE-|CAPEC-|T[0-9]|TA[0-9]|eol:)')"

_KINDS = """('cvss', 'epss', 'kev', 'exploited', 'ransomware', 'ssvc_exploitation', 'ssvc_automatable', 'ssvc_impact',
    'cwe', 'published', 'description', 'rejected', 'own_model')"""
_LATEST = f"""
    -- The last word of each source on each point by that day; digest and text always settle ties alike. What
    -- is in a catalogue is so from the first word that nothing took back since, in whatever order lists were read.
    SELECT weakness, kind, source, said.value AS value, said.text AS text, said.model AS model,
        CASE WHEN said.value > 0 THEN coalesce(list_min(list_filter(entered, lambda day: coalesce(day >= off, true))),
            last) ELSE last END AS observed_at
    FROM (
        SELECT weakness, kind, source, max(observed_at) AS last,
            arg_max({{value: value, text: text, model: model}},
                {{value: observed_at, known: known_at, feed: feed, text: text}}) AS said,
            list(observed_at) FILTER (kind IN ('kev', 'exploited', 'ransomware') AND value > 0) AS entered,
            max(observed_at) FILTER (kind IN ('kev', 'exploited', 'ransomware') AND value = 0) AS off
        FROM signals SEMI JOIN asked USING (weakness)
        WHERE observed_at <= TIMESTAMP '$as_of' AND kind IN {_KINDS}
        GROUP BY weakness, kind, source, CASE WHEN kind = 'cvss' THEN model END
    )
"""
# The rungs that each source stands for today, with the day on which it first said so.
_RUNGS = """
    SELECT weakness, rung, min(since) AS since, list_sort(list(DISTINCT source)) AS sources
    FROM (
        SELECT weakness, source, CASE kind WHEN 'exploit_poc' THEN 'poc' WHEN 'exploit_weaponized' THEN 'weaponized'
            WHEN 'kev' THEN 'attacks' WHEN 'exploited' THEN 'attacks' WHEN 'ransomware' THEN 'ransomware' END AS rung,
            min(observed_at) FILTER (value > 0) AS since
        FROM signals SEMI JOIN asked USING (weakness)
        WHERE kind IN ('exploit_poc', 'exploit_weaponized', 'kev', 'exploited', 'ransomware')
            AND observed_at <= TIMESTAMP '$as_of'
        GROUP BY weakness, source, kind
        -- Each kind on its own: who no longer lists it no longer says so. Several exploits of a day add up.
        HAVING arg_max(value, {day: observed_at, known: known_at, value: value}) > 0
        UNION ALL
        SELECT weakness, source, unnest(CASE arg_max(text, {day: observed_at, known: known_at, text: text})
                WHEN 'active' THEN [{rung: 'attacks', since: min(observed_at) FILTER (text = 'active')},
                    {rung: 'poc', since: min(observed_at) FILTER (text = 'public poc')}]
                WHEN 'public poc' THEN [{rung: 'poc', since: min(observed_at) FILTER (text = 'public poc')}] END,
            recursive := true)
        FROM signals SEMI JOIN asked USING (weakness)
        WHERE kind = 'ssvc_exploitation' AND observed_at <= TIMESTAMP '$as_of' GROUP BY weakness, source
    ) WHERE since IS NOT NULL GROUP BY weakness, rung
"""
_TECHNIQUES = """
    SELECT weakness, text AS technique FROM signals
    WHERE kind = 'technique' AND text <> '' AND observed_at <= TIMESTAMP '$as_of'
    GROUP BY weakness, text HAVING coalesce(arg_max(value, {day: observed_at, known: known_at}), 1) > 0
"""
# Newest version of CVSS first, then who says it.
_CVSS_ORDER = """
    {version: CASE WHEN model IN ('2.0', '3.0', '3.1', '4.0') THEN model ELSE '0' END,
     who: CASE source WHEN 'nvd' THEN 3 WHEN 'cna' THEN 2 WHEN 'cisa-adp' THEN 1 ELSE 0 END,
     day: observed_at, text: text}
"""
_NEWEST = "{day: observed_at, source: source}"
_ONE = f"""
    SELECT weakness,
        arg_max(text, {_CVSS_ORDER}) FILTER (kind = 'cvss') AS cvss_vector,
        arg_max(value, {_CVSS_ORDER}) FILTER (kind = 'cvss') AS cvss_published,
        arg_max(source, {_CVSS_ORDER}) FILTER (kind = 'cvss') AS cvss_source,
        arg_max(value, {_NEWEST}) FILTER (kind = 'epss') AS epss,
        arg_max(model, {_NEWEST}) FILTER (kind = 'epss') AS epss_model,
        max(observed_at) FILTER (kind = 'epss') AS epss_at,
        arg_max(value, {_NEWEST}) FILTER (kind = 'own_model') AS own,
        arg_max(model, {_NEWEST}) FILTER (kind = 'own_model') AS own_model,
        arg_max(text, {_NEWEST}) FILTER (kind = 'own_model') AS own_reasons,
        max(observed_at) FILTER (kind = 'own_model') AS own_at,
        bool_or(value > 0) FILTER (kind = 'kev') AS in_kev,
        max(observed_at) FILTER (kind = 'kev' AND value > 0) AS kev_at,
        bool_or(value > 0) FILTER (kind = 'exploited') AS in_exploited,
        min(observed_at) FILTER (kind = 'exploited' AND value > 0) AS exploited_at,
        bool_or(value > 0) FILTER (kind = 'ransomware') AS in_ransomware,
        max(observed_at) FILTER (kind = 'ransomware' AND value > 0) AS ransomware_at,
        arg_max(text, {_NEWEST}) FILTER (kind = 'ssvc_exploitation') AS ssvc_exploitation,
        max(observed_at) FILTER (kind = 'ssvc_exploitation') AS ssvc_at,
        arg_max(text, {_NEWEST}) FILTER (kind = 'ssvc_automatable') AS ssvc_automatable,
        arg_max(text, {_NEWEST}) FILTER (kind = 'ssvc_impact') AS ssvc_impact,
        arg_max(text, {{nvd: source = 'nvd', day: observed_at, source: source}}) FILTER (kind = 'cwe') AS cwe,
        min(observed_at) FILTER (kind = 'published') AS published,
        arg_max(text, {{cna: source = 'cna', day: observed_at, source: source}})
            FILTER (kind = 'description') AS description,
        coalesce(bool_or(value > 0) FILTER (kind = 'rejected'), false) AS rejected,
        max(observed_at) FILTER (kind <> 'own_model') AS observed_at
    FROM latest GROUP BY weakness
"""
_QUERY = f"""
WITH named AS ($wanted),
asked AS MATERIALIZED (SELECT DISTINCT weakness, weakness LIKE 'CVE-%' AS public FROM named),
latest AS MATERIALIZED ({_LATEST}),
feeds AS (
    SELECT kind[6:] AS feed, max(observed_at) AS day FROM signals
    WHERE weakness = '*' AND observed_at <= TIMESTAMP '$as_of' GROUP BY 1
),
has AS (
    SELECT coalesce(bool_or(feed = 'kev'), false) AS catalogue,
           coalesce(bool_or(feed IN ($other_catalogues)), false) AS others,
           coalesce(bool_or(feed IN ($exploit_feeds)), false) AS exploits
    FROM feeds
),
rungs AS MATERIALIZED ({_RUNGS}),
ladders AS (
    SELECT weakness, list({{rung: rung, since: since, sources: sources}} ORDER BY list_position($rungs, rung)) AS ladder,
        list_sort(list_distinct(flatten(list(sources)))) AS exploit_sources
    FROM rungs GROUP BY weakness
),
one AS MATERIALIZED ({_ONE}),
techniques AS MATERIALIZED ({_TECHNIQUES}),
of_weakness AS (
    SELECT weakness, list_sort(list(technique)) AS ids FROM techniques SEMI JOIN asked USING (weakness) GROUP BY weakness
),
of_class AS (
    SELECT cwe, list_sort(list(DISTINCT technique)) AS ids
    FROM (SELECT cwe, 'CWE-' || unnest(string_split(cwe, ',')) AS class FROM (SELECT DISTINCT cwe FROM one WHERE cwe <> ''))
    JOIN techniques ON techniques.weakness = class GROUP BY cwe
)
SELECT a.weakness, cvss_vector, cvss_published, cvss_source, epss, epss_at, epss_model,
    own, own_model, own_reasons, own_at,
    -- Absence of an entry is a "no" only where the feed was read, and it speaks of CVEs alone.
    CASE WHEN in_kev IS NOT NULL THEN in_kev WHEN has.catalogue AND public THEN false END AS kev,
    kev_at,
    CASE WHEN in_exploited IS NOT NULL THEN in_exploited WHEN has.others AND public THEN false END AS exploited,
    exploited_at,
    CASE WHEN in_ransomware IS NOT NULL THEN in_ransomware WHEN has.catalogue AND public THEN false END
        AS ransomware,
    ransomware_at,
    CASE WHEN ladder IS NOT NULL THEN ladder[-1].rung
         WHEN (has.exploits AND public) OR ssvc_exploitation = 'none' THEN 'none_known'
         ELSE 'unknown' END AS exploit,
    coalesce(ladder[-1].since, ssvc_at) AS exploit_since,
    coalesce(exploit_sources, []) AS exploit_sources, coalesce(ladder, []) AS ladder,
    ssvc_exploitation, ssvc_at, ssvc_automatable, ssvc_impact, coalesce(one.cwe, '') AS cwe, published,
    coalesce(w.ids, c.ids, []) AS techniques,
    CASE WHEN w.ids IS NOT NULL THEN 'weakness' WHEN c.ids IS NOT NULL THEN 'cwe' ELSE '' END AS techniques_of,
    coalesce(description, '') AS description, coalesce(rejected, false) AS rejected, observed_at
FROM asked a LEFT JOIN one USING (weakness) LEFT JOIN ladders USING (weakness)
LEFT JOIN of_weakness w USING (weakness) LEFT JOIN of_class c ON c.cwe = one.cwe CROSS JOIN has
ORDER BY a.weakness
"""


def signals_at(ask: Ask, as_of: datetime, weaknesses: pa.Table | None = None) -> pa.Table:
    """Return what is known of each weakness as of `as_of`, one row each, ordered by name.

    `ask` runs SQL over the lake (`Lake.sql` or `Snapshot.sql`). `weaknesses` has a column
    `weakness`; without it, those of the lake's exposures and of its signals. Columns: `cvss` is
    recomputed from `cvss_vector` (`cvss_version`), `cvss_published` is the score beside it and
    `cvss_mismatch` says that they differ; `epss` with `epss_at` and `epss_model`; `own` is our own
    model's chance of 30 days, with `own_model`, `own_reasons` (JSON list) and `own_at`; `kev` (CISA's
    catalogue alone), `exploited` (any other catalogue) and `ransomware` are true, false, or NULL while
    no catalogue was read; `exploit` is none_known, unknown or the highest of RUNGS; `ladder` lists the
    rungs that hold, in their order, each with `since` and `sources`; `exploit_since` is that of
    the highest and `exploit_sources` are all of them; SSVC points; `cwe` (numbers with commas);
    `techniques` (ATT&CK ids; `techniques_of` says whether a source names them for the weakness itself or
    they follow from its `cwe`); `published`, `description`, `rejected`, `observed_at` (newest word).
    """
    wanted = "SELECT weakness FROM wanted_weaknesses"
    if weaknesses is None:
        wanted = f"SELECT weakness FROM exposures UNION SELECT weakness FROM signals WHERE NOT {PUBLIC_NAME}"
    query = (
        _QUERY.replace("$as_of", naive(as_of).isoformat(sep=" "))
        .replace("$exploit_feeds", _listed(EXPLOIT_FEEDS))
        .replace("$other_catalogues", _listed(OTHER_CATALOGUES))
        .replace("$rungs", f"[{_listed(RUNGS)}]")
        .replace("$wanted", wanted)
    )
    return _with_scores(ask(query) if weaknesses is None else ask(query, wanted_weaknesses=weaknesses))


def feeds_at(ask: Ask, as_of: datetime) -> pa.Table:
    """Return the feeds that were read: `feed`, `date` of its newest content, `read_at`, ordered by name."""
    return ask(
        "SELECT kind[6:] AS feed, max(observed_at) AS date, max(known_at) AS read_at FROM signals"
        f" WHERE weakness = '*' AND observed_at <= TIMESTAMP '{naive(as_of).isoformat(sep=' ')}'"
        " GROUP BY 1 ORDER BY 1"
    )


def names_at(ask: Ask, as_of: datetime, names: pa.Table) -> dict[str, str]:
    """Return the public names (kind `name`) of ATT&CK, CAPEC or CWE ids: the column `weakness` of `names`."""
    found = ask(
        "SELECT weakness, arg_max(text, observed_at) AS name FROM signals SEMI JOIN wanted_names USING (weakness)"
        f" WHERE kind = 'name' AND observed_at <= TIMESTAMP '{naive(as_of).isoformat(sep=' ')}' GROUP BY 1",
        wanted_names=names,
    )
    return dict(zip(found["weakness"].to_pylist(), found["name"].to_pylist(), strict=True))


def naive(when: datetime) -> datetime:
    """Return `when` as the lake keeps times: UTC without a zone."""
    return when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _with_scores(table: pa.Table) -> pa.Table:
    """Add the recomputed score, its version, and whether the published one differs."""
    vectors = table["cvss_vector"].to_pylist()
    scores = cvss.read_all(vectors)
    published = table["cvss_published"].to_pylist()
    mismatch = [cvss.differs(one or "", other) for one, other in zip(vectors, published, strict=True)]
    table = table.append_column("cvss", pa.array([one.base if one else None for one in scores], pa.float64()))
    table = table.append_column("cvss_version", pa.array([one.version if one else None for one in scores], pa.string()))
    return table.append_column("cvss_mismatch", pa.array(mismatch, pa.bool_()))
