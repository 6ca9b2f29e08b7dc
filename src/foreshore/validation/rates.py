"""Token buckets: how often something may happen."""

from __future__ import annotations

from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass
class Bucket:
    """Holds at most `size` tokens (one or more), `rate` new ones a second; full at the start."""

    rate: float
    size: float
    tokens: float | None = None
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a token is there, 0 if one is there already; takes none."""
        held = self._filled(now)
        return 0.0 if held >= 1.0 - _ROUNDING else (1.0 - held) / self.rate

    def take(self, now: float) -> None:
        """Take one token; call only when `wait` says 0."""
        self.tokens = max(0.0, self._filled(now) - 1.0)

    def _filled(self, now: float) -> float:
        if self.tokens is None:
            self.tokens, self.at = self.size, now
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        return self.tokens
