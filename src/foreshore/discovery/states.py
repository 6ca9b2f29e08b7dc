"""The state of every exposure at a moment: open, reopened, stale, pending verification, reboot pending, fixed, gone.

States follow from the folded events. *Stale* is added where none of the sources that saw an exposure
has reported on its asset within twice its usual interval: nobody looks, so nobody knows. *Gone* are the
exposures of assets that exist no more (see `query.gone`), unless they were fixed before; they are reopened when
the asset is seen again. *Reboot pending*: the fix is installed, and what runs is older (see `restarts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery import life, restarts

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[..., "pa.Table"]

_STATES = """
with resolved as (
    select coalesce(n.canonical, e.exposure) as exposure, e.* exclude (exposure)
    from exposure_events_now e left join exposure_now n on n.exposure = e.exposure
    where e.happened_at <= {moment} and (n.canonical is null or n.canonical = e.exposure)
), last as (
    select exposure, arg_max(kind, (happened_at, kind <> 'opened', kind = 'reopened')) as kind,
        min(happened_at) as since
    from resolved group by exposure
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
select l.exposure, case{of_asset}
    when l.kind = 'fixed' then case when w.runs_older then 'reboot_pending' else 'fixed' end
    when c.claimed_at > k.seen or l.kind = 'claimed' then 'pending_verification'
    when k.until < {moment} then 'stale'
    when w.exposure is not null then 'reboot_pending'
    when l.kind = 'reopened'{or_back} then 'reopened' else 'open' end as state
from last l left join looked k on k.exposure = l.exposure
left join claims c on c.exposure = l.exposure left join waiting w on w.exposure = l.exposure{on_asset}
order by l.exposure
"""
# Asked only where an asset is gone or was: most need no look at the exposures themselves.
_OF_ASSET = "\n    when g.asset is not null and l.kind <> 'fixed' then 'gone'"
_OR_BACK = " or l.since <= b.gone_at"
_ON_ASSET = """
left join exposures e on e.exposure = l.exposure left join asset_now a on a.asset = e.asset
left join gone g on g.asset = coalesce(a.canonical, e.asset)
left join returned b on b.asset = coalesce(a.canonical, e.asset)"""


def at(
    ask: Ask,
    as_of: datetime,
    decisions: Sequence[facts.Decision] = (),
    rules: life.Rules | None = None,
    *,
    gone: pa.Table | None = None,
    returned: pa.Table | None = None,
) -> pa.Table:
    """Return (exposure, state) of every exposure that had been opened by `as_of`, by exposure.

    `ask` runs SQL over the lake; `decisions` are the effective ones, of which claims of a fix count. `gone` and
    `returned` are the assets that exist no more, or did not for a while, as `query.gone` tells them.
    """
    import pyarrow as pa

    numbers = rules or life.Rules()
    claimed = [one for one in decisions if one.disposition == "claimed_fixed"]
    claims = pa.table({
        "exposure": pa.array([one.exposure for one in claimed], pa.int64()),
        "claimed_at": pa.array([one.decided_at.replace(tzinfo=None) for one in claimed], pa.timestamp("us")),
    })  # fmt: skip
    left = any(one is not None and one.num_rows for one in (gone, returned))
    query = _STATES.format(
        moment=f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S.%f}'",
        usual=int(numbers.usual.total_seconds()),
        intervals=numbers.intervals,
        of_asset=_OF_ASSET if left else "",
        or_back=_OR_BACK if left else "",
        on_asset=_ON_ASSET if left else "",
    )
    nobody = pa.table({"asset": pa.array([], pa.int64()), "gone_at": pa.array([], pa.timestamp("us"))})
    both = {"gone": gone or nobody, "returned": returned or nobody} if left else {}
    return ask(query, claims=claims, waiting=restarts.waiting(ask, as_of), **both)
