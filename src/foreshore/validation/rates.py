"""Token buckets: how often something may happen."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Bucket:
    """Holds at most `size` tokens, `rate` new ones a second; full at the start."""

    rate: float
    size: float
    tokens: float = field(default=-1.0)
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a token is there, 0 if one is there already; takes none."""
        self._fill(now)
        return 0.0 if self.tokens >= 1.0 - 1e-9 else (1.0 - self.tokens) / self.rate

    def take(self, now: float) -> None:
        """Take one token; call only when `wait` says 0."""
        self._fill(now)
        self.tokens -= 1.0

    def _fill(self, now: float) -> None:
        if self.tokens < 0:
            self.tokens, self.at = self.size, now
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
