"""Facts, chances and graph of a snapshot, before anything is simulated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore import facts
from foreshore.intel.endings import endings_at
from foreshore.intel.signals import naive, signals_at
from foreshore.prioritization import backports, chances, outlived
from foreshore.prioritization.compile import Chances, Compiled, graph_of
from foreshore.prioritization.context import Context, gather
from foreshore.prioritization.risk import Model, model_of

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

REFUTED = 0.05  # what is left of a weakness that a test did not find: tests miss things

_REFUTED = """
    select distinct coalesce(n.canonical, v.exposure) as exposure
    from verdicts v left join exposure_now n on n.exposure = v.exposure
    where v.exposure <> 0 and v.check_name <> 'tcp_reach' and v.outcome in ('confirmed', 'refuted')
    group by 1 having arg_max(v.outcome, v.observed_at) = 'refuted'
"""

_CONFIRMED = _REFUTED.replace("= 'refuted'", "= 'confirmed'")


@dataclass(frozen=True)
class Graphed:
    """A compiled snapshot, as questions about ways need it."""

    scope: facts.Scope
    policy: Policy
    context: Context
    chances: Chances
    compiled: Compiled
    model: Model


@dataclass(frozen=True)
class Modelled(Graphed):
    """What a snapshot says, compiled; `decided` and `dismissed` are people's words by exposure."""

    judged: pa.Table
    signals: pa.Table
    decided: dict[int, facts.Decision]
    dismissed: dict[int, facts.Decision]
    ports: pa.ChunkedArray  # those that were seen with each exposure, before those of its product are added

    @property
    def likelihood(self) -> NDArray[np.float64]:
        """Chance that an attacker in position succeeds with each exposure."""
        usable = self.chances.usable[self.chances.weakness] if len(self.chances.weakness) else np.zeros(0)
        return np.asarray(usable * self.chances.success, np.float64)


def modelled(snapshot: facts.Snapshot) -> Modelled:
    """Gather the snapshot's facts and compile them; what people dismissed takes no part."""
    context = gather(snapshot)
    decided = {one.exposure: one for one in snapshot.decisions}
    dismissed = {key: one for key, one in decided.items() if one.disposition in facts.DISMISSALS}
    signals = signals_at(snapshot.sql, snapshot.as_of, context.exposures.select(["weakness"]))
    judged = chances.weighed(context, signals, snapshot.policy)
    judged = backports.applied(judged, _vendors(snapshot, context), snapshot.policy)
    ends = endings_at(snapshot.sql, snapshot.as_of)
    judged = outlived.applied(judged, context.exposures, context.assets, ends, snapshot.policy)
    ports = context.exposures.column("ports")
    context = replace(context, exposures=chances.with_product_ports(context, judged))
    arrays = chances.chances_of(context, judged)
    arrays = replace(arrays, success=arrays.success * _doubt(snapshot, context, dismissed))
    compiled = graph_of(context, arrays, snapshot.scope, snapshot.policy)
    model = modelled_again(compiled, context, snapshot.scope, snapshot.policy, snapshot.seed)
    return Modelled(
        scope=snapshot.scope, policy=snapshot.policy, context=context, chances=arrays, compiled=compiled, model=model,
        judged=judged, signals=signals, decided=decided, dismissed=dismissed, ports=ports,
    )  # fmt: skip


def modelled_again(compiled: Compiled, context: Context, scope: facts.Scope, policy: Policy, seed: int) -> Model:
    """Make the engine's model of what was compiled, with the scope's attackers."""
    return model_of(compiled, context.services, attackers_of(scope, policy), policy, seed)


def _vendors(snapshot: facts.Snapshot, context: Context) -> pa.Table:
    """Return what vendors say of the installed versions, before anything is ranked."""
    shown = snapshot.sql(_CONFIRMED).column("exposure").to_numpy()
    tested = np.isin(context.exposures.column("exposure").to_numpy(), shown)
    return backports.words(
        snapshot.sql, naive(snapshot.as_of), context.exposures, context.assets, tested, snapshot.policy
    )


def _doubt(snapshot: facts.Snapshot, context: Context, dismissed: dict[int, facts.Decision]) -> NDArray[np.float64]:
    """Return by what a test's or a person's word multiplies the chance of each exposure."""
    refuted = snapshot.sql(_REFUTED).column("exposure").to_numpy()
    keys = context.exposures.column("exposure").to_numpy()
    doubt = np.where(np.isin(keys, refuted), REFUTED, 1.0)
    waits = np.asarray(context.exposures.column("state").to_pylist()) == "reboot_pending"
    doubt = np.where(waits, doubt * snapshot.policy.number("life.reboot_pending.truth").value, doubt)
    return np.where(np.isin(keys, np.array(sorted(dismissed), np.int64)), 0.0, doubt)


def attackers_of(scope: facts.Scope, policy: Policy) -> tuple[facts.Attacker, ...]:
    """Return the scope's attackers, else the shipped profiles."""
    return scope.attackers or tuple(shipped_attackers(policy).values())


def shipped_attackers(policy: Policy) -> dict[str, facts.Attacker]:
    """Return the attacker profiles of the policy by name."""
    found = {}
    for name in policy.names("attackers.profile"):
        rate = policy.number(f"attackers.profile.{name}.attacks_per_year")
        found[name] = facts.Attacker(
            name=name,
            enters=tuple(policy.values(f"attackers.profile.{name}.enters")),
            attacks_per_year=facts.Range(rate.low, rate.value, rate.high),
            capability=policy.text(f"attackers.profile.{name}.capability"),
            source=policy.text(f"attackers.profile.{name}.source"),
        )
    return found
