"""Numbering of what an attacker can hold, so that steps are arrays of integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Consecutive ranges of state numbers; `total` counts them.

    `opened`: somebody opens what an attacker sent. Then a position in each place, reach of each
    endpoint, user and administrator on each asset, credentials of a place and of a site, harm to
    each service, and gates where more than two things are needed at once.
    """

    places: int
    endpoints: int
    assets: int
    sites: int
    services: int
    gates: int = 0

    opened: int = 0

    def place(self, number: Ints | int) -> Ints:
        """A position in a place."""
        return 1 + np.asarray(number, np.int64)

    def endpoint(self, number: Ints | int) -> Ints:
        """Reach of an endpoint."""
        return 1 + self.places + np.asarray(number, np.int64)

    def user(self, number: Ints | int) -> Ints:
        """User on an asset."""
        return 1 + self.places + self.endpoints + np.asarray(number, np.int64)

    def admin(self, number: Ints | int) -> Ints:
        """Administrator on an asset."""
        return self.user(number) + self.assets

    def pool(self, number: Ints | int) -> Ints:
        """Credentials found in a place, which work there."""
        return self.user(0) + 2 * self.assets + np.asarray(number, np.int64)

    def site_pool(self, number: Ints | int) -> Ints:
        """Credentials that work across a site."""
        return self.pool(0) + self.places + np.asarray(number, np.int64)

    def harm(self, number: Ints | int) -> Ints:
        """Harm to a service."""
        return self.site_pool(0) + self.sites + np.asarray(number, np.int64)

    def gate(self, number: Ints | int) -> Ints:
        """Some of what a step needs, held together."""
        return self.harm(0) + self.services + np.asarray(number, np.int64)

    @property
    def total(self) -> int:
        """How many states there are."""
        return int(self.harm(0)) + self.services + self.gates
