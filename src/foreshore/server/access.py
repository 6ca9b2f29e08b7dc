"""Who may see and do what: the one place that decides it, for pages, API and jobs alike.

An `Access` is made for each request from a person's grants (and narrowed by a token). It gives SQL
conditions over the serving file's tables, so that what somebody may not see never leaves the database:
no list, count, facet, chart or export is made from other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from foreshore.errors import ForeshoreError
from foreshore.server.roles import PERMISSIONS, ROLES


class NotAllowed(ForeshoreError):
    """A person asked for what their roles do not give them."""


class Part(NamedTuple):
    """A part of the organisation: exposures of these teams, sites or services; `whole` is all of it."""

    whole: bool = False
    teams: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()


class Condition(NamedTuple):
    """A SQL condition with `?` for each value; "true" lets everything through."""

    sql: str
    values: list[Any]


WHOLE = Part(whole=True)
NOTHING = Part()


class Access(NamedTuple):
    """What one person may do and where: for each permission, the parts of the organisation it holds in."""

    person: str  # the address, as the audit trail names it
    parts: Mapping[str, tuple[Part, ...]]
    number: int = 0  # of the person's row; 0 is nobody

    def may(self, permission: str) -> bool:
        """Whether the permission holds anywhere."""
        return bool(self.parts.get(permission))

    def need(self, permission: str) -> None:
        """Raise `NotAllowed` unless the permission holds somewhere."""
        if not self.may(permission):
            raise NotAllowed(
                f"you may not {PERMISSIONS.get(permission, permission)}",
                hint="ask an administrator for a role that may",
            )

    def everywhere(self, permission: str = "see") -> bool:
        """Whether the permission holds for the whole organisation."""
        return any(part.whole for part in self.parts.get(permission, ()))

    def need_everywhere(self, permission: str) -> None:
        """Raise `NotAllowed` unless the permission holds for the whole organisation."""
        if not self.everywhere(permission):
            raise NotAllowed(
                f"only somebody who may {PERMISSIONS.get(permission, permission)} for the whole organisation can",
                hint="ask an administrator",
            )

    def exposures(self, permission: str = "see", table: str = "") -> Condition:
        """The condition on rows with `owner`, `site` and `leads_to` (exposures)."""
        return self._condition(permission, table, services=True)

    def assets(self, permission: str = "see", table: str = "") -> Condition:
        """The condition on rows of assets: `owner` and `site`, or an exposure that leads to a service of theirs."""
        prefix = f"{table}." if table else ""
        plain = self._condition(permission, table, services=False)
        named = sorted({name for part in self.parts.get(permission, ()) for name in part.services})
        if plain.sql == "true" or not named:
            return plain
        own = f"{prefix}asset in (select asset from exposures where list_has_any(leads_to, ?))"
        return Condition(f"({plain.sql} or {own})", [*plain.values, named])

    def services(self, permission: str = "see", table: str = "") -> Condition:
        """The condition on rows of services: `service` and `owner`."""
        prefix = f"{table}." if table else ""
        parts = self.parts.get(permission, ())
        if any(part.whole for part in parts):
            return Condition("true", [])
        named = sorted({name for part in parts for name in part.services})
        teams = sorted({name for part in parts for name in part.teams})
        return Condition(
            f"(list_contains(?, {prefix}service) or list_contains(?, coalesce({prefix}owner, '')))", [named, teams]
        )

    def narrowed(self, permissions: Iterable[str]) -> Access:
        """The same with no more than these permissions: what a token may."""
        kept = set(permissions)
        return self._replace(parts={name: parts for name, parts in self.parts.items() if name in kept})

    def _condition(self, permission: str, table: str, *, services: bool) -> Condition:
        prefix = f"{table}." if table else ""
        parts = self.parts.get(permission, ())
        if any(part.whole for part in parts):
            return Condition("true", [])
        columns: list[tuple[str, set[str]]] = [
            (f"list_contains(?, coalesce({prefix}owner, ''))", {name for part in parts for name in part.teams}),
            (f"list_contains(?, coalesce({prefix}site, ''))", {name for part in parts for name in part.sites}),
        ]
        if services:
            named = {name for part in parts for name in part.services}
            columns.append((f"list_has_any(coalesce({prefix}leads_to, []), ?)", named))
        held = [(sql, sorted(names)) for sql, names in columns if names]
        if not held:
            return Condition("false", [])
        return Condition("(" + " or ".join(sql for sql, _ in held) + ")", [names for _, names in held])


NOBODY = Access("", {})
SYSTEM = Access("foreshore", dict.fromkeys(PERMISSIONS, (WHOLE,)))


def of_grants(person: str, grants: Sequence[Mapping[str, Any]], entities: Mapping[str, str], number: int = 0) -> Access:
    """Return what these grants (role, entities, teams, services) give.

    `entities` says of each site of the scope in force which business unit it belongs to. A grant of a role
    that is not known gives nothing.
    """
    parts: dict[str, tuple[Part, ...]] = {}
    for grant in grants:
        part = _part(grant, entities)
        for permission in ROLES.get(grant["role"], ()):
            parts[permission] = (*parts.get(permission, ()), part)
    return Access(person, parts, number)


def _part(grant: Mapping[str, Any], entities: Mapping[str, str]) -> Part:
    if not (grant["entities"] or grant["teams"] or grant["services"]):
        return WHOLE
    inside = set(grant["entities"])
    return Part(
        teams=frozenset(grant["teams"]),
        sites=frozenset(site for site, entity in entities.items() if entity in inside),
        services=frozenset(grant["services"]),
    )
