"""The finer causes of a change in risk between two cycles: points on the way from the one to the other.

| part | cause | what is another after it |
|---|---|---|
| our yardstick | changed model | version of the engine, seed |
| | changed policy | the policy's numbers, tables and rules |
| | changed scope | scope.yaml |
| | decisions | what people decided of exposures |
| the world | new intelligence | signals |
| | weaknesses published since | exposures of weaknesses that nobody could know before, on assets known before |
| our sight | new exposures and assets | findings, assets, what is said of them, and what is gone with its asset |
| | changed network, rights and controls | ports, firewall rules, ties between assets, controls, tests of reach |
| our fixes | fixed | what was verified as fixed, or came back |

One is changed after the other, in this order, on the same luck; each point is the risk of one model, so that the
differences add up to the whole by themselves. What two causes did only together goes to the later one. A point at
which nothing was changed is the one before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from foreshore.cycle import again
from foreshore.cycle.inputs import Inputs
from foreshore.cycle.supposed import Supposed, supposed

if TYPE_CHECKING:
    from foreshore.cycle.hybrids import Cut
    from foreshore.cycle.snapshot import LakeSnapshot
    from foreshore.workspace import Workspace

YARDSTICK, WORLD, SIGHT, FIXES = (
    "we changed the yardstick", "the world changed", "we saw more", "we fixed",
)  # fmt: skip
CAUSES = (
    ("changed model", YARDSTICK), ("changed policy", YARDSTICK), ("changed scope", YARDSTICK), ("decisions", YARDSTICK),
    ("new intelligence", WORLD), ("weaknesses published since", WORLD), ("new exposures and assets", SIGHT),
    ("changed network, rights and controls", SIGHT), ("fixed", FIXES),
)  # fmt: skip
Risk = Callable[["LakeSnapshot"], float]
_NETWORK = ("relations", "ports_seen", "controls", "listed", "verdicts")


def yardstick(
    workspace: Workspace, cut: Cut, before: Inputs, now: Inputs, first: float, risk: Risk, say: Callable[[str], None]
) -> tuple[float, float, float, float]:
    """Return the risk of the earlier cycle's facts by today's model, then policy, then scope, then decisions.

    `before` and `now` are the inputs of both cycles, with decisions on the ids that the earlier facts know.
    """
    steps = (
        ("model", before, any(cut.old[name] != cut.new[name] for name in ("engine", "seed"))),
        ("policy", before._replace(policy=now.policy), cut.old["policy_digest"] != cut.new["policy_digest"]),
        ("scope", now._replace(decisions=before.decisions), cut.old["scope_digest"] != cut.new["scope_digest"]),
        ("decisions", now, _said(before) != _said(now)),
    )
    points, row = [], {**cut.old, "seed": cut.new["seed"]}
    for name, inputs, changed in steps:
        if changed:
            say(f"the earlier cycle by today's {name}")
            with again.snapshot(workspace, row, inputs) as then:
                first = risk(then)
        points.append(first)
    return points[0], points[1], points[2], points[3]


def _said(inputs: Inputs) -> dict[int, str]:
    return {one.exposure: one.disposition for one in inputs.decisions}


def network_news(now: LakeSnapshot, cut: Cut) -> bool:
    """Did anything come since the earlier cycle that says who may reach, or do, what?"""
    fresh = f"run not in (select run from runs where {_known(cut)})"
    return any(now.sql(f"select 1 from {name} where {fresh} limit 1").num_rows for name in _NETWORK)


def _known(cut: Cut) -> str:
    from foreshore.cycle.hybrids import sql_time

    return f"known_at <= {sql_time(cut.written)} and observed_at <= {sql_time(cut.old['as_of'])}"


def with_old_network(now: LakeSnapshot, cut: Cut) -> Supposed:
    """Return the later facts with the network, rights and controls as the earlier cycle knew them."""
    found = supposed(now)
    known = f"(select run from main.runs where {_known(cut)})"
    for name in _NETWORK:
        found = found.through(name, f"select * from {{before}} where run in {known}")
    return found.through("runs", f"select * replace (if(run in {known}, relations, 0) as relations) from {{before}}")
