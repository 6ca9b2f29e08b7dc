"""Which sightings are one asset: identifiers, anchors, and the partition that they force.

The unit is the *atom*: all sightings of one site that carry the same set of strong identifiers and
names or, where there are none, the same short names or addresses within a time window. Facts are
written on atoms; which atoms are one asset is a pure function of the set of all atoms' identifiers,
so the order and number of arrivals cannot matter, and a merge or split is a change of aliases alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from foreshore import facts
from foreshore.discovery.patterns import regex

RECIPE = "identity-3"
ANCHOR = "anchor"  # the kind under which the key of an atom's own identifier set is kept
ORDER = {kind: place for place, kind in enumerate((ANCHOR, *facts.STRONG, *facts.NAMES, *facts.WEAK))}
SHORT = frozenset({"hostname", "netbios"})
LOCAL_ENDINGS = (".local", ".lan", ".internal", ".home", ".localdomain", ".corp", ".intranet", ".home.arpa")
UNPLACED = "kubernetes:///"  # begins the name of an object of a cluster that is not told: it holds within its site
CROWD = 64  # a short name or address that more atoms share than this tells nothing apart

APART = "a person said that they are not the same"
Pair = tuple[int, int]

_EMPTY = frozenset(
    {"", "none", "null", "n/a", "na", "unknown", "undefined", "default string", "to be filled by o.e.m.",
     "system serial number", "not specified", "not available", "not applicable", "0", "localhost",
     "localhost.localdomain", "localhost6", "localhost4", "invalid", "chassis serial number", "-"}
)  # fmt: skip
_HEX = regex(r"[^0-9a-f]")
_FAMILY = regex(r"/[^/]*/|[a-z][a-z0-9_.+]*:|[a-z]{1,6}-(?=[0-9a-f]{8})")


@lru_cache(maxsize=262_144)
def clean(kind: str, value: str) -> tuple[str, str] | None:
    """Return (kind, value) in the one spelling, or None where the value tells nothing.

    Fillers of makers, loopback and link-local addresses, addresses of container bridges and names of
    private top domains (which become host names) are known. Unknown kinds are left out.
    """
    value = value.strip()
    if kind not in ORDER or kind == ANCHOR or value.lower() in _EMPTY:
        return None
    if kind == "ip":
        return _address(value)
    if kind == "mac":
        return _mac(value)
    if kind in ("fqdn", "hostname", "netbios"):
        return _host(kind, value)
    if kind == "bios_uuid":
        bare = _HEX.sub("", value.lower())
        return None if len(set(bare)) <= 1 or bare.startswith("0123456789") else (kind, bare)
    if kind == "serial" and len(set(value)) == 1:
        return None
    return kind, value.rstrip("/").removesuffix(".git").lower() if kind == "repo_url" else _folded(kind, value)


def _folded(kind: str, value: str) -> str:
    return value.lower() if kind in ("arn", "cloud_id", "agent_id", "serial", "sid", "image_digest") else value


def _address(value: str) -> tuple[str, str] | None:
    try:
        found = ipaddress.ip_address(value.split("%")[0].strip("[]"))
    except ValueError:
        return None
    if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    text = str(mapped or found)
    return None if text in ("172.17.0.1", "172.18.0.1", "192.168.122.1") else ("ip", text)


def _mac(value: str) -> tuple[str, str] | None:
    bare = _HEX.sub("", value.lower())
    # The second bit of the first byte marks addresses that were made up by software.
    if len(bare) != 12 or len(set(bare)) == 1 or int(bare[:2], 16) & 0b11:
        return None
    return "mac", ":".join(bare[place : place + 2] for place in range(0, 12, 2))


def _host(kind: str, value: str) -> tuple[str, str] | None:
    name = value.rstrip(".").lower()
    if not name or name in _EMPTY:
        return None
    if (found := _address(name)) is not None:
        return found
    if kind == "netbios":
        return kind, name.split("\\")[-1][:15]
    if kind == "hostname" and "." not in name:
        return "hostname", name
    if "." not in name or name.endswith(LOCAL_ENDINGS):
        return "hostname", name
    return "fqdn", name


def cleaned(sighting: facts.Sighting) -> tuple[tuple[str, str], ...]:
    """The identifiers of `sighting` that tell something, sorted, without repeats."""
    found = {one for kind, value in sighting.identifiers if (one := clean(kind, value)) is not None}
    return tuple(sorted(found))


def anchor(site: str, kind: str, name: str, identifiers: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return (text of the atom's identifier set, what it rests on: `strong`, `name`, `short` or `ip`).

    `strong` and `name` hold for ever; `short` (host names) and `ip` hold within the time window.
    """
    held = [one for one in identifiers if one[0] in facts.STRONG or one[0] in facts.NAMES]
    basis = "strong"
    if not held:
        held, basis = [one for one in identifiers if one[0] in SHORT], "short"
    if not held:
        held, basis = list(identifiers), "ip"
    if not held:
        held, basis = [(f"name of {kind}", " ".join(name.lower().split()))], "name"
    return "\x1e".join((site, *(f"{one}={value}" for one, value in held))), basis


def family_of(kind: str, value: str) -> str:
    """The kind, and for ids that makers give (of agents, of cloud resources) whose they are.

    One machine has an agent of each maker and a number in each inventory: two of one family contradict
    each other, two of different ones do not. The family is what stands before the first colon, the first
    part of a path, or the letters before the first dash.
    """
    if kind not in ("agent_id", "cloud_id"):
        return kind
    found = _FAMILY.match(value)
    return f"{kind} {found.group(0)}" if found else kind


def label_of(kind: str, value: str) -> str:
    """The short name by which two sightings of one address are told apart; '' for other kinds."""
    return value.split(".")[0][:15] if kind in ("fqdn", "hostname", "netbios") else ""


class Refusal(NamedTuple):
    """A join that was refused: two atoms (as numbers), and the identifier that would have joined them."""

    left: int
    right: int
    kind: str
    value: str
    reason: str


class Group(NamedTuple):
    """Atoms (numbers, in their own order) that share one identifier, in the order of joining."""

    kind: str
    value: str
    atoms: tuple[int, ...]


def join(
    count: int,
    groups: Iterable[Group],
    single: Mapping[int, Mapping[str, frozenset[str]]],
    labels: Mapping[int, frozenset[str]],
    same: Sequence[Pair] = (),
    apart: Sequence[Pair] = (),
) -> tuple[list[int], list[Refusal]]:
    """Join atoms 0..count-1 group by group and return (root of each atom, refusals).

    `groups` come in the total order; `single` holds the values of single-valued identifiers and
    `labels` the short names, by atom. Within a group each atom joins the first part of the group, in
    atom order, that it does not contradict. The root is the smallest atom of its part.

    People's words come first: pairs that are the `same` are joined whatever they hold, and no join puts
    two that are `apart` into one part; where both are said of one part, apart wins.
    """
    parts = _Parts(count, single, labels, apart)
    refusals: list[Refusal] = []
    for left, right in sorted(same):
        if parts.root(left) != parts.root(right) and not parts.kept_apart(parts.root(left), parts.root(right)):
            parts.unite(parts.root(left), parts.root(right))
    for group in groups:
        standing: list[int] = []
        for atom in group.atoms:
            root = parts.root(atom)
            standing = list(dict.fromkeys(parts.root(one) for one in standing))
            if root in standing:
                continue
            against = [(other, parts.against(other, root, group.kind)) for other in standing]
            fitting = next((other for other, why in against if not why), None)
            if fitting is not None:
                parts.unite(fitting, root)
            else:
                standing.append(root)
            refusals += [
                Refusal(min(other, root), max(other, root), group.kind, group.value, why)
                for other, why in against
                if fitting is None and why and why not in ("address", APART)
            ]
    return [parts.root(atom) for atom in range(count)], refusals


class _Parts:
    """Union-find whose parts know their single-valued identifiers and short names."""

    def __init__(
        self,
        count: int,
        single: Mapping[int, Mapping[str, frozenset[str]]],
        labels: Mapping[int, frozenset[str]],
        apart: Sequence[Pair] = (),
    ) -> None:
        self._apart = tuple(apart)
        self._parent = list(range(count))
        self._single = {atom: dict(held) for atom, held in single.items()}
        self._labels = dict(labels)

    def root(self, atom: int) -> int:
        parent = self._parent
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    def against(self, left: int, right: int, kind: str) -> str:
        """Why the two parts cannot be one asset; '' where they can."""
        if self.kept_apart(left, right):
            return APART
        mine, other = self._single.get(left, {}), self._single.get(right, {})
        for name in sorted(mine.keys() & other.keys()):
            if not (mine[name] <= other[name] or other[name] <= mine[name]):
                # An address that went from one known machine to another is ordinary, not a question.
                return "address" if kind == "ip" else f"two values of {name.partition(' ')[0]}"
        if kind == "ip":
            names, others = self._labels.get(left), self._labels.get(right)
            if names and others and not names & others:
                return "address"
        return ""

    def kept_apart(self, left: int, right: int) -> bool:
        """Did a person say that something in the two parts is not the same?"""
        return any({self.root(one), self.root(other)} == {left, right} for one, other in self._apart)

    def unite(self, left: int, right: int) -> None:
        low, high = min(left, right), max(left, right)
        self._parent[high] = low
        held = self._single.setdefault(low, {})
        for name, values in self._single.pop(high, {}).items():
            held[name] = held.get(name, frozenset()) | values
        self._labels[low] = self._labels.get(low, frozenset()) | self._labels.pop(high, frozenset())
