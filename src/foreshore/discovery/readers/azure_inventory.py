"""Azure's resources, network and roles as JSON: `az … list`, Resource Graph, REST answers, or several of them in one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._azure_actions import ACTIONS
from foreshore.discovery.readers._azure_network import Network
from foreshore.discovery.readers._azure_resources import Resource, at, each, lower_id, parent_of, resources, type_of
from foreshore.discovery.readers._azure_roles import UNKNOWN_ROLE, Roles
from foreshore.discovery.readers._directory import Ties
from foreshore.errors import BadReport
from foreshore.facts import Answer, Record, Relation, RunSeen, Sighting, Skipped

_HERE = regex(
    r'"id"\s*:\s*"/(?:subscriptions/[^"/]{1,90}(?:/[^"]{0,600})?|providers/Microsoft\.Management/[^"]{1,300})"',
    re.IGNORECASE,
)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_ASSIGNMENT = "microsoft.authorization/roleassignments"
_DEFINITION = "microsoft.authorization/roledefinitions"
_MANAGED = "microsoft.managedidentity/userassignedidentities"
_SHOWN = (
    "location", "resourcegroup", "subscriptionid", "kind", "powerstate", "provisioningstate", "licensetype", "vmid",
    "publicnetworkaccess", "minimumtlsversion", "minimaltlsversion", "enablehttpstrafficonly",
    "supportshttpstrafficonly", "allowblobpublicaccess", "publicaccess", "httpsonly", "kubernetesversion", "state",
    "defaulthostname", "fullyqualifieddomainname", "fqdn", "vaulturi",
)  # fmt: skip
_NAMES = ("defaulthostname", "fullyqualifieddomainname", "fqdn", "azurednsrecord")
_OWNER = ("owner", "ownername", "businessowner", "technicalowner", "contact")
_WHY = "of a role that only looks or whose permissions are not stated"


@dataclass(frozen=True)
class AzureInventory:
    """Reads Azure's resources: machines and all else, who holds which role, what the network lets through."""

    version: int = 2
    priority: int = -10  # reports of scanners name resources too

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins JSON with resources of Azure."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and bool(_HERE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each resource once, what holds what, roles, managed identities, and network rules."""
        document = _decoding.whole(report, _ANY)
        found: dict[str, Resource] = {}
        others: Counter[str] = Counter()
        for one, where in resources(document):
            if one is None:
                others[re.sub(r"\[\d+\]", "", where) or "the document"] += 1
            elif one.id not in found or len(one.said) > len(found[one.id].said):
                found[one.id] = one
        if not found:
            raise BadReport(
                "holds no resource of Azure", where=report.name, hint="export with: az resource list --output json"
            )
        yield _run(found)
        skipped = [Skipped(where, f"{count} objects that are no resource of Azure") for where, count in others.items()]
        yield from _Reading(found, skipped).records()
        yield from skipped


def _run(found: dict[str, Resource]) -> RunSeen:
    accounts = sorted({one.split("/")[2] for one in found if one.startswith("/subscriptions/")})
    return RunSeen(tool="azure", scanner=", ".join(accounts[:20]), settings=(("resources", str(len(found))),))


class _Reading:
    """The resources of one report, and what was said of them."""

    def __init__(self, found: dict[str, Resource], skipped: list[Skipped]) -> None:
        self.found = found
        self.skipped = skipped
        self.said = Ties()
        self.network = Network(list(found.values()))
        self.roles = Roles(one for one in found.values() if one.type == _DEFINITION)
        self.open = self.network.open_machines()
        self.groups: dict[str, str] = {}  # what a management group is in, and a subscription
        self.inside: dict[str, dict[str, list[str]]] = {}

    def records(self) -> Iterator[Record]:
        """Yield all in an order in which every key is sighted before it is named."""
        assets = [one for one in self.found.values() if one.type not in (_ASSIGNMENT, _DEFINITION)]
        for one in assets:
            yield from self.said.sighting(self.sighting(one))
        for one in assets:
            yield from self.holder(one.id)
            yield from self.children(one.id, one.said, 0)
            yield from self.identities(one)
        looking: Counter[str] = Counter()
        for one in self.found.values():
            if one.type == _ASSIGNMENT:
                yield from self.assignment(one, looking)
        self.skipped.extend(
            Skipped(f"role {name}", f"{count} role assignments {_WHY}") for name, count in looking.items()
        )
        for relation in self.network.relations():
            for end in (relation.source, relation.target):
                if end.startswith("asset:"):
                    yield from self.known(end.removeprefix("asset:"))
            yield relation

    def known(self, identifier: str) -> Iterator[Record]:
        """Yield a resource that is known by its id only, unless it was said."""
        yield from self.said.sighting(self.sighting(Resource(identifier, type_of(identifier), {})))

    def sighting(self, one: Resource) -> Sighting:
        """One resource as an asset."""
        shown = [("provider", "azure"), ("resource_type", one.type)]
        shown += [(name, text) for name in _SHOWN if (text := _naming.text(one.said.get(name)))]
        tags = one.said.get("tags")
        held = {str(k): _naming.text(v) for k, v in tags.items()} if isinstance(tags, dict) else {}
        folded = {name.replace("-", "").replace("_", "").replace(" ", "").lower(): text for name, text in held.items()}
        own = [("cloud_id", one.id), *self.addresses(one)]
        return Sighting(
            key=one.id,
            name=one.name,
            kind=one.kind,
            identifiers=tuple(dict.fromkeys(own)),
            os=_system(one.said),
            owner=next((folded[name] for name in _OWNER if folded.get(name)), ""),
            internet=self.internet(one),
            tags=tuple(f"{name}={text}" if text else name for name, text in held.items()),
            attributes=tuple(shown),
        )

    def addresses(self, one: Resource) -> Iterator[tuple[str, str]]:
        """Identifiers beside the id: names, addresses, hardware addresses, the number in the firmware."""
        if one.kind == "host":
            for kind, value in self.network.of(one.id):
                yield ("ip" if kind == "public" else kind), value
            yield from _of_machine(one.said)
        for name in _NAMES:
            yield from (i for i in _naming.host_identifiers(_naming.text(one.said.get(name))) if i[0] == "fqdn")
        if one.type == "microsoft.network/publicipaddresses" and (ip := self.network.addresses.get(one.id)):
            yield "ip", ip

    def internet(self, one: Resource) -> Answer:
        """What the report states of a resource's exposure to the internet."""
        said = one.said
        access = _naming.text(said.get("publicnetworkaccess")).lower()
        if access in ("disabled", "false"):
            return "no"
        if one.kind == "host":
            public = any(kind == "public" for kind, _ in self.network.of(one.id)) or said.get("publicips")
            return "yes" if public and one.id in self.open else "unknown"
        if _naming.text(said.get("publicaccess")).lower() in ("container", "blob"):
            return "yes"
        rules = said.get("networkacls") or said.get("networkruleset")
        default = _naming.text(at(rules, "defaultaction")).lower()
        return "yes" if access == "enabled" and default == "allow" else "unknown"

    def holder(self, identifier: str) -> Iterator[Record]:
        """Yield what holds a resource, up to its subscription: rights over that are rights over this."""
        while above := parent_of(identifier):
            yield from self.known(above)
            yield from self.contains(above, identifier)
            identifier = above

    def contains(self, above: str, below: str) -> Iterator[Record]:
        """Yield that one resource holds another."""
        if above.startswith("/providers/microsoft.management/"):
            self.groups[below] = above
        yield from self.said.tie(
            Relation(kind="controls", source=f"asset:{above}", target=f"asset:{below}", note="Contains")
        )

    def children(self, identifier: str, said: dict[str, Any], depth: int) -> Iterator[Record]:
        """Yield what a management group holds."""
        if not identifier.startswith("/providers/microsoft.management/") or depth > 8:
            return
        above = lower_id(at(said, "details", "parent", "id")) or lower_id(at(said, "parent", "id"))
        below = identifier
        if "/subscriptions/" in identifier:
            group, _, number = identifier.partition("/subscriptions/")
            above, below = above or group, f"/subscriptions/{number}"
        if above:
            yield from self.known(above)
            yield from self.known(below)
            yield from self.contains(above, below)
        for child in each(said.get("children")):
            inner = lower_id(child.get("id"))
            if inner:
                yield from self.known(inner)
                yield from self.contains(identifier, inner)
                yield from self.children(inner, child, depth + 1)

    def identities(self, one: Resource) -> Iterator[Record]:
        """Yield the identities that a resource acts as."""
        identity = one.said.get("identity")
        if principal := _naming.text(at(identity, "principalid")):
            yield from self.principal(principal, "ServicePrincipal", "")
            yield from self.act_as(one.id, f"entra:{principal.lower()}", "system-assigned identity")
        assigned = at(identity, "userassignedidentities")
        for name in assigned if isinstance(assigned, dict) else ():
            if identifier := lower_id(name):
                yield from self.known(identifier)
                yield from self.act_as(one.id, identifier, "user-assigned identity")
        principal = _naming.text(one.said.get("principalid"))
        if principal and one.type == _MANAGED:
            yield from self.principal(principal, "ServicePrincipal", one.name)
            yield from self.act_as(one.id, f"entra:{principal.lower()}", "managed identity")

    def act_as(self, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield that a resource acts as an identity."""
        yield from self.said.tie(
            Relation(kind="runs_as", source=f"asset:{source}", target=f"asset:{target}", note=note)
        )

    def principal(self, number: str, kind: str, name: str) -> Iterator[Record]:
        """Yield a principal of Entra by its object id, unless it was said."""
        key = f"entra:{number.lower()}"
        yield from self.said.sighting(
            Sighting(
                key=key,
                name=name,
                kind="identity",
                identifiers=(("cloud_id", key),),
                attributes=(("directory_kind", kind.lower()),) if kind else (),
            )
        )

    def assignment(self, one: Resource, looking: Counter[str]) -> Iterator[Record]:
        """Yield who holds a role where; roles that only look are counted in `looking`."""
        said = one.said
        number = _naming.text(said.get("principalid"))
        scope = _naming.text(said.get("scope")).rstrip("/").lower() or one.id.partition("/providers/microsoft.auth")[0]
        if not number or (scope and not lower_id(scope)):
            self.skipped.append(Skipped(one.id, "a role assignment without a principal or with a scope that is none"))
            return
        role = (_naming.text(said.get("roledefinitionid")), _naming.text(said.get("roledefinitionname")))
        name, kind = self.roles.meaning(*role)
        actions = () if kind == "admin_of" else self.roles.actions(*role)
        yield from self.principal(
            number, _naming.text(said.get("principaltype")), _naming.text(said.get("principalname"))
        )
        if kind == "" and not actions:
            looking[name] += 1
            return
        target = scope or "/providers/microsoft.management/managementgroups"
        yield from self.known(target)
        yield from self.holder(target)
        unsure = ", under a condition" if said.get("condition") else ""
        who = f"entra:{number.lower()}"
        if kind is None and not actions:
            yield from self.right(who, target, "controls", f"{UNKNOWN_ROLE} {name}, under a condition")
        elif not actions:
            note = name if kind == "admin_of" else f"role {name}"
            yield from self.right(who, target, str(kind), f"{note}{unsure}")
        for action in actions:
            for end in self.below(target, ACTIONS[action]):
                yield from self.right(who, end, "controls", f"{action}{unsure}")

    def below(self, scope: str, kind: str) -> list[str]:
        """What of a type lies at or below a scope; the scope itself where nothing such is known."""
        if kind not in self.inside:
            chains = {one.id: self.chain(one.id) for one in self.found.values() if one.type == kind}
            self.inside[kind] = {}
            for identifier, chain in chains.items():
                for above in chain:
                    self.inside[kind].setdefault(above, []).append(identifier)
        return self.inside[kind].get(scope, [scope])

    def chain(self, identifier: str) -> list[str]:
        """An id and all that holds it, management groups as far as they are known."""
        found = [identifier]
        while above := parent_of(found[-1]) or self.groups.get(found[-1], ""):
            if above in found:
                break
            found.append(above)
        return found

    def right(self, who: str, target: str, kind: str, note: str) -> Iterator[Record]:
        """Yield one right."""
        yield from self.said.tie(
            Relation(kind=kind, source=f"asset:{who}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )


def _of_machine(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Identifiers that a machine states of itself, with those that `az vm list -d` adds."""
    if name := _naming.text(at(said, "osprofile", "computername")):
        yield from (i for i in _naming.host_identifiers(name) if i[0] in ("hostname", "fqdn"))
    if number := _naming.text(said.get("vmid")):
        yield "bios_uuid", number.lower()
    for kind, name in (("ip", "privateips"), ("ip", "publicips"), ("mac", "macaddresses"), ("fqdn", "fqdns")):
        for value in _naming.text(said.get(name)).split(","):
            if kind == "mac" and value.strip():
                yield kind, value.strip()
            elif kind != "mac":
                yield from (i for i in _naming.host_identifiers(value) if i[0] == kind)


def _system(said: dict[str, Any]) -> str:
    """The operating system as the image, the agent or the disk states it."""
    name = _naming.text(said.get("osname"))
    if name and name.lower() not in ("windows", "linux"):
        return name
    image = at(said, "storageprofile", "imagereference")
    words = [_naming.text(at(image, part)) for part in ("offer", "sku")]
    if all(words):
        return " ".join(words)
    return _naming.text(said.get("ostype")) or _naming.text(at(said, "storageprofile", "osdisk", "ostype")) or name


PLUGIN = AzureInventory()
