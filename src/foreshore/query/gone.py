"""Which assets exist no more, as of a moment: a pure reading of what the sources said, whatever the order of arrival.

| why | an asset is gone as of | said by |
|---|---|---|
| `not_listed` | the first listing of its whole extent that no longer names it | the source that listed it there |
| `ended` | the time that its source gives | the source: terminated, deleted, retired |
| `silent` | the last of the policy's days without a sighting | the policy, for what is made to be short-lived |
| `superseded` | the same, and not before its follower was seen | the policy, for images of one repository and tag |

Whatever sees the asset later brings it back: none of these counts before its last sighting by any source. So a
host or device never goes by silence alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from foreshore.query import attributes

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

Ask = Callable[..., "pa.Table"]

# When each asset was seen: not by a run that says itself that it is gone, and by a listing when it was made.
_SEEN = """
told_end AS (
    SELECT e.run, e.asset, e.observed_at, e.reason, r.source FROM ended e JOIN runs r USING (run)
    WHERE e.observed_at <= {moment}
), sight AS (
    SELECT coalesce(n.canonical, s.asset) AS asset, s.run, s.observed_at AS told_at FROM sightings s
    ANTI JOIN told_end d ON d.run = s.run AND d.asset = s.asset LEFT JOIN asset_now n ON n.asset = s.asset
    WHERE s.observed_at <= {moment} AND s.asset IS NOT NULL
), listing AS (
    SELECT l.run, l.extent, r.source, r.site, r.observed_at AS told_at,
        dense_rank() OVER (PARTITION BY r.source, r.site, l.extent ORDER BY r.observed_at) AS number
    FROM listed l JOIN runs r USING (run) WHERE l.asset IS NULL AND r.observed_at <= {moment}
), named AS (
    SELECT DISTINCT coalesce(n.canonical, m.asset) AS asset, l.source, l.site, l.extent, l.told_at, l.number
    FROM listed m JOIN listing l ON l.run = m.run AND l.extent = m.extent LEFT JOIN asset_now n ON n.asset = m.asset
    WHERE m.asset IS NOT NULL
), alive AS (
    SELECT asset, max(told_at) AS told_at FROM (SELECT asset, told_at FROM sight UNION ALL SELECT asset, told_at FROM named) GROUP BY asset
)"""
_GONE = f"""
WITH {_SEEN}, member AS (
    SELECT asset, source, site, extent, greatest(max(n.told_at), any_value(a.told_at)) AS after
    FROM named n JOIN alive a USING (asset) GROUP BY asset, source, site, extent
), missed AS (
    SELECT m.asset, l.told_at, m.source, m.extent FROM member m ASOF JOIN listing l
    ON l.source = m.source AND l.site = m.site AND l.extent = m.extent AND m.after < l.told_at
), last_end AS (
    SELECT coalesce(n.canonical, e.asset) AS asset, e.observed_at AS told_at, e.source, e.reason
    FROM told_end e LEFT JOIN asset_now n ON n.asset = e.asset
), marked AS ({{marked}}), followed AS ({{followed}}), every AS (
    SELECT asset, told_at, 'not_listed' AS why, source, extent AS detail FROM missed
    UNION ALL SELECT e.asset, e.told_at, 'ended', e.source, e.reason FROM last_end e LEFT JOIN alive a USING (asset)
        WHERE a.told_at IS NULL OR e.told_at >= a.told_at
    UNION ALL SELECT a.asset, a.told_at + to_days(m.days), 'silent', '', m.name FROM alive a JOIN marked m USING (asset)
        WHERE a.told_at + to_days(m.days) <= {{moment}}
    UNION ALL SELECT f.asset, greatest(a.told_at + to_days({{old}}), f.told_at), 'superseded', '', f.reference
        FROM followed f JOIN alive a USING (asset)
        WHERE f.told_at > a.told_at AND greatest(a.told_at + to_days({{old}}), f.told_at) <= {{moment}}
)
SELECT asset, min(told_at) AS gone_at, arg_min(why, (told_at, why, source, detail)) AS why,
    arg_min(source, (told_at, why, source, detail)) AS source, arg_min(detail, (told_at, why, source, detail)) AS detail
FROM every GROUP BY asset ORDER BY asset
"""
# What is made to be short-lived, by the tags and attributes that any source gave.
_MARKED = """
    SELECT w.asset, min({days}) AS days, arg_min(r.name, {days}) AS name FROM (
        SELECT coalesce(n.canonical, s.asset) AS asset, s.kind, unnest(list_concat(coalesce(s.tags, []), [
            e.key || '=' || e.value FOR e IN coalesce(map_entries(s.attributes), [])])) AS word
        FROM sightings s LEFT JOIN asset_now n ON n.asset = s.asset WHERE s.observed_at <= {moment}
    ) w JOIN (VALUES {rules}) r(name, days, kind, mark) ON r.kind = w.kind AND starts_with(lower(w.word), r.mark)
    GROUP BY w.asset
"""
# The first sighting of another image under the same reference, after the last of this one.
_FOLLOWED = """
    WITH called AS (
        SELECT coalesce(n.canonical, i.asset) AS asset, i.value AS reference
        FROM identifiers i LEFT JOIN asset_now n ON n.asset = i.asset
        WHERE i.kind = 'image_ref' AND regexp_matches(i.value, ':[^/@]+$') AND i.observed_at <= {moment} GROUP BY ALL
    ), digested AS (
        SELECT DISTINCT coalesce(n.canonical, i.asset) AS asset
        FROM identifiers i LEFT JOIN asset_now n ON n.asset = i.asset WHERE i.kind = 'image_digest'
    ), shown AS (SELECT c.asset, c.reference, s.told_at, min(s.told_at) OVER (PARTITION BY c.asset) AS first
        FROM called c SEMI JOIN digested USING (asset) JOIN sight s USING (asset))
    SELECT c.asset, c.reference, min(s.told_at) AS told_at
    FROM called c SEMI JOIN digested USING (asset) JOIN alive a USING (asset)
    JOIN shown s ON s.reference = c.reference AND s.asset <> c.asset AND s.told_at > a.told_at
    WHERE s.first > (SELECT min(o.told_at) FROM sight o WHERE o.asset = c.asset) GROUP BY ALL
"""
# The last time at which an asset that is seen now was gone by its source's word: a listing or an end.
_BACK = f"""
WITH {_SEEN}, spans AS (
    SELECT asset, source, site, extent, number,
        lead(number) OVER (PARTITION BY asset, source, site, extent ORDER BY number) AS next
    FROM named
), gap AS (
    SELECT s.asset, min(l.told_at) AS told_at, false AS ended FROM spans s JOIN listing l
    ON l.source = s.source AND l.site = s.site AND l.extent = s.extent AND l.number = s.number + 1
    WHERE s.next IS NULL OR s.next > s.number + 1
    GROUP BY s.asset, s.source, s.site, s.extent, s.number
    UNION ALL SELECT coalesce(n.canonical, e.asset), e.observed_at, true FROM told_end e LEFT JOIN asset_now n USING (asset)
)
SELECT g.asset, max(g.told_at) AS gone_at FROM gap g JOIN alive a USING (asset)
WHERE a.told_at > g.told_at AND (g.ended OR NOT EXISTS (
    SELECT 1 FROM (SELECT asset, told_at FROM sight UNION ALL SELECT asset, told_at FROM named) s
    WHERE s.asset = g.asset AND s.told_at = g.told_at))
GROUP BY g.asset ORDER BY g.asset
"""


def gone(ask: Ask, as_of: datetime, policy: Policy) -> pa.Table:
    """Return (asset, gone_at, why, source, detail) of the assets that exist no more at `as_of`, by asset.

    `ask` runs SQL over the lake's tables. `detail` is the extent, the source's reason, the rule of the policy,
    or the reference of the image that followed.
    """
    words = {"moment": attributes.moment(as_of), "old": int(policy.number("life.superseded.image.days").value)}
    marked = _MARKED.format(rules=_rules(policy), days="r.days", **words)
    return ask(_GONE.format(marked=marked, followed=_FOLLOWED.format(**words), **words))


def returned(ask: Ask, as_of: datetime) -> pa.Table:
    """Return (asset, gone_at) of the assets that were gone by a source's word and were seen since, by asset."""
    return ask(_BACK.format(moment=attributes.moment(as_of)))


def described(ask: Ask, left: pa.Table, cycle: int, as_of: datetime, policy: Policy) -> pa.Table:
    """Return the rows of the table `gone_assets` of `cycle` for `left` (as `gone` returns it), with names and kinds."""
    own = "(SELECT * FROM {0} WHERE asset IN (SELECT asset FROM gone UNION SELECT n.asset FROM asset_now n JOIN gone g ON g.asset = n.canonical))"
    known = attributes.in_force(
        policy.table("precedence"),
        as_of=as_of,
        sightings=own.format("sightings"),
        identifiers=own.format("identifiers"),
    )
    return ask(
        f"""SELECT {int(cycle)}::BIGINT AS cycle, g.asset, g.gone_at::TIMESTAMP AS gone_at, g.why, g.source, g.detail,
            coalesce(k.name, '') AS name, coalesce(k.kind, a.kind) AS kind, coalesce(a.site, 'main') AS site, k.last_seen
        FROM gone g LEFT JOIN ({known}) k USING (asset) LEFT JOIN assets a ON a.asset = g.asset ORDER BY g.asset""",
        gone=left,
    )


def _rules(policy: Policy) -> str:
    rows = []
    for name in policy.names("life.ephemeral"):
        days = int(policy.number(f"life.ephemeral.{name}.days").value)
        kinds, marks = (policy.values(f"life.ephemeral.{name}.{field}") for field in ("kinds", "marks"))
        rows += [(name, days, str(kind), str(mark).lower()) for kind in kinds for mark in marks]
    return ", ".join(f"({_text(name)}, {days}, {_text(kind)}, {_text(mark)})" for name, days, kind, mark in rows)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
