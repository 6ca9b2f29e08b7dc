"""Google Cloud's resources, network and roles as JSON: `gcloud … list`, REST answers, or the asset inventory."""

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
from foreshore.discovery.readers import _gcp_resources as resources
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._gcp_network import Firewalls, addresses_of, networks_of
from foreshore.discovery.readers._gcp_permissions import PERMISSIONS, ROLES, strong
from foreshore.discovery.readers._gcp_resources import Policy, Resource, account_name, mapping, mappings, texts
from foreshore.errors import BadReport
from foreshore.facts import Answer, Finding, Record, Relation, RunSeen, Sighting, Skipped

_HERE = regex(
    r'"(?:selfLink|self_link)"\s*:\s*"https://[a-z.]{1,40}googleapis\.com/|'
    r'"asset_?[tT]ype"\s*:\s*"[a-z]{1,40}\.googleapis\.com/|'
    r'"name"\s*:\s*"projects/[^"/]{1,80}/(?:serviceAccounts|locations|secrets|topics|subscriptions)/|'
    r'"kind"\s*:\s*"(?:compute|storage|sql)#[a-zA-Z]{1,40}"|'
    r'"(?:full_resource_name|fullResourceName|resource)"\s*:\s*"//[a-z]{1,40}\.googleapis\.com/|'
    r'"lifecycleState"\s*:\s*"ACTIVE"'
)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
_RULING = ("roles/owner", "roles/editor")
_OF_ACCOUNT = regex(r"^//iam\.googleapis\.com/projects/[^/]+/serviceaccounts/([^/]+@[^/]+)$")
_UNSURE = ", under a condition"
_CONTROLLING = regex(
    r"admin|owner|editor|writer|creator|user$|developer|serviceagent|secretaccessor|invoker|operator|instancelogin|oslogin",
    re.IGNORECASE,
)
UNKNOWN_ROLE = "unknown role"  # begins the note of a role of which no source says what it allows
_LOOKING = regex(r"viewer|reader|browser|auditor|networkuser|logwriter|metricwriter", re.IGNORECASE)
_STRONG = regex(
    r"setIamPolicy$|\.(?:create|update|delete|patch|actAs|getAccessToken|signBlob|signJwt|implicitDelegation|"
    r"setMetadata|osAdminLogin|osLogin|getOpenIdToken|access|write|upload)$"
)
_PARENT = regex(r"^(?:folders|organizations|projects)/[\w-]+$")
_SHOWN = (
    "zone", "region", "location", "status", "state", "lifecycleState", "machineType", "databaseVersion",
    "storageClass", "ipCidrRange", "projectId", "project", "currentMasterVersion", "uniqueId", "disabled",
    "loadBalancingScheme", "IPAddress", "id", "creationTimestamp",
)  # fmt: skip
_ACCOUNTS = ("serviceAccountEmail", "serviceAccountEmailAddress", "service_account_email", "serviceAccount")
_WHY = "bindings of a role that only looks, or of a member that is deleted"


@dataclass(frozen=True)
class GCPInventory:
    """Reads Google Cloud's resources: machines and all else, who holds which role, what firewalls let through."""

    version: int = 2
    priority: int = -10  # reports of scanners name resources too

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins JSON with resources of Google Cloud."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "[") or '"noteName"' in opening:  # findings name resources too
            return False
        return bool(_HERE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each resource once, what holds what, roles, service accounts, and firewall rules."""
        skipped: list[Skipped] = []
        found: dict[str, Resource] = {}
        policies: list[Policy] = []
        others: Counter[str] = Counter()
        for document in _decoding.rows(report, _ANY, skipped.append):
            for one in resources.found_in(document):
                if isinstance(one, str):
                    others[re.sub(r"\[\d+\]", "", one) or "the document"] += 1
                elif isinstance(one, Policy):
                    policies.append(one)
                elif one.id not in found or len(one.said) > len(found[one.id].said):
                    found[one.id] = one
        if not found and not policies:
            raise BadReport(
                "holds no resource of Google Cloud",
                where=report.name,
                hint="export with: gcloud asset search-all-resources --format=json",
            )
        yield _run(found)
        skipped.extend(Skipped(where, f"{count} objects that are no resource") for where, count in others.items())
        yield from _Reading(found, policies, skipped).records()
        yield from skipped


def _run(found: dict[str, Resource]) -> RunSeen:
    projects = sorted({one.rpartition("/")[2] for name in found if (one := resources.project_of(name))})
    return RunSeen(tool="gcp", scanner=", ".join(projects[:20]), settings=(("resources", str(len(found))),))


class _Reading:
    """The resources of one report, and what was said of them."""

    def __init__(self, found: dict[str, Resource], policies: list[Policy], skipped: list[Skipped]) -> None:
        self.assets = [one for one in found.values() if not one.type.endswith("/Role")]
        self.policies = policies
        self.skipped = skipped
        self.said = Ties()
        self.firewalls = Firewalls(self.assets)
        self.roles = {
            _naming.text(one.said.get("name")): texts(one.said, "includedPermissions")
            for one in found.values()
            if one.type.endswith("/Role")
        }
        self.open = self.firewalls.open_machines()
        self.above: dict[str, str] = {}
        self.below: dict[tuple[str, str], list[str]] = {}
        self.public = {p.resource for p in policies if any(_PUBLIC & set(_members(b)) for b in p.bindings)}

    def records(self) -> Iterator[Record]:
        """Yield all in an order in which every key is sighted before it is named."""
        for one in self.assets:
            yield from self.said.sighting(self.sighting(one))
        for one in self.assets:
            yield from self.holder(one)
            yield from self.network(one)
            yield from self.accounts(one)
        self.inherit()
        looking: Counter[str] = Counter()
        for policy in self.policies:
            yield from self.policy(policy, looking)
        self.skipped.extend(Skipped(f"role {role}", f"{count} {_WHY}") for role, count in looking.items())
        for relation in self.firewalls.relations():
            if isinstance(relation, Skipped):
                self.skipped.append(relation)
                continue
            for end in (relation.source, relation.target):
                if end.startswith("asset:"):
                    yield from self.known(end.removeprefix("asset:"))
            yield relation

    def known(self, name: str) -> Iterator[Record]:
        """Yield a resource that is known by its name only, unless it was said."""
        yield from self.said.sighting(self.sighting(Resource(name, resources.type_of(name), {})))

    def sighting(self, one: Resource) -> Sighting:
        """One resource as an asset."""
        said = one.said
        labels = mapping(said, "labels") or mapping(said, "settings", "userLabels")
        held = {str(name): _naming.text(value) for name, value in labels.items()}
        shown = [("provider", "gcp"), ("resource_type", one.type)]
        for name in _SHOWN:
            text = _naming.text(said.get(name))
            if text:
                shown.append((name.lower(), text.rpartition("/")[2] if text.startswith("https://") else text))
        return Sighting(
            key=one.id,
            name=one.name,
            kind=one.kind,
            identifiers=tuple(dict.fromkeys(_identifiers(one))),
            os=_system(said),
            owner=held.get("owner", ""),
            internet=self.internet(one),
            tags=tuple(f"{name}={text}" if text else name for name, text in held.items()),
            attributes=tuple(shown),
        )

    def internet(self, one: Resource) -> Answer:
        """What the report states of a resource's exposure to the internet."""
        if one.id in self.public or any(
            _naming.text(acl.get("entity")) in _PUBLIC for acl in mappings(one.said, "acl")
        ):
            return "yes"
        if one.kind == "host":
            public = any(kind == "public" for kind, _ in addresses_of(one))
            return "yes" if public and one.id in self.open else "unknown"
        scheme = _naming.text(one.said.get("loadBalancingScheme"))
        if scheme.startswith("INTERNAL"):
            return "no"
        allowed = mappings(one.said, "settings", "ipConfiguration", "authorizedNetworks")
        open_to_all = any(_naming.text(net.get("value")) == "0.0.0.0/0" for net in allowed)
        return "yes" if open_to_all or scheme.startswith("EXTERNAL") else "unknown"

    def holder(self, one: Resource) -> Iterator[Record]:
        """Yield what holds a resource: its project, or the folder or organisation above."""
        parent = _naming.text(one.said.get("parent") or one.said.get("parentFullResourceName"))
        above = resources.above(parent) if _PARENT.match(parent) else resources.full_name(parent)
        above = above or resources.project_of(one.id)
        project = _naming.text(one.said.get("projectId"))
        if not above and one.id.startswith("google:") and project:
            above = resources.above(f"projects/{project}")
        if above:
            self.above[one.id] = above
            yield from self.known(above)
            yield from self.tie("controls", above, one.id, "Contains")

    def inherit(self) -> None:
        """Note what lies below each project, folder and organisation: roles there hold for it too."""
        for name, kind in {one.id: one.type for one in self.assets}.items():
            here, seen = name, {name}
            while (here := self.above.get(here, "")) and here not in seen:
                seen.add(here)
                self.below.setdefault((here, kind), []).append(name)

    def network(self, one: Resource) -> Iterator[Record]:
        """Yield the networks that a machine is in."""
        for network in networks_of(one) if one.kind == "host" else ():
            yield from self.known(network)
            yield from self.tie("member_of", one.id, network, "in network")

    def accounts(self, one: Resource) -> Iterator[Record]:
        """Yield the service accounts that a resource acts as."""
        emails = [_naming.text(held.get("email")) for held in mappings(one.said, "serviceAccounts")]
        if one.kind != "identity":
            emails.extend(_naming.text(one.said.get(name)) for name in _ACCOUNTS)
        for email in dict.fromkeys(emails):
            if "@" in email:
                yield from self.principal(f"serviceAccount:{email}")
                yield from self.tie("runs_as", one.id, account_name(email), "service account")

    def principal(self, member: str) -> Iterator[Record]:
        """Yield a member of a binding by its address, unless it was said."""
        kind, _, name = member.partition(":")
        key = account_name(name or kind)
        yield from self.said.sighting(
            Sighting(
                key=key,
                name=name or kind,
                kind="identity",
                identifiers=(("cloud_id", key),) if name else (("artifact", key),),
                attributes=(("directory_kind", kind.lower()),),
            )
        )

    def policy(self, policy: Policy, looking: Counter[str]) -> Iterator[Record]:
        """Yield who holds which role on one resource; roles that only look are counted in `looking`."""
        if not policy.resource:
            self.skipped.append(Skipped(policy.where or "bindings", "a policy that does not say for which resource"))
            return
        policy = self.own_name(policy)
        yield from self.known(policy.resource)
        for binding in policy.bindings:
            role = _naming.text(binding.get("role"))
            kind = self.meaning(role)
            condition = _naming.text(mapping(binding, "condition").get("title"))
            for member in _members(binding):
                if not member.strip(": "):
                    self.skipped.append(Skipped(policy.where or "bindings", "a member without a name"))
                    continue
                if member in _PUBLIC:
                    yield _public(policy.resource, role, member)
                held = self.permissions(role)
                unknown = not held and kind != "admin_of" and self.unknown(role)
                idle = (kind is None and not unknown and not held) or (kind is None and member in _PUBLIC)
                if idle or member.startswith("deleted:"):
                    looking[role] += 1
                    continue
                yield from self.principal(member)
                kind_of_member, _, address = member.partition(":")
                key = account_name(address or kind_of_member)
                unsure = _UNSURE if condition else ""
                if unknown:
                    yield from self.tie("controls", key, policy.resource, f"{UNKNOWN_ROLE} {role}{_UNSURE}")
                    continue
                if kind == "admin_of" or not held:
                    yield from self.tie(kind or "controls", key, policy.resource, f"{role}{unsure}")
                    continue
                for one in held:
                    yield from self.right(key, one, policy.resource, unsure)

    @staticmethod
    def own_name(policy: Policy) -> Policy:
        """A policy on a service account under the name that the account has elsewhere: its address."""
        found = _OF_ACCOUNT.match(policy.resource)
        return Policy(account_name(found[1]), policy.bindings, policy.where) if found else policy

    def unknown(self, role: str) -> bool:
        """Is nothing known of what a role allows, neither by its definition nor by its name?"""
        return bool(role) and role not in self.roles and role not in ROLES and not _LOOKING.search(role)

    def permissions(self, role: str) -> tuple[str, ...]:
        """The permissions of a role that are told: by its definition, else as Google predefines it."""
        return strong(self.roles[role]) if role in self.roles else ROLES.get(role, ())

    def right(self, key: str, permission: str, scope: str, unsure: str) -> Iterator[Record]:
        """Yield a permission over all that it is over below `scope`; over the scope where nothing such is known."""
        wanted = PERMISSIONS[permission] or "/Project"
        if resources.type_of(scope).endswith(wanted) or (wanted == "/ServiceAccount" and scope.startswith("google:")):
            targets = [scope]
        else:
            targets = [name for (above, kind), names in self.below.items() for name in names
                       if above == scope and kind.endswith(wanted)]  # fmt: skip
        for target in targets or [scope]:
            if target != key:
                yield from self.tie("controls", key, target, f"{permission}{unsure}")

    def meaning(self, role: str) -> str | None:
        """`admin_of`, `controls`, or None for a role that only looks, by its permissions or by its name."""
        if role in _RULING:
            return "admin_of"
        held = self.roles.get(role)
        if held is not None:
            return "controls" if any(_STRONG.search(one) for one in held) else None
        return "controls" if _CONTROLLING.search(role) and not _LOOKING.search(role) else None

    def tie(self, kind: str, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield one relation between assets."""
        yield from self.said.tie(
            Relation(kind=kind, source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )


def _members(binding: dict[str, Any]) -> list[str]:
    return texts(binding, "members")


def _identifiers(one: Resource) -> Iterator[tuple[str, str]]:
    yield "cloud_id", one.id
    if one.kind == "host":
        for _kind, value in addresses_of(one):
            yield "ip", value
        if hostname := _naming.text(one.said.get("hostname")):
            yield from (i for i in _naming.host_identifiers(hostname) if i[0] == "fqdn")
        if one.said:
            yield from (i for i in _naming.host_identifiers(one.name) if i[0] == "hostname")
    address = _naming.address(_naming.text(one.said.get("IPAddress")) or _naming.text(one.said.get("address")))
    if address:
        yield "ip", address
    for held in mappings(one.said, "ipAddresses"):
        if ip := _naming.address(_naming.text(held.get("ipAddress"))):
            yield "ip", ip


def _system(said: dict[str, Any]) -> str:
    """The operating system by the licence of the boot disk."""
    for disk in mappings(said, "disks"):
        if disk.get("boot") is True:
            return ", ".join(one.rpartition("/")[2] for one in texts(disk, "licenses"))
    return ""


def _public(resource: str, role: str, member: str) -> Finding:
    return Finding(
        asset=resource,
        rule="gcp-role-for-anybody",
        title="Anybody holds a role on this resource",
        severity="high",
        kind="misconfiguration",
        resource=f"{role}: {member}",
        proof="configuration",
        solution="Remove allUsers and allAuthenticatedUsers from the binding unless the resource is meant to be public.",
    )


PLUGIN = GCPInventory()
