"""Who can reach what, with three answers: yes, no, unknown.

Assets that no rule and no evidence tells apart form one *group*; reach is stated from a place to a
group and port, so that it grows with places and groups, not with pairs of assets. Evidence in
order: a test or scan from that place, a sensor's statement of internet exposure, the firewall's or
scope's rules, and last the prior of the kind of places, as one shared draw for a pair of places.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import facts
from foreshore.prioritization.networks import Bools, Network
from foreshore.prioritization.networks import network as network
from foreshore.prioritization.networks import numbered as numbered
from foreshore.prioritization.networks import ranges as ranges
from foreshore.prioritization.places import INTERNET, Place
from foreshore.prioritization.sightlines import PORTS, Seen
from foreshore.prioritization.sightlines import signature as signature

if TYPE_CHECKING:
    from datetime import datetime

    from foreshore.policy import Policy

YES, UNKNOWN = 1, 2
Ints = NDArray[np.int64]
_CELLS = 4_000_000  # places by endpoints that are answered at a time
_SEEN, _SENSOR, _RULE, _DEFAULT, _PRIOR = range(1, 6)  # what an answer rests on, the strongest first
_CLOSED = 9  # an answer that is no: nothing is told of it


@dataclass(frozen=True)
class Reach:
    """Answers as arrays: from place, to endpoint (a group, port and evidence), and the reason.

    `answer` is YES or UNKNOWN (a "no" has no row). `prior` indexes `priors` or is -1; `why` is a
    sentence; `told_by` names the source, empty for an assumption; `observed_at` is when the source saw it.
    """

    places: tuple[Place, ...]
    place_of: Ints  # per asset
    group_of: Ints  # per asset
    endpoint_of: dict[tuple[int, int, str], int]  # (group, port, evidence) -> endpoint
    source: Ints
    target: Ints
    answer: Ints
    prior: Ints
    priors: tuple[tuple[str, str], ...]  # (key of the shared draw, name of the policy number)
    why: Sequence[str]
    told_by: Sequence[str]
    observed_at: Sequence[datetime | None]


class _Written(Sequence[Any]):
    """A column of millions of rows, each of which is written only when somebody asks for it."""

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self.written(one) for one in range(*row.indices(len(self)))]
        number = row + len(self) if row < 0 else row
        if not 0 <= number < len(self):
            raise IndexError(row)
        return self.written(int(number))

    @abstractmethod
    def written(self, row: int) -> Any:
        """Write one row."""


@dataclass(frozen=True)
class Reasons(_Written):
    """Why each answer is what it is: what it rests on, between which places and on which port."""

    places: tuple[Place, ...]
    source: Ints
    target: Ints
    basis: NDArray[np.int8]
    port: Ints  # by endpoint, as `place`
    place: Ints

    def __len__(self) -> int:
        return len(self.source)

    def written(self, row: int) -> str:
        """Write the reason of one answer."""
        target = int(self.target[row])
        ends = self.places[int(self.source[row])].name, self.places[int(self.place[target])].name
        return _why(*ends, int(self.port[target]), int(self.basis[row]))


@dataclass(frozen=True)
class Tellers(_Written):
    """Who said each answer (`part` 0), or when (1): a number into the pairs of both."""

    told: NDArray[np.int32]
    words: tuple[tuple[str, datetime | None], ...]
    part: int

    def __len__(self) -> int:
        return len(self.told)

    def written(self, row: int) -> Any:
        """Write who or when of one answer."""
        return self.words[int(self.told[row])][self.part]


@dataclass(frozen=True)
class _Endpoints:
    """What is asked about: by endpoint its group, port and place, and the sightings of those that have any."""

    group: Ints
    port: Ints
    place: Ints
    seen: dict[int, tuple[Seen, ...]]


@dataclass(frozen=True)
class _Cells:
    """Endpoints from `first` on by places: what each answer rests on (0: nothing yet), and the row of its source."""

    first: int
    basis: NDArray[np.int8]
    told: NDArray[np.int32]


class _Sources(dict[tuple[str, "datetime | None"], int]):
    """Who said something and when, numbered as they first appear."""

    def number(self, source: str, observed_at: datetime | None = None) -> int:
        """Return the number of a source and its moment."""
        return self.setdefault((source, observed_at), len(self))


def answer(net: Network, wanted: set[tuple[int, int]], scope: facts.Scope, policy: Policy) -> Reach:
    """Answer for every (asset index, port) of `wanted` from every place; port 0 is "some port"."""
    pairs = np.array(sorted(wanted), np.int64).reshape(-1, 2)
    return answered(net, pairs[:, 0], pairs[:, 1], scope, policy)[0]


def answered(net: Network, assets: Ints, ports: Ints, scope: facts.Scope, policy: Policy) -> tuple[Reach, Ints]:
    """Answer for pairs of asset index and port, from every place; also return each pair's endpoint."""
    pairs, inverse = np.unique(assets * PORTS + ports, return_inverse=True)
    asset, port = pairs // PORTS, pairs % PORTS
    numbers, texts = net.evidence.signatures()
    code, sighting = np.zeros(len(pairs), np.int64), np.full(len(pairs), -1, np.int64)
    if len(numbers):
        place = np.minimum(np.searchsorted(net.evidence.code, pairs), len(numbers) - 1)
        known = net.evidence.code[place] == pairs
        code[known], sighting[known] = numbers[place[known]] + 1, place[known]
    endpoint, first = numbered(np.stack([net.group_of[asset], port, code]))
    shown = np.flatnonzero(sighting >= 0)
    of_endpoint = dict(zip(endpoint[shown].tolist(), sighting[shown].tolist(), strict=True))
    group = net.group_of[asset[first]]
    asked = _Endpoints(
        group, port[first], net.group_place[group], {key: net.evidence.of(one) for key, one in of_endpoint.items()}
    )
    words = ["", *texts]
    names = zip(group.tolist(), port[first].tolist(), (words[one] for one in code[first].tolist()), strict=True)
    found = _answers(net, asked, {name: number for number, name in enumerate(names)}, scope)
    return found, endpoint[inverse.reshape(-1)]


def _answers(net: Network, asked: _Endpoints, endpoints: dict[tuple[int, int, str], int], scope: facts.Scope) -> Reach:
    """Answer from every place to every endpoint: rows by endpoint, then by place."""
    sources, wide = _Sources(), max(1, _CELLS // max(1, len(net.places)))
    covered = _covered(net, asked)
    parts = [np.zeros((4, 0), np.int64)]
    for first in range(0, len(asked.group), wide):
        cells = _cells(net, asked, covered, scope, sources, (first, min(first + wide, len(asked.group))))
        row, place = np.nonzero((cells.basis > 0) & (cells.basis != _CLOSED))
        parts.append(np.stack([place, row + first, cells.basis[row, place], cells.told[row, place]]).astype(np.int64))
    source, target, basis, told = np.concatenate(parts, axis=1)
    open_pairs = np.flatnonzero(basis == _PRIOR)
    prior = np.full(len(source), -1, np.int64)
    prior[open_pairs], priors = _priors(net.places, source[open_pairs], asked.place[target[open_pairs]])
    told, words = told.astype(np.int32), tuple(sources)
    return Reach(
        places=net.places, place_of=net.place_of, group_of=net.group_of, endpoint_of=endpoints,
        source=source, target=target, answer=np.where(basis == _PRIOR, UNKNOWN, YES), prior=prior, priors=priors,
        why=Reasons(net.places, source, target, basis.astype(np.int8), asked.port, asked.place),
        told_by=Tellers(told, words, 0), observed_at=Tellers(told, words, 1),
    )  # fmt: skip


def _covered(net: Network, asked: _Endpoints) -> list[Ints]:
    """Return the endpoints that each rule speaks of, in order."""
    ports, of_port = np.unique(asked.port, return_inverse=True)
    order = np.argsort(asked.group, kind="stable")
    groups = asked.group[order]
    known: dict[object, Bools] = {}
    found = []
    for rule in net.rules:
        kind = (rule.ports, rule.protocol)
        if kind not in known:
            known[kind] = rule.covers(ports, net.udp)
        ends = [np.searchsorted(groups, rule.groups, side=side) for side in ("left", "right")]
        count = ends[1] - ends[0]
        skip = np.repeat(ends[0] - np.cumsum(count) + count, count)
        rows = order[skip + np.arange(len(skip))]
        found.append(np.sort(rows[known[kind][of_port[rows]]]))
    return found


def _cells(
    net: Network, asked: _Endpoints, covered: list[Ints], scope: facts.Scope, sources: _Sources, span: tuple[int, int]
) -> _Cells:
    """Answer for the endpoints of `span` by the strongest evidence there is, the weakest written first."""
    first, last = span
    shape = (last - first, len(net.places))
    cells = _Cells(first, np.zeros(shape, np.int8), np.full(shape, sources.number(""), np.int32))
    there = asked.place[first:last]
    same = np.arange(len(net.places))[None, :] == there[:, None]
    _defaults(cells, same, scope, sources)
    within = cells.basis[same], cells.told[same]  # of traffic inside a place no rule speaks
    _silence(net, asked, cells, there)
    for rule, ends in zip(reversed(net.rules), reversed(covered), strict=True):
        rows = ends[np.searchsorted(ends, first) : np.searchsorted(ends, last)] - first
        if len(rows) and rule.sources:
            where = np.ix_(rows, np.array(sorted(rule.sources)))
            cells.basis[where] = _RULE if rule.allowed else _CLOSED
            cells.told[where] = sources.number(rule.told_by, rule.observed_at)
    cells.basis[same], cells.told[same] = within
    _sensors(net, asked, cells, sources)
    for endpoint in range(first, last) if asked.seen else ():
        for one in asked.seen.get(endpoint, ()):
            cells.basis[endpoint - first, one.place] = _SEEN if one.is_open else _CLOSED
            cells.told[endpoint - first, one.place] = sources.number(one.source, one.observed_at)
    return cells


def _defaults(cells: _Cells, same: Bools, scope: facts.Scope, sources: _Sources) -> None:
    """Answer as the scope says where nothing is known; within a place everything is open unless priors are asked."""
    if scope.reach_default == "by-prior":
        cells.basis[:] = _PRIOR
        return
    cells.basis[:] = _DEFAULT if scope.reach_default == "open" else np.where(same, _DEFAULT, _CLOSED)
    cells.told[:] = sources.number("scope")


def _silence(net: Network, asked: _Endpoints, cells: _Cells, there: Ints) -> None:
    """What no rule of a whole firewall list allows is closed, from the internet and from the same site."""
    sites = {name: number for number, name in enumerate(dict.fromkeys(one.site for one in net.places))}
    site = np.array([sites[one.site] for one in net.places], np.int64)
    listed = np.array([one.site in net.ruled_sites and one.addressed != "none" for one in net.places], np.bool_)
    internet = np.array([one.name == INTERNET for one in net.places], np.bool_)
    port = asked.port[cells.first : cells.first + len(there)]
    inside = internet[None, :] | (site[None, :] == site[there][:, None])
    cells.basis[inside & (listed[there] & (port > 0))[:, None]] = _CLOSED


def _sensors(net: Network, asked: _Endpoints, cells: _Cells, sources: _Sources) -> None:
    """A sensor's word on whether something faces the internet stands over rules."""
    group = asked.group[cells.first : cells.first + len(cells.basis)]
    claims = np.array(net.group_claim)[group] if len(group) else np.zeros(0, "U1")
    for place in (number for number, one in enumerate(net.places) if one.name == INTERNET):
        said = np.flatnonzero(claims != "unknown")
        cells.basis[said, place] = np.where(claims[said] == "yes", _SENSOR, _CLOSED)
        cells.told[said, place] = sources.number("sensor")


def _priors(places: tuple[Place, ...], here: Ints, there: Ints) -> tuple[Ints, tuple[tuple[str, str], ...]]:
    """Number the shared draws of unknown pairs of places, as they first appear."""
    which, first = numbered(np.stack([here * len(places) + there]))
    priors: dict[tuple[str, str], int] = {}
    number = np.zeros(len(first), np.int64)
    for place, row in enumerate(first.tolist()):
        ends = places[int(here[row])], places[int(there[row])]
        name = (f"reach:{ends[0].name}>{ends[1].name}", prior_of(*ends))
        number[place] = priors.setdefault(name, len(priors))
    return number[which], tuple(priors)


def _why(here: str, there: str, port: int, basis: int) -> str:
    """Write the reason of an answer about the way from one place to another."""
    return {
        _SEEN: f"seen open from {here}",
        _SENSOR: "a sensor states that it faces the internet",
        _RULE: f"a rule allows {here} to {there}" + (f" on port {port}" if port else ""),
        _DEFAULT: "the scope says reach is open by default",
        _PRIOR: f"not known whether {here} reaches {there}",
    }[basis]


def prior_of(here: Place, there: Place) -> str:
    """Name the policy number that holds where nothing is known about the pair."""
    if here.name == INTERNET:
        return _FROM_INTERNET[there.addressed]
    if here == there:
        return "reach.prior.same_zone"
    return "reach.prior.same_site" if here.site == there.site else "reach.prior.between_sites"


_FROM_INTERNET = {
    "public": "reach.prior.internet_public",
    "private": "reach.prior.internet_private",
    "none": "reach.prior.internet_unaddressed",
}
