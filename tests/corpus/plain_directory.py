"""A collection of SharpHound read as plainly as can be: its own edges, and who could get which certificate.

Nothing here knows the product: laws compare the product's answers with these.
"""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Edge = tuple[str, str, str]  # start, end, kind
Object = dict[str, Any]

# Rights that BloodHound walks along.
TRAVERSED = frozenset({
    "GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl", "AddMember", "AddSelf", "ForceChangePassword",
    "AllExtendedRights", "AddKeyCredentialLink", "ReadLAPSPassword", "ReadGMSAPassword", "WriteSPN",
    "WriteAccountRestrictions", "AddAllowedToAct", "WriteGPLink",
})  # fmt: skip
LOCAL = {"544": "AdminTo", "555": "CanRDP", "562": "ExecuteDCOM", "580": "CanPSRemote"}
AGENT, ANY = "1.3.6.1.4.1.311.20.2.1", "2.5.29.37.0"


def objects(archive: Path) -> list[tuple[str, Object]]:
    """Return (kind, object) of every object of the collection that is not deleted."""
    with zipfile.ZipFile(archive) as opened:
        documents = [json.loads(opened.read(name).decode("utf-8-sig")) for name in sorted(opened.namelist())]
    every = [(document["meta"]["type"], one) for document in documents for one in document["data"]]
    return [(kind, one) for kind, one in every if not one.get("IsDeleted")]


def ends(held: Iterable[Any] | None) -> list[str]:
    """The identifiers of a list of principals."""
    return [one["ObjectIdentifier"] for one in held or ()]


def aces(one: Object) -> list[tuple[str, str]]:
    """(holder, right) over an object, in the directory and in a certificate authority's registry."""
    registry = ((one.get("CARegistryData") or {}).get("CASecurity") or {}).get("Data") or []
    return [(ace["PrincipalSID"], ace["RightName"]) for ace in [*(one.get("Aces") or []), *registry]]


def edges(every: list[tuple[str, Object]]) -> set[Edge]:
    """Return the collection's own edges that BloodHound walks along."""
    found: set[Edge] = set()
    for kind, one in every:
        own = one["ObjectIdentifier"]
        found.update((holder, own, right) for holder, right in aces(one) if right in TRAVERSED)
        found.update(_listed(own, one))
        found.update(_on_computer(own, one))
        domain = one["Properties"].get("domainsid")
        if one["Properties"].get("unconstraineddelegation"):
            found.add((own, domain, "CoerceToTGT"))
        if kind == "computers" and one["IsDC"]:
            found.add((own, domain, "DCFor"))
    paths = {(one["Properties"].get("distinguishedname") or "").upper(): one["ObjectIdentifier"] for _, one in every}
    return {(paths.get(start, start), paths.get(end, end), kind) for start, end, kind in found}


def _listed(own: str, one: Object) -> Iterator[Edge]:
    for field, kind, outward in (
        ("Members", "MemberOf", False), ("AllowedToAct", "AllowedToAct", False), ("ChildObjects", "Contains", True),
        ("AllowedToDelegate", "AllowedToDelegate", True), ("HasSIDHistory", "HasSIDHistory", True),
        ("DumpSMSAPassword", "DumpSMSAPassword", True),
    ):  # fmt: skip
        for other in ends(one.get(field)):
            yield (own, other, kind) if outward else (other, own, kind)
    if one.get("PrimaryGroupSID"):
        yield own, one["PrimaryGroupSID"], "MemberOf"
    if one.get("ContainedBy"):
        yield one["ContainedBy"]["ObjectIdentifier"], own, "Contains"
    for link in one.get("Links") or ():
        yield link["GUID"], own, "GPLink"
    changes = one.get("GPOChanges") or {}
    for field, kind in (("LocalAdmins", "AdminTo"), ("RemoteDesktopUsers", "CanRDP"), ("DcomUsers", "ExecuteDCOM"),
                        ("PSRemoteUsers", "CanPSRemote")):  # fmt: skip
        for computer in ends(changes.get("AffectedComputers")):
            yield from ((holder, computer, kind) for holder in ends(changes.get(field)))
    for trust in one.get("Trusts") or ():
        if trust["TrustType"] == "ParentChild":
            yield own, trust["TargetDomainSid"], "SameForestTrust"
            yield trust["TargetDomainSid"], own, "SameForestTrust"


def _on_computer(own: str, one: Object) -> Iterator[Edge]:
    for field in ("Sessions", "PrivilegedSessions", "RegistrySessions"):
        for session in (one.get(field) or {}).get("Results") or ():
            yield session["ComputerSID"], session["UserSID"], "HasSession"
    for group in one.get("LocalGroups") or ():
        kind = LOCAL.get(group["ObjectIdentifier"].rpartition("-")[2])
        if kind:
            yield from ((member, own, kind) for member in ends(group["Results"]))


def reachers(found: set[Edge], target: str) -> set[str]:
    """Return all from which a walk along the edges ends at `target`: breadth first, backwards."""
    back: dict[str, set[str]] = defaultdict(set)
    for start, end, _ in found:
        back[end].add(start)
    seen, layer = {target}, {target}
    while layer:
        layer = {start for end in layer for start in back[end]} - seen
        seen |= layer
    return seen


def shortest(found: set[Edge], start: str, target: str) -> list[Edge]:
    """Return one shortest walk from `start` to `target`; [] where there is none."""
    out: dict[str, list[Edge]] = defaultdict(list)
    for edge in sorted(found):
        out[edge[0]].append(edge)
    came: dict[str, Edge | None] = {start: None}
    layer = [start]
    while layer and target not in came:
        following = []
        for node in layer:
            for edge in out[node]:
                if edge[1] not in came:
                    came[edge[1]] = edge
                    following.append(edge[1])
        layer = following
    walk: list[Edge] = []
    step = came.get(target)
    while step is not None:
        walk.append(step)
        step = came[step[0]]
    return walk[::-1]


class Certificates:
    """Who gets which certificate, principal by principal: slow, and by loops."""

    def __init__(self, every: list[tuple[str, Object]]) -> None:
        self.every = every
        self.by_kind: dict[str, list[Object]] = defaultdict(list)
        for kind, one in every:
            self.by_kind[kind].append(one)
        self.templates = {one["ObjectIdentifier"]: one for one in self.by_kind["certtemplates"]}
        self.above: dict[str, set[str]] = defaultdict(set)
        for start, end, kind in edges(every):
            if kind == "MemberOf":
                self.above[start].add(end)
        for one in self.by_kind["groups"]:
            number = one["ObjectIdentifier"]
            if number.startswith("S-1-5-21-") and number.endswith(("-513", "-515", "-516", "-521")):
                domain = one["Properties"]["domain"].upper()
                self.above[number] |= {f"{domain}-S-1-5-11", f"{domain}-S-1-1-0"}

    def groups(self, principal: str) -> set[str]:
        """The principal itself and all groups it is in, however deep."""
        seen, todo = {principal}, [principal]
        while todo:
            for group in self.above[todo.pop()] - seen:
                seen.add(group)
                todo.append(group)
        return seen

    def has(self, who: set[str], one: Object, *rights: str) -> bool:
        """Does any of `who` hold one of `rights` over `one`?"""
        return any(holder in who and right in rights for holder, right in aces(one))

    def trusted(self, authority: Object) -> list[str]:
        """The domains that take this authority's certificates for signing in."""
        own = authority["Properties"]["certthumbprint"]
        chain = authority["Properties"]["certchain"]
        stores = [one for one in self.by_kind["ntauthstores"] if own in one["Properties"]["certthumbprints"]]
        roots = [one for one in self.by_kind["rootcas"] if one["Properties"]["certthumbprint"] == chain[-1]]
        return [store["DomainSID"] for store in stores if store["DomainSID"] in {one["DomainSID"] for one in roots}]

    def published(self, authority: Object) -> list[Object]:
        """The templates that an authority issues."""
        return [self.templates[one] for one in ends(authority["EnabledCertTemplates"]) if one in self.templates]

    def may_ask(self, who: set[str], authority: Object, template: Object) -> bool:
        """May `who` enrol by `template` at `authority`?"""
        return self.has(who, authority, "Enroll") and self.has(
            who, template, "Enroll", "GenericAll", "AllExtendedRights"
        )

    def free(self, template: Object) -> bool:
        """Is a request granted without anybody's approval or signature?"""
        said = template["Properties"]
        signed = said["schemaversion"] == 1 or said["authorizedsignatures"] == 0
        return signed and not said["requiresmanagerapproval"]

    def esc1(self, who: set[str], authority: Object) -> bool:
        return any(
            said["enrolleesuppliessubject"] and said["authenticationenabled"] and self.free(one)
            for one in self.published(authority)
            if (said := one["Properties"]) and self.may_ask(who, authority, one)
        )

    def esc4(self, who: set[str], authority: Object) -> bool:
        own = ("GenericAll", "Owns", "WriteDacl", "WriteOwner")
        return self.has(who, authority, "Enroll") and any(self.has(who, one, *own) for one in self.published(authority))

    def esc6a(self, who: set[str], authority: Object) -> bool:
        read = authority["CARegistryData"]["IsUserSpecifiesSanEnabled"]
        return bool(read["Collected"] and read["Value"]) and any(
            said["nosecurityextension"] and said["authenticationenabled"] and self.free(one)
            for one in self.published(authority)
            if (said := one["Properties"]) and self.may_ask(who, authority, one)
        )

    def esc3(self, who: set[str], authority: Object) -> bool:
        limits = authority["CARegistryData"]["EnrollmentAgentRestrictions"]
        if not limits["Collected"]:
            return False  # not known: the product draws such a step as assumed
        for first in self.by_kind["enterprisecas"]:
            for agent in self.published(first):
                if not (self.free(agent) and self.may_ask(who, first, agent)):
                    continue
                for template in self.published(authority):
                    if self.may_ask(who, authority, template) and self.behalf(agent, template):
                        let = list(limits["Restrictions"] or ())
                        if not let or any(
                            one["Agent"]["ObjectIdentifier"] in who
                            and (one["Template"] or {}).get("ObjectIdentifier") == template["ObjectIdentifier"]
                            for one in let
                        ):
                            return True
        return False

    def behalf(self, agent: Object, template: Object) -> bool:
        """Does a certificate by `agent` let its holder ask by `template` in another's name?"""
        said, uses = template["Properties"], agent["Properties"]["effectiveekus"]
        if not said["authenticationenabled"] or said["requiresmanagerapproval"]:
            return False
        if said["schemaversion"] == 1:
            return not uses or AGENT in uses or ANY in uses
        signed = said["authorizedsignatures"] >= 1 and AGENT in said["applicationpolicies"]
        return bool(signed and AGENT in uses and ANY not in uses and agent is not template)

    def golden(self, who: set[str], authority: Object) -> bool:
        return authority["HostingComputer"] in who
