"""What was known of each weakness on a day, as numbers for the likelihood model; what is unknown is NaN.

Nothing that a source said after the day is read, with no exception: a record that was edited later
is unknown on earlier days, even though parts of it were surely published. Entries of KEV count for
their vendor and product only once they were added, and never for the weakness itself. Why each
feature is there, and what may be assumed of its direction, stands in docs/explain/own-model.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa

from foreshore.intel.opinion import vectors

Ask = Callable[..., pa.Table]


class Feature(NamedTuple):
    """One feature: its name, the direction the policy demands (1 never lowers, -1 never raises, 0 free)."""

    name: str
    sign: int
    part: str  # what people call the fact behind it


# Weakness classes of one kind of attack, by CWE number.
CLASSES = {
    "command": (74, 77, 78, 88, 94, 95, 96, 913, 917, 1336),
    "memory": (119, 120, 121, 122, 123, 124, 125, 131, 190, 415, 416, 476, 787, 788, 822, 824, 843),
    "deserialization": (502,),
    "authentication": (284, 285, 287, 288, 290, 294, 302, 303, 305, 306, 259, 321, 798, 862, 863, 1392),
    "traversal": (22, 23, 24, 35, 36, 59, 73, 98),
    "upload": (434,),
    "sql": (89, 564),
    "browser": (79, 80, 83, 352, 601, 1021),
}
# What a description says, in the words of those who publish records. Nothing here speaks of
# exploitation that was seen: such words are added to a record afterwards.
PHRASES = {
    "remote_code": r"remote code execution|execut\w+ (of )?(arbitrary|remote|malicious) (code|commands?)"
    r"|(code|command)s? injection|arbitrary (code|command) execution",
    "unauthenticated": r"unauthenticated|without (any )?authentication|pre-?auth|authentication bypass"
    r"|bypass\w* (of )?(the )?authentication|no authentication",
    "elevation": r"privilege escalation|elevation of privilege|escalat\w+ (of )?(their |its )?privileges?"
    r"|gain\w* (root|system|elevated|administrat\w+)",
    "edge": r"\bvpn\b|firewall|gateway|\brouters?\b|appliance|load balancer|remote access|\bnas\b|web management"
    r"|email security|file transfer",
    "plugin": r"wordpress|\bplugins?\b|joomla|drupal|sourcecodester|code-?projects|phpgurukul|campcodes",
    "kernel": r"in the linux kernel",
    "denial": r"denial[- ]of[- ]service|\bcrash(es)?\b|null pointer|infinite loop|resource exhaustion",
}
FEATURES = (
    Feature("epss_rank", 1, "EPSS"),
    Feature("poc", 1, "exploit code"),
    Feature("weaponized", 1, "exploit code"),
    Feature("poc_new", 1, "exploit code"),
    Feature("automatable", 1, "SSVC"),
    Feature("total_impact", 1, "SSVC"),
    Feature("av_network", 1, "CVSS"),
    Feature("ac_low", 1, "CVSS"),
    Feature("pr_none", 1, "CVSS"),
    Feature("ui_none", 1, "CVSS"),
    Feature("impact", 1, "CVSS"),
    Feature("kev_vendor", 1, "KEV history"),
    Feature("kev_product", 1, "KEV history"),
    Feature("age", -1, "age"),
    *(Feature(f"class_{name}", 0, "class") for name in CLASSES),
    *(Feature(f"says_{name}", 0, "description") for name in PHRASES),
)
NAMES = tuple(one.name for one in FEATURES)
_FACTS = {
    "poc_at": pa.timestamp("us"),
    "weaponized_at": pa.timestamp("us"),
    "published": pa.timestamp("us"),
    "vendor": pa.string(),
    "vendor_entries": pa.int64(),
    "product_entries": pa.int64(),
    "epss_percentile": pa.float64(),
    "in_kev": pa.bool_(),
    "rejected": pa.bool_(),
}
SCHEMA = pa.schema([("weakness", pa.string()), *((name, pa.float64()) for name in NAMES), *_FACTS.items()])
# Days within which exploit code counts as new.
NEW_DAYS = 90

_PLAIN_VENDOR = (
    "regexp_replace(regexp_replace(lower({0}), '[,. ]+(inc|incorporated|corporation|corp|co|ltd|limited|llc|gmbh"
    "|ag|sa|plc|foundation|software foundation|systems|technologies|software)[. ]*$', ''), '[^a-z0-9]', '', 'g')"
)
_PLAIN_PRODUCT = "regexp_extract(lower({0}), '[a-z0-9]{{2,}}')"

_QUERY = """
WITH asked AS (
    SELECT DISTINCT weakness, make_timestamp(nullif(try_cast(regexp_extract(weakness, '^CVE-(\\d{4})-', 1)
        AS BIGINT), 0), 1, 1, 0, 0, 0) AS named
    FROM wanted_weaknesses
),
said AS MATERIALIZED (
    SELECT s.* FROM signals s SEMI JOIN asked USING (weakness) WHERE s.observed_at <= TIMESTAMP '$as_of'
),
whole_day AS (
    SELECT max(observed_at) AS day FROM signals
    WHERE weakness = '*' AND kind = 'feed:epss' AND model <> '' AND observed_at <= TIMESTAMP '$as_of'
),
latest AS (
    SELECT weakness, kind, source, arg_max(value, stamp) AS value, arg_max(text, stamp) AS text,
        arg_max(model, stamp) AS model, max(observed_at) AS observed_at, min(observed_at) AS first_at
    FROM (SELECT said.*, {value: observed_at, text: text, model: model} AS stamp FROM said
          WHERE kind NOT IN ('product', 'exploit_poc', 'exploit_weaponized', 'own_model')
              -- A panel of chosen weaknesses is no order of the day: that it has one at all says something.
              -- What has not changed since is not said again, so the newest word up to the newest whole day counts.
              AND (kind <> 'epss' OR observed_at <= (SELECT day FROM whole_day)))
    GROUP BY weakness, kind, source, CASE WHEN kind = 'cvss' THEN model END
),
feeds AS (
    -- Entries of KEV carry their own dates, so that one of them by that day shows that it covers the day.
    SELECT coalesce(bool_or(kind IN ('feed:kev', 'kev') OR kind = 'product' AND source = 'cisa-kev'), false) AS kev,
        coalesce(bool_or(kind IN ('feed:poc_index', 'feed:metasploit', 'feed:exploitdb')), false) AS exploits
    FROM signals WHERE observed_at <= TIMESTAMP '$as_of'
        AND (weakness = '*' OR kind = 'kev' OR kind = 'product' AND source = 'cisa-kev')
),
one AS (
    SELECT weakness,
        arg_max(text, {version: model, who: CASE source WHEN 'nvd' THEN 3 WHEN 'cna' THEN 2
            WHEN 'cisa-adp' THEN 1 ELSE 0 END, day: observed_at, text: text}) FILTER (kind = 'cvss'
            AND model IN ('2.0', '3.0', '3.1', '4.0')) AS vector,
        arg_max(try_cast(text AS DOUBLE), observed_at) FILTER (kind = 'epss') AS percentile,
        bool_or(value > 0) FILTER (kind = 'kev') AS in_kev,
        bool_or(value > 0) FILTER (kind = 'rejected') AS rejected,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_exploitation') AS exploitation,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_automatable') AS automatable,
        arg_max(text, {day: observed_at, source: source}) FILTER (kind = 'ssvc_impact') AS impact,
        string_agg(text, ',') FILTER (kind = 'cwe') AS cwe,
        min(first_at) FILTER (kind = 'published') AS published,
        lower(arg_max(text, {cna: source = 'cna', day: observed_at, source: source})
            FILTER (kind = 'description')) AS description
    FROM latest GROUP BY weakness
),
code AS (
    SELECT weakness, min(observed_at) FILTER (kind = 'exploit_poc') AS poc_at,
        min(observed_at) FILTER (kind = 'exploit_weaponized') AS weaponized_at
    FROM said WHERE kind IN ('exploit_poc', 'exploit_weaponized') AND value > 0 GROUP BY 1
),
entries AS MATERIALIZED (
    SELECT DISTINCT CASE WHEN weakness LIKE 'kev:%' THEN weakness[5:] ELSE weakness END AS weakness,
        $plain_vendor AS vendor, $plain_product AS product
    FROM signals WHERE kind = 'product' AND source = 'cisa-kev' AND observed_at < TIMESTAMP '$as_of'
),
made AS (
    SELECT weakness, $plain_vendor AS vendor, $plain_product AS product,
        first(split_part(text, '/', 1) ORDER BY text) AS name
    FROM said WHERE kind = 'product' GROUP BY 1, 2, 3
),
by_vendor AS (SELECT vendor, count(DISTINCT weakness) AS n FROM entries WHERE vendor <> '' GROUP BY 1),
by_product AS (
    SELECT vendor, product, count(DISTINCT weakness) AS n FROM entries
    WHERE vendor <> '' AND product NOT IN ('', 'multiple') GROUP BY 1, 2
),
history AS (
    SELECT weakness, max(vendor_n) AS vendor_entries, max(product_n) AS product_entries,
        arg_max(name, {n: vendor_n, name: name}) AS vendor
    FROM (
        -- An entry never speaks for itself.
        SELECT m.weakness, m.name,
            greatest(0, coalesce(v.n, 0) - coalesce((m.weakness, m.vendor)
                IN (SELECT (weakness, vendor) FROM entries), false)::INT) AS vendor_n,
            greatest(0, coalesce(p.n, 0) - coalesce((m.weakness, m.vendor, m.product)
                IN (SELECT (weakness, vendor, product) FROM entries), false)::INT) AS product_n
        FROM made m LEFT JOIN by_vendor v USING (vendor) LEFT JOIN by_product p USING (vendor, product)
        WHERE m.vendor NOT IN ('', 'na', 'unknown', 'unspecified')
    ) GROUP BY 1
)
SELECT a.weakness, vector,
    CASE WHEN percentile IS NOT NULL THEN -log10(1 - least(percentile, 1.0) + 1e-5) END AS epss_rank, percentile AS epss_percentile,
    CASE WHEN poc_at IS NOT NULL OR weaponized_at IS NOT NULL OR exploitation IN ('public poc', 'active') THEN 1.0
         WHEN feeds.exploits OR exploitation = 'none' THEN 0.0 END AS poc,
    CASE WHEN weaponized_at IS NOT NULL THEN 1.0 WHEN feeds.exploits THEN 0.0 END AS weaponized,
    CASE WHEN least(poc_at, weaponized_at) > TIMESTAMP '$as_of' - INTERVAL $new_days DAY THEN 1.0
         WHEN poc_at IS NOT NULL OR weaponized_at IS NOT NULL OR feeds.exploits THEN 0.0 END AS poc_new,
    CASE automatable WHEN 'yes' THEN 1.0 WHEN 'no' THEN 0.0 END AS automatable,
    CASE impact WHEN 'total' THEN 1.0 WHEN 'partial' THEN 0.0 END AS total_impact,
    CASE WHEN feeds.kev THEN ln(1 + vendor_entries) END AS kev_vendor,
    CASE WHEN feeds.kev THEN ln(1 + product_entries) END AS kev_product,
    -- Without a record: half way between the start of the year in its name and its end, or the day asked.
    CASE WHEN coalesce(published, named) IS NOT NULL THEN ln(1 + greatest(0, coalesce(
        date_diff('day', published, TIMESTAMP '$as_of'), date_diff('day', named, TIMESTAMP '$as_of')
            - least(365, date_diff('day', named, TIMESTAMP '$as_of')) / 2))) END AS age,
    $classes, $phrases,
    poc_at, weaponized_at, published, vendor,
    CASE WHEN feeds.kev THEN vendor_entries END AS vendor_entries,
    CASE WHEN feeds.kev THEN product_entries END AS product_entries,
    CASE WHEN in_kev IS NOT NULL THEN in_kev WHEN feeds.kev THEN false END AS in_kev,
    coalesce(rejected, false) AS rejected
FROM asked a LEFT JOIN one USING (weakness) LEFT JOIN code USING (weakness) LEFT JOIN history USING (weakness)
    CROSS JOIN feeds
ORDER BY a.weakness
"""


def features(ask: Ask, as_of: datetime, weaknesses: pa.Table) -> pa.Table:
    """Return what was known of each weakness as of `as_of`, one row of `SCHEMA` each, ordered by name.

    `ask` runs SQL over tables that hold `signals`; `weaknesses` has a column `weakness`. Features are
    numbers, NULL where nothing was known by then: `epss_rank` = -log10(1 - percentile + 1e-5), the
    percentile of the day's own file, so that versions of EPSS may mix; counts are ln(1 + n); age is
    ln(1 + days), from the year in the name where no record gives the day. Columns after the features
    are facts for the sentences: dates, vendor, counts.
    """
    moment = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    found = ask(_query(moment.isoformat(sep=" ")), wanted_weaknesses=weaknesses)
    parts = vectors.parts(found["vector"])
    columns = [parts[name] if name in parts else found[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names]
    return pa.table(columns, schema=SCHEMA)


def _query(as_of: str) -> str:
    numbers = "string_split(cwe, ',')"
    classes = [
        f"CASE WHEN cwe IS NOT NULL THEN list_has_any({numbers}, {[str(one) for one in group]})::INT::DOUBLE END"
        f" AS class_{name}"
        for name, group in CLASSES.items()
    ]
    phrases = [
        f"CASE WHEN description IS NOT NULL THEN regexp_matches(description, '{pattern}')::INT::DOUBLE END"
        f" AS says_{name}"
        for name, pattern in PHRASES.items()
    ]
    return (
        _QUERY.replace("$as_of", as_of)
        .replace("$new_days", str(NEW_DAYS))
        .replace("$plain_vendor", _PLAIN_VENDOR.format("split_part(text, '/', 1)"))
        .replace("$plain_product", _PLAIN_PRODUCT.format("split_part(text, '/', 2)"))
        .replace("$classes", ", ".join(classes))
        .replace("$phrases", ", ".join(phrases))
    )
