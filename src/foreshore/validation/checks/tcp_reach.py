"""Does a port answer from here? One connection, closed at once."""

from __future__ import annotations

from dataclasses import dataclass

from foreshore.validation.guard import Guard
from foreshore.validation.hypothesis import Hypothesis, Plan, Verdict, ask_of


@dataclass(frozen=True)
class TcpReach:
    """Connects to one port and closes at once: open confirms, refused refutes, silence tells nothing.

    The answer holds for the place where the test stands. Silence may be a filter on the way, a host
    that is off, or a lost packet, and is never taken for "closed".
    """

    name: str = "tcp_reach"

    def plan(self, hypothesis: Hypothesis) -> Plan:
        """Return one connection."""
        return Plan(ask_of(hypothesis, self.name), hypothesis.claim)

    def run(self, plan: Plan, guard: Guard) -> Verdict:
        """Connect once. Raises Refused where the guard refuses."""
        place = f"from {plan.ask.vantage}" if plan.ask.vantage else "from a place that was not named"
        try:
            guard.open(plan.ask).close()
        except ConnectionRefusedError:
            return Verdict("refuted", f"port {plan.ask.port} refuses connections {place}")
        except TimeoutError:
            return Verdict("inconclusive", f"no answer on port {plan.ask.port} {place}: filtered, or switched off")
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            return Verdict("inconclusive", f"the network gave no way to port {plan.ask.port} {place}: {why}")
        return Verdict("confirmed", f"port {plan.ask.port} accepts connections {place}")


PLUGIN = TcpReach()
