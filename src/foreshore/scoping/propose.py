"""A first scope, proposed from what was imported, each part with its evidence, for a person to confirm.

Signs (`signs.csv`) are data: each looks at one column of an asset and adds its weight to a role; at
1 or more the asset is proposed for it. Services come from tags, else from names that begin alike.
Zones come from the address groups that were seen. Nothing here counts until a scope is applied.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from foreshore import facts
from foreshore.query.assets import Sql, present
from foreshore.scoping import groups, signs
from foreshore.scoping.writing import comment, to_yaml

if TYPE_CHECKING:
    import pyarrow as pa

MOST_NAMED = 40  # selectors in one proposed part; more assets than these are named by pattern
HEADER = (
    "# Proposed from imported reports. Read it, correct it, then: foreshore scope apply\n"
    "# Each part says what it was guessed from. Impact tiers (5 is worst) are guesses too.\n"
)


class Evidence(msgspec.Struct, frozen=True):
    """Why a part is proposed; `section` is a section of the scope, or `internet-facing`."""

    section: str
    name: str
    assets: int
    sentences: tuple[str, ...]


class Proposal(msgspec.Struct, frozen=True):
    """A proposed scope and the evidence for each of its parts."""

    scope: facts.Scope
    evidence: tuple[Evidence, ...]

    def yaml(self) -> str:
        """Return `scope.yaml` with the evidence as comments."""
        comments = {(one.section, one.name): one.sentences for one in self.evidence}
        facing = [one for one in self.evidence if one.section == "internet-facing"]
        lines = [
            f"# Perhaps seen from the internet: {comment(sentence)}" for one in facing for sentence in one.sentences
        ]
        return HEADER + "\n".join([*lines, to_yaml(self.scope, comments)])


def propose(sql: Sql, organization: str, *, currency: str = "EUR", as_of: datetime | None = None) -> Proposal:
    """Return a proposal from the lake behind `sql`; with nothing imported it is an empty scope."""
    assets = present(sql, as_of)
    roles = signs.roles(sql, assets)
    evidence: list[Evidence] = []
    zones = groups.zones(assets)
    evidence += [Evidence("zones", one.name, one.assets, (one.sentence,)) for one in zones]
    named = _services(sql, assets, evidence)
    parts = _from_roles(assets, roles, named, evidence)
    evidence += _facing(sql, assets)
    sites = sorted(set(assets.column("site").to_pylist()))
    scope = facts.Scope(
        organization=organization,
        currency=currency,
        sites=tuple(facts.Site(site) for site in sites) or (facts.Site("main"),),
        zones=tuple(facts.Zone(one.name, one.site, one.networks) for one in zones),
        services=tuple(sorted(parts, key=lambda one: one.foundation)),
    )
    return Proposal(scope, tuple(evidence))


def _services(sql: Sql, assets: pa.Table, evidence: list[Evidence]) -> list[groups.Candidate]:
    titles = {role.title.lower() for role in signs.kinds()}
    found = [
        one._replace(name=f"{one.name} service") if one.name.lower() in titles else one
        for one in groups.services(sql, assets)
    ]
    evidence += [Evidence("services", one.name, len(one.assets), (one.sentence,)) for one in found]
    return found


def _from_roles(
    assets: pa.Table, roles: pa.Table, named: list[groups.Candidate], evidence: list[Evidence]
) -> list[facts.Service]:
    """Foundations by role, and the databases that belong to no candidate service."""
    services = [facts.Service(name=one.name, assets=one.selectors) for one in named]
    taken = {asset for one in named for asset in one.assets}
    found = roles.to_pylist()
    name_of = groups.handles(assets)
    for role in signs.kinds():
        rows = [row for row in found if row["role"] == role.role]
        if role.section == "database":
            rows = [row for row in rows if row["asset"] not in taken]
        if not rows:
            continue
        foundation = role.section == "foundation"
        chosen = [row["asset"] for row in rows][:MOST_NAMED]
        services.append(
            facts.Service(
                name=role.title,
                tier=role.tier,
                assets=tuple(dict.fromkeys(name_of[asset] for asset in chosen)),
                foundation=foundation,
            )
        )
        section = "foundations" if foundation else "services"
        sentences = [f"{row['name']}: {'; '.join(row['sentences'])}." for row in rows[:MOST_NAMED]]
        if len(rows) > MOST_NAMED:
            sentences.append(f"{len(rows) - MOST_NAMED:,} more look the same and are not listed.")
        evidence.append(Evidence(section, role.title, len(rows), tuple(sentences)))
    return services


def _facing(sql: Sql, assets: pa.Table) -> list[Evidence]:
    rows = signs.internet_facing(sql, assets).to_pylist()
    if not rows:
        return []
    sentences = [f"{row['name']}: {'; '.join(row['sentences'])}." for row in rows[:MOST_NAMED]]
    if len(rows) > MOST_NAMED:
        sentences.append(f"{len(rows) - MOST_NAMED:,} more.")
    return [Evidence("internet-facing", "Internet-facing systems", len(rows), tuple(sentences))]
