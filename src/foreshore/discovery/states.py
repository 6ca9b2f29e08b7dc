"""The state of every exposure at a moment: open, reopened, stale, pending verification, or fixed.

States follow from the folded events; *stale* is added where none of the sources that saw an exposure
has reported on its asset within twice its usual interval: nobody looks, so nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import life

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[..., "pa.Table"]

_STATES = """
with resolved as (
    select coalesce(n.canonical, e.exposure) as exposure, e.* exclude (exposure)
    from exposure_events_now e left join exposure_now n on n.exposure = e.exposure
    where e.happened_at <= {moment} and (n.canonical is null or n.canonical = e.exposure)
), last as (
    select exposure, arg_max(kind, (happened_at, kind <> 'opened', kind = 'reopened')) as kind from resolved
    group by exposure
), usual as (
    select source, site, greatest(86400, coalesce(median(gap), {usual}))::BIGINT as seconds from (
        select source, site, date_diff('second', lag(observed_at) over (
            partition by source, site order by observed_at), observed_at) as gap
        from (select distinct source, site, date_trunc('hour', observed_at) as observed_at from runs
              where observed_at <= {moment}))
    where gap > 0 or gap is null group by all
), looked as (
    select coalesce(n.canonical, s.exposure) as exposure,
        max(r.observed_at) as seen,
        max(r.observed_at + to_seconds((u.seconds * {intervals})::BIGINT)) as until
    from seen s join runs r on r.run = s.run join usual u on u.source = r.source and u.site = r.site
    left join exposure_now n on n.exposure = s.exposure
    where r.observed_at <= {moment} group by 1
)
select l.exposure, case
    when l.kind = 'fixed' then 'fixed'
    when c.claimed_at > k.seen or l.kind = 'claimed' then 'pending_verification'
    when k.until < {moment} then 'stale'
    when l.kind = 'reopened' then 'reopened' else 'open' end as state
from last l left join looked k on k.exposure = l.exposure
left join claims c on c.exposure = l.exposure
order by l.exposure
"""


def at(
    ask: Ask, as_of: datetime, decisions: Sequence[facts.Decision] = (), rules: life.Rules | None = None
) -> pa.Table:
    """Return (exposure, state) of every exposure that had been opened by `as_of`, by exposure.

    `ask` runs SQL over the lake; `decisions` are the effective ones, of which claims of a fix count.
    """
    import pyarrow as pa

    numbers = rules or life.Rules()
    claimed = [one for one in decisions if one.disposition == "claimed_fixed"]
    claims = pa.table({
        "exposure": pa.array([one.exposure for one in claimed], pa.int64()),
        "claimed_at": pa.array([one.decided_at.replace(tzinfo=None) for one in claimed], pa.timestamp("us")),
    })  # fmt: skip
    query = _STATES.format(
        moment=f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S.%f}'",
        usual=int(numbers.usual.total_seconds()),
        intervals=numbers.intervals,
    )
    return ask(query, claims=claims)
