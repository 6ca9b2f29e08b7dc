"""What a check is asked, what it will do, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from foreshore.validation.guard import Ask, Guard

Outcome = Literal["confirmed", "refuted", "inconclusive", "not_run"]


@dataclass(frozen=True)
class Hypothesis:
    """A statement that a test can confirm or refute, and what hangs on the answer.

    `claim` is "reachable" or a word of `checks.tls.CLAIMS`; `vantage` is the place where the test
    stands; `would_move` is the modelled risk, as a share, that the answer decides about.
    """

    check: str
    claim: str
    asset: int
    asset_name: str
    kind: str  # of the asset, a word of facts.AssetKind
    site: str
    address: str  # or a name, where no address is known
    port: int
    vantage: str
    about: str
    exposures: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    would_move: float = 0.0

    @property
    def target(self) -> str:
        """The address and port as people write them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """What a check will do: one or more connections, all of them to what `ask` names."""

    ask: Ask
    claim: str
    names: tuple[str, ...] = ()
    connections: int = 1


@dataclass(frozen=True)
class Verdict:
    """What a check found, with the sentence that says why."""

    outcome: Outcome
    detail: str


class Check(Protocol):
    """A test without exploit, credentials or writing."""

    def plan(self, hypothesis: Hypothesis) -> Plan:
        """Return what would be done; touches nothing."""

    def run(self, plan: Plan, guard: Guard) -> Verdict:
        """Do it through the guard. Raises Refused where the guard refuses."""


def ask_of(hypothesis: Hypothesis, check: str) -> Ask:
    """Return what the guard has to know about the hypothesis' target."""
    return Ask(
        check, hypothesis.address, hypothesis.port, kind=hypothesis.kind, tags=hypothesis.tags,
        vantage=hypothesis.vantage, about=hypothesis.about,
    )  # fmt: skip
