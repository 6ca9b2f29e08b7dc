"""What a verdict does to belief.

A verdict is weighed by how often its check says yes where the claim holds and where it does not
(Bayes' rule on odds). A finding that a report brought with its own proof, such as a Nuclei match, is
weighed by its proof rank in the policy instead: a match of a version string is a weak word, a match of
behaviour a strong one, and only ranks from `probe` on count as confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake


@dataclass(frozen=True)
class Strength:
    """How good a check is: chances that it says confirmed where the claim holds, and where it does not."""

    true_positive: float
    false_positive: float


# Own judgement: a completed connection or handshake is hardly ever wrong; a refusal may be a filter,
# a balancer's other half, or a restart.
STRENGTHS = {"tcp_reach": Strength(0.97, 0.01), "tls": Strength(0.95, 0.01)}

# The latest verdict by exposure that says something: silence after an answer takes nothing back.
_STANDING = """
    select coalesce(n.canonical, v.exposure) as exposure, v.check_name,
        arg_max(v.outcome, (v.observed_at, v.verdict)) as outcome,
        arg_max(v.detail, (v.observed_at, v.verdict)) as detail, max(v.observed_at) as observed_at
    from verdicts v left join exposure_now n on n.exposure = v.exposure
    where v.exposure <> 0 and v.outcome in ('confirmed', 'refuted')
    group by 1, 2 order by 1, 2
"""
# Where a port was tried from, and what came of it; silence is told as what it is.
_TRIED = """
    select coalesce(n.canonical, v.asset) as asset, v.port, v.check_name, v.vantage,
        arg_max(v.outcome, (v.observed_at, v.verdict)) as outcome, max(v.observed_at) as observed_at,
        list_sort(list(distinct v.exposure)) as exposures
    from verdicts v left join asset_now n on n.asset = v.asset
    group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


def believed(prior: float, check: str, outcome: str) -> float:
    """Return the chance that the claim holds after `outcome`; only confirmed and refuted move it."""
    strength = STRENGTHS.get(check)
    if strength is None or outcome not in ("confirmed", "refuted"):
        return prior
    holds, fails = strength.true_positive, strength.false_positive
    if outcome == "refuted":
        holds, fails = 1.0 - holds, 1.0 - fails
    whole = prior * holds + (1.0 - prior) * fails
    return prior * holds / whole if whole > 0 else prior


def standing(lake: Lake) -> pa.Table:
    """Return (exposure, check_name, outcome, detail, observed_at): the word of each check that stands."""
    return lake.sql(_STANDING)


def tried(lake: Lake) -> pa.Table:
    """Return (asset, port, check_name, vantage, outcome, observed_at, exposures) of all tests so far."""
    return lake.sql(_TRIED)
