"""A plan: which actions, in which order, what is left after each, and the bound beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foreshore.mobilization.actions import Action


@dataclass(frozen=True)
class Planned:
    """One action of the plan: what it removes at its place, and what is left after it."""

    action: Action
    removes: float
    left: float


@dataclass(frozen=True)
class Plan:
    """The chosen actions in order, risk before and after (1 = all modelled risk), and the bound."""

    actions: tuple[Planned, ...]
    before: float
    after: float
    bound: float


def flow_of(actions: Sequence[Action], flow: Mapping[int, float]) -> dict[int, float]:
    """Return, by key of action, the share of kept proofs that its exposures are on."""
    on_proofs = {exposure: share for exposure, share in flow.items() if share}
    return {
        action.key: sum(map(on_proofs.__getitem__, filter(on_proofs.__contains__, action.exposures)))
        for action in actions
    }
