"""What a plan has to keep to: how many changes, teams' hours, and actions that exclude, need or rule out one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foreshore import keys
from foreshore.errors import UsageError
from foreshore.mobilization.actions import Action

Pair = tuple[int, int]
_ROUNDING = 1e-9  # hours are sums of decimals


@dataclass(frozen=True)
class Terms:
    """Limits of a plan; actions are named by their key.

    `most` changes in all; `hours` by team (teams without an entry are not limited); `must` are in every plan,
    `barred` in none; of an `excludes` pair at most one; of a `needs` pair the first only with the second.
    """

    most: int = 10
    hours: Mapping[str, float] = field(default_factory=dict)
    must: frozenset[int] = frozenset()
    barred: frozenset[int] = frozenset()
    excludes: tuple[Pair, ...] = ()
    needs: tuple[Pair, ...] = ()


class Budget:
    """The terms over a list of actions, whose places in the list are their numbers."""

    def __init__(self, actions: Sequence[Action], terms: Terms) -> None:
        """Number the actions; raises UsageError where what must be done cannot be done together."""
        self.actions, self.terms = list(actions), terms
        place = {action.key: number for number, action in enumerate(self.actions)}
        unknown = [key for key in (*terms.must, *terms.barred) if key not in place]
        if unknown:
            raise UsageError(
                f"no action has the key {keys.show('ACT', unknown[0])}", hint="foreshore actions lists them"
            )
        self.barred = frozenset(place[key] for key in terms.barred)
        self.excludes = _placed(terms.excludes, place)
        self.needs = _placed(terms.needs, place)
        # What is needed and is no open action has been done, or never was to be: then nothing waits for it.
        self._wants: dict[int, tuple[int, ...]] = {}
        for first, second in self.needs:
            self._wants[first] = (*self._wants.get(first, ()), second)
        self.hours = np.array([action.hours for action in self.actions], np.float64)
        self.must = self.with_needs({place[key] for key in terms.must})
        if why := self.broken(self.must):
            raise UsageError(
                f"what the plan must do cannot be done together: {why}", hint="more hours or changes, or fewer --must"
            )

    def with_needs(self, chosen: set[int] | frozenset[int]) -> frozenset[int]:
        """Return the chosen actions with all that they need, and what that needs."""
        found, todo = set(chosen), list(chosen)
        while todo:
            for other in self._wants.get(todo.pop(), ()):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return frozenset(found)

    def broken(self, chosen: frozenset[int]) -> str:
        """Return why these actions are no plan within the terms, empty where they are one."""
        if len(chosen) > self.terms.most:
            return f"{len(chosen)} changes, where {self.terms.most} are allowed"
        if chosen & self.barred:
            return f"“{self.actions[min(chosen & self.barred)].title}” is ruled out"
        for one, other in self.excludes:
            if one in chosen and other in chosen:
                return f"“{self.actions[one].title}” and “{self.actions[other].title}” exclude one another"
        if self.with_needs(chosen) != chosen:
            return "something that is needed is missing"
        used: dict[str, float] = {}
        for number in chosen:
            team = self.actions[number].team
            used[team] = used.get(team, 0.0) + self.actions[number].hours
        over = [team for team, hours in used.items() if hours > self.terms.hours.get(team, np.inf) + _ROUNDING]
        return f"{over[0]} has {self.terms.hours[over[0]]:g} hours, and it takes {used[over[0]]:.1f}" if over else ""

    def fits(self, chosen: frozenset[int]) -> bool:
        """Are these actions a plan within the terms, but for what must be done?"""
        return not self.broken(chosen)

    def possible(self) -> list[int]:
        """Return the actions that some plan within the terms can hold, in order."""
        tied = sorted(self.named)  # each of these may bring others along; all others are judged together
        alone = np.ones(len(self.actions), np.bool_)
        alone[[*tied, *self.barred]] = False
        alone &= self.hours <= self._room() + _ROUNDING
        if len(self.must) >= self.terms.most:
            alone[:] = False
        found = [one for one in tied if self.fits(self.must | self.with_needs({one}))]
        return sorted([*np.flatnonzero(alone).tolist(), *found])

    def _room(self) -> NDArray[np.float64]:
        """Return for each action the hours that its team has beside what must be done."""
        teams, team_of = np.unique(np.array([action.team for action in self.actions], object), return_inverse=True)
        limits = np.array([self.terms.hours.get(team, np.inf) for team in teams.tolist()], np.float64)
        must = np.array(sorted(self.must), np.int64)
        used = np.bincount(team_of[must], self.hours[must], minlength=len(limits)) if len(must) else 0.0
        room: NDArray[np.float64] = (limits - used)[team_of]
        return room

    def rows(self, columns: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the terms as `matrix @ x <= limit` over one x in 0 to 1 for each action of `columns`.

        `columns` holds all actions that any of the terms' pairs name.
        """
        place = {number: at for at, number in enumerate(columns)}
        rows, limits = [np.ones(len(columns))], [float(self.terms.most)]
        teams = np.array([self.actions[one].team for one in columns], dtype=object)
        for team, hours in self.terms.hours.items():
            rows.append(np.where(teams == team, self.hours[list(columns)], 0.0))
            limits.append(hours + _ROUNDING)
        for pairs, sign, limit in ((self.excludes, 1.0, 1.0), (self.needs, -1.0, 0.0)):
            for one, other in pairs:
                row = np.zeros(len(columns))
                row[place[one]], row[place[other]] = 1.0, sign
                rows.append(row)
                limits.append(limit)
        return np.array(rows), np.array(limits)

    @property
    def named(self) -> set[int]:
        """The actions that pairs name or that must be done."""
        return {one for pair in (*self.excludes, *self.needs) for one in pair} | set(self.must)


def _placed(pairs: Sequence[Pair], place: Mapping[int, int]) -> tuple[Pair, ...]:
    """Return pairs of numbers; those of which one is no open action say nothing."""
    return tuple((place[one], place[other]) for one, other in pairs if one in place and other in place and one != other)
