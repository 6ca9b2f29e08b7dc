"""What is done with each open exposure, and why: act now, unknown, routine patching, watch, accepted.

Every open exposure gets exactly one treatment. Thresholds stand in policy/treatment.toml.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore.prioritization.backports import SETTLED

if TYPE_CHECKING:
    from foreshore.policy import Policy

Texts = NDArray[np.object_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Everything known of the open exposures that the treatment looks at, as arrays of one length.

    `contribution`, `low`, `high` and `if_reachable` are shares of all modelled risk; `reachable`,
    `leads` are yes, no, unknown; `exploit` is none_known, poc, weaponized, attacks, ransomware, built_in
    or unknown; `disposition` is '' where no person has spoken; `has_fix` says a fix is known.
    """

    contribution: Floats
    if_reachable: Floats
    reachable: Texts
    leads: Texts
    exploit: Texts
    disposition: Texts
    has_fix: NDArray[np.bool_]
    in_scope: NDArray[np.bool_]
    question: Texts  # the fact that is not known and decides, '' where nothing is open
    services: Texts  # names joined, '' where it leads to none
    because: Texts  # the person's reason, where there is a disposition
    vendor: Texts | None = None  # fixed or not_affected where the vendor's data settles it (see backports.py)
    vendor_because: Texts | None = None


def decide(judged: Judged, policy: Policy) -> Texts:
    """Return the treatment of each exposure."""
    return settle(judged, first(urgent(judged), policy), policy)


def urgent(judged: Judged) -> Floats:
    """Return what each exposure counts for in the order of what to do first: 0 where ruled out or taken by a person."""
    ruled_out = (judged.reachable == "no") | (judged.leads == "no") | (judged.contribution <= 0)
    return np.where(ruled_out | _taken(judged) | _settled(judged), 0.0, judged.contribution)


def first(contribution: Floats, policy: Policy) -> NDArray[np.bool_]:
    """Return which of all open exposures, by `urgent`, are to be acted on now."""
    return _act_now(contribution, {name: policy.number(f"treatment.{name}").value for name in _NUMBERS})


def settle(judged: Judged, act: NDArray[np.bool_], policy: Policy) -> Texts:
    """Return the treatment of each exposure, where it is known which of them are to be acted on now."""
    undecided = (judged.reachable == "unknown") | (judged.exploit == "unknown") | (judged.leads == "unknown")
    least = policy.number("treatment.unknown.least_if_bad").value
    unknown = ~act & undecided & (judged.if_reachable >= least)
    result = np.full(len(judged.contribution), "watch", dtype=object)
    result[judged.has_fix] = "routine"
    result[unknown] = "unknown"
    result[act] = "act_now"
    result[_settled(judged)] = "watch"
    result[_taken(judged)] = "accepted"
    return result


def _settled(judged: Judged) -> NDArray[np.bool_]:
    none = np.zeros(len(judged.contribution), np.bool_)
    return none if judged.vendor is None else np.isin(judged.vendor, SETTLED)


def _taken(judged: Judged) -> NDArray[np.bool_]:
    return np.isin(judged.disposition, ["accepted", "mitigated"])


_NUMBERS = ("act_now.share", "act_now.least", "act_now.lone", "act_now.most")
_FEWEST = 10  # on a small estate the cap by share would leave nothing to do


def _act_now(contribution: Floats, share: dict[str, float]) -> NDArray[np.bool_]:
    """The fewest that make up the wanted share of what can be removed, each large enough, and a cap."""
    order = np.argsort(-contribution, kind="stable")
    sorted_by = contribution[order]
    before = np.cumsum(sorted_by) - sorted_by
    wanted = (before < share["act_now.share"] * sorted_by.sum()) & (sorted_by >= share["act_now.least"])
    wanted |= sorted_by >= share["act_now.lone"]
    most = max(_FEWEST, int(share["act_now.most"] * len(contribution)))
    wanted[most:] = False
    result = np.zeros(len(contribution), np.bool_)
    result[order[wanted]] = True
    return result


def reasons(judged: Judged, treatment: Texts) -> list[str]:
    """Return one sentence for each exposure that says why it is treated so."""
    columns = (
        treatment, judged.contribution, judged.reachable, judged.leads, judged.exploit, judged.services,
        judged.disposition, judged.because, judged.question,
    )  # fmt: skip
    found = [_reason(*row) for row in zip(*columns, strict=True)]
    if judged.vendor_because is not None:
        for row in np.flatnonzero(_settled(judged) & ~_taken(judged)).tolist():
            found[row] = _sentence(judged.vendor_because[row])
    return found


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _reason(
    treatment: str, share: float, reachable: str, leads: str, exploit: str, services: str,
    disposition: str, because: str, fact: str,
) -> str:  # fmt: skip
    if treatment == "accepted":
        return f"A person decided “{disposition}”: {because}"
    if treatment == "act_now":
        return f"Fixing it removes about {percent(share)} of the modelled risk; it leads to {services}."
    if treatment == "unknown":
        question = fact.removeprefix("not known ") or "whether an exploit exists"
        return f"It could matter much, and one fact decides: {question}."
    if reachable == "no":
        why = "No attacker of the scope gets to it"
    elif leads == "no":
        why = "It leads to nothing critical"
    elif exploit in ("none_known", "unknown"):
        why = "No working exploit is known"
    else:
        why = f"It carries only {percent(share)} of the modelled risk" if share > 0 else "No simulated attack needed it"
    rest = "routine patching is enough" if treatment == "routine" else "no fix is known, so it is watched"
    return f"{why}; {rest}."


def would_lower(judged: Judged, treatment: Texts) -> list[str]:
    """Return one sentence for each exposure: what would move it down (or, for what waits, up)."""
    more = (judged.leads == "yes") & (judged.contribution > 0)
    columns = (treatment, judged.reachable, judged.exploit, more, judged.has_fix, judged.question)
    found = [_lower(*row) for row in zip(*columns, strict=True)]
    for row in np.flatnonzero(_settled(judged) & ~_taken(judged)).tolist():
        found[row] = "It comes back when the vendor's word changes, or when a test shows it."
    return found


def _lower(treatment: str, reachable: str, exploit: str, leads: bool, has_fix: bool, fact: str) -> str:
    if treatment == "act_now":
        fix = "the fix" if has_fix else "a mitigation"
        return f"It moves down with {fix}, or when a test shows that it cannot be reached."
    if treatment == "unknown":
        question = fact.removeprefix("not known ") or "whether an exploit exists"
        return f"It is settled by a test, a firewall export or a rule that says {question}."
    if treatment == "accepted":
        return "It comes back when the decision ends."
    if reachable == "no":
        return "It moves up if a way to it opens."
    if exploit in ("none_known", "unknown"):
        return "It moves up if an exploit or attacks become known."
    if leads:
        return "It moves up if more of the modelled risk comes to run through it: another way, or a greater chance."
    return "It moves up if it becomes part of a way to something critical."


def percent(share: float) -> str:
    """Write a share of risk for people: two digits that mean something, never a bare zero."""
    if share <= 0:
        return "0 %"
    if share < 0.0005:
        return "less than 0.05 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
