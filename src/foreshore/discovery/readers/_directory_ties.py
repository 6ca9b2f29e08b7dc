"""How objects of Active Directory are tied to each other, as a SharpHound collection states it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties, key_of
from foreshore.discovery.readers._directory_certificates import authority, store, template
from foreshore.discovery.readers._directory_objects import Ace, Changes, Principal, Principals, Tied, Trust, value
from foreshore.facts import Record, Relation

# The local groups that matter by their number: (kind of relation, name of the right).
_LOCAL = {
    "544": ("admin_of", "AdminTo"),
    "555": ("controls", "CanRDP"),
    "562": ("controls", "ExecuteDCOM"),
    "580": ("controls", "CanPSRemote"),
}
# What whoever holds an account of the domain may also call itself (ClaimSpecialIdentity), by the end of the number.
_SPECIAL = ("513", "515", "516", "521")
_EVERY_ACCOUNT, _EVERYONE = "S-1-5-11", "S-1-1-0"
_UNSURE = ", under a condition"
_WRITES = frozenset({"GenericAll", "GenericWrite", "Owns", "WriteOwner", "WriteDacl"})
_UPN = 4  # of CertificateMappingMethods: by the user principal name
# Of trustAttributes (MS-ADTS 6.1.6.7.9).
_QUARANTINED, _FOREST, _WITHIN, _AS_EXTERNAL, _TGT = 0x4, 0x8, 0x20, 0x40, 0x800
_DIRECTIONS = {"0": "disabled", "1": "inbound", "2": "outbound", "3": "bidirectional"}
_TRUSTS = {"0": "ParentChild", "1": "CrossLink", "2": "Forest", "3": "External", "4": "Unknown"}


def ties_of(kind: str, one: Tied, said: Ties) -> Iterator[Record]:
    """Yield what one object says of others; ends that the file does not describe are sighted by their key."""
    domain = _naming.text((one.Properties or {}).get("domain"))
    reading = _Reading(key_of(_naming.text(one.ObjectIdentifier), domain), domain, said)
    yield from reading.membership(one)
    yield from reading.rights(one.Aces)
    if kind in ("users", "computers"):
        yield from reading.renaming(kind, one)
    yield from reading.delegation(one)
    if kind == "computers":
        yield from reading.computer(one)
    elif kind in ("domains", "ous", "containers"):
        yield from reading.container(one)
    elif kind == "groups":
        yield from reading.special_identity()
    elif kind in ("enterprisecas", "rootcas", "ntauthstores", "issuancepolicies", "certtemplates"):
        yield from reading.certificates(kind, one)


class _Reading:
    """One object and the directory it is in."""

    def __init__(self, key: str, domain: str, said: Ties) -> None:
        self.key = key
        self.domain = domain
        self.said = said

    def special_identity(self) -> Iterator[Record]:
        """All accounts of a domain are in groups that no list of members names."""
        if self.key.startswith("S-1-5-21-") and self.key.rpartition("-")[2] in _SPECIAL:
            for number in (_EVERY_ACCOUNT, _EVERYONE):
                yield from self.tie("member_of", self.own, (number, "Group"), "ClaimSpecialIdentity")

    def tie(
        self, kind: str, source: tuple[object, str], target: tuple[object, str], note: str = "", ports: str = ""
    ) -> Iterator[Record]:
        """Yield one relation between two objects, given as (identifier, word for its kind)."""
        ends = []
        for identifier, word in (source, target):
            key = key_of(_naming.text(identifier), self.domain)
            if not key:
                return
            yield from self.said.principal(key, word)
            ends.append(f"asset:{key}")
        yield from self.said.tie(
            Relation(kind=kind, source=ends[0], target=ends[1], note=note, ports=ports)  # type: ignore[arg-type]
        )

    @property
    def own(self) -> tuple[object, str]:
        """This object as an end."""
        return self.key, ""

    def each(self, kind: str, principals: Iterable[Principal | str] | None, note: str = "") -> Iterator[Record]:
        """Yield a relation from each of `principals` to this object."""
        for one in principals or ():
            yield from self.tie(kind, _end(one), self.own, note)

    def out(self, kind: str, principals: Iterable[Principal | str] | None, note: str) -> Iterator[Record]:
        """Yield a relation from this object to each of `principals`."""
        for one in principals or ():
            yield from self.tie(kind, self.own, _end(one), note)

    def membership(self, one: Tied) -> Iterator[Record]:
        """Groups, and the containers of the directory: who rules a container rules what is in it."""
        if one.PrimaryGroupSID:
            yield from self.tie("member_of", self.own, (one.PrimaryGroupSID, "Group"))
        yield from self.each("member_of", one.Members)
        if one.ContainedBy is not None:
            yield from self.tie("controls", _end(one.ContainedBy), self.own, "Contains")

    def rights(self, aces: list[Ace] | None) -> Iterator[Record]:
        """Rights over this object, under their own names."""
        for ace in aces or ():
            note = _naming.text(ace.RightName)
            yield from self.tie("controls", (ace.PrincipalSID, _naming.text(ace.PrincipalType)), self.own, note)

    def renaming(self, kind: str, one: Tied) -> Iterator[Record]:
        """Who may give an account of the domain another name: said once of each, for it works with any account."""
        note = "RenamesUsers" if kind == "users" else "RenamesComputers"
        domain = key_of(self.of_domain(one))
        for ace in one.Aces or ():
            holder = key_of(_naming.text(ace.PrincipalSID), self.domain)
            if domain and holder and holder != self.key and _naming.text(ace.RightName) in _WRITES:
                for end, word in ((holder, _naming.text(ace.PrincipalType)), (domain, "Domain")):
                    yield from self.said.principal(end, word)
                yield from self.said.once(
                    Relation(kind="controls", source=f"asset:{holder}", target=f"asset:{domain}", note=note)
                )

    def delegation(self, one: Tied) -> Iterator[Record]:
        """Who may act as whom; whoever is trusted for delegation keeps the tickets of those who sign in to it."""
        if (one.Properties or {}).get("unconstraineddelegation") is True or one.UnconstrainedDelegation is True:
            yield from self.tie("controls", self.own, (self.of_domain(one), "Domain"), "CoerceToTGT")
        yield from self.out("controls", one.AllowedToDelegate, "AllowedToDelegate")
        yield from self.each("controls", one.AllowedToAct, "AllowedToAct")
        yield from self.out("controls", one.HasSIDHistory, "HasSIDHistory")
        yield from self.out("controls", one.DumpSMSAPassword, "DumpSMSAPassword")
        for target in one.SPNTargets or ():
            port = _naming.port(target.Port)
            note = _naming.text(target.Service) or "SPNTarget"
            end = (target.ComputerSID, "Computer")
            yield from self.tie("controls", self.own, end, note, str(port) if port else "")

    def of_domain(self, one: Tied) -> str:
        """The number of the domain that an object is in; '' where it is not said."""
        return _naming.text(one.DomainSID) or _naming.text((one.Properties or {}).get("domainsid"))

    def controller(self, one: Tied) -> Iterator[Record]:
        """A domain controller, and which certificates it takes for whom; what was not read may be so or not."""
        domain = (self.of_domain(one), "Domain")
        yield from self.tie("controls", self.own, domain, "DCFor")
        registry = one.DCRegistryData
        binding = value(registry.StrongCertificateBindingEnforcement) if registry is not None else None
        mapping = value(registry.CertificateMappingMethods) if registry is not None else None
        if binding is None or _naming.whole_number(binding) < 0:  # what holds then depends on its updates
            yield from self.tie("controls", self.own, domain, "WeakCertificateBinding" + _UNSURE)
        elif _naming.whole_number(binding) in (0, 1):
            yield from self.tie("controls", self.own, domain, "WeakCertificateBinding")
        if mapping is None:
            yield from self.tie("controls", self.own, domain, "UpnCertificateMapping" + _UNSURE)
        elif _naming.whole_number(mapping) > 0 and _naming.whole_number(mapping) & _UPN:
            yield from self.tie("controls", self.own, domain, "UpnCertificateMapping")

    def computer(self, one: Tied) -> Iterator[Record]:
        """Sessions, local groups and user rights."""
        if one.IsDC is True or (one.Properties or {}).get("isdc") is True:
            yield from self.controller(one)
        for sessions, note in (
            (one.Sessions, "session"),
            (one.PrivilegedSessions, "privileged session"),
            (one.RegistrySessions, "registry session"),
        ):
            for session in (sessions.Results if sessions is not None else None) or ():
                computer = (session.ComputerSID or self.key, "Computer")
                yield from self.tie("logged_on", (session.UserSID, "User"), computer, note)
        for group in one.LocalGroups or ():
            yield from self.local_group(group)
        old = (one.LocalAdmins, one.RemoteDesktopUsers, one.DcomUsers, one.PSRemoteUsers)
        for found, (kind, note) in zip(old, _LOCAL.values(), strict=True):
            yield from self.each(kind, found.Results if found is not None else None, note)
        for right in one.UserRights or ():
            yield from self.each("controls", right.Results, _naming.text(right.Privilege))

    def local_group(self, group: Principals) -> Iterator[Record]:
        """The members of a local group, and what being in it means for this computer where that is known."""
        value = _naming.text(group.ObjectIdentifier)
        kind, note = _LOCAL.get(value.rpartition("-")[2], ("", ""))
        for one in group.Results or ():
            if value:
                yield from self.tie("member_of", _end(one), (value, "LocalGroup"), "local group")
            if kind:
                yield from self.tie(kind, _end(one), self.own, note)

    def container(self, one: Tied) -> Iterator[Record]:
        """What a domain or organisational unit holds, the policies that apply in it, and trusts."""
        yield from self.out("controls", one.ChildObjects, "Contains")
        for link in one.Links or ():
            note = "GPLinkEnforced" if link.IsEnforced is True else "GPLink"
            yield from self.tie("controls", (link.GUID or link.Guid, "GPO"), self.own, note)
        if one.GPOChanges is not None:
            yield from self.changes(one.GPOChanges)
        for trust in one.Trusts or ():
            yield from self.trust(trust)

    def changes(self, changes: Changes) -> Iterator[Record]:
        """What policies put into local groups, on each computer that they apply to."""
        lists = (changes.LocalAdmins, changes.RemoteDesktopUsers, changes.DcomUsers, changes.PSRemoteUsers)
        for principals, (kind, note) in zip(lists, _LOCAL.values(), strict=True):
            for one in principals or ():
                for computer in changes.AffectedComputers or ():
                    yield from self.tie(kind, _end(one), _end(computer), note)

    def trust(self, trust: Trust) -> Iterator[Record]:
        """Who trusts is the source, who is trusted the target; what the trust lets through stands beside it."""
        written = _naming.text(trust.TrustDirection)
        direction = _DIRECTIONS.get(written, written.lower())
        other = (trust.TargetDomainSid or trust.TargetDomainName, "Domain")
        notes = tuple(_trust_notes(trust))
        for name, trusting, trusted in (("outbound", self.own, other), ("inbound", other, self.own)):
            if direction in (name, "bidirectional"):
                for note in notes:
                    yield from self.tie("trusts", trusting, trusted, note)

    def certificates(self, kind: str, one: Tied) -> Iterator[Record]:
        """Certificate authorities: where they run, what they issue, who trusts them."""
        if one.HostingComputer:
            yield from self.tie("runs", (one.HostingComputer, "Computer"), self.own, "HostsCAService")
        for published in one.EnabledCertTemplates or ():
            yield from self.tie("depends_on", _end(published), self.own, "PublishedTo")
        if one.GroupLink is not None:
            yield from self.tie("controls", self.own, _end(one.GroupLink), "OIDGroupLink")
        registry = one.CARegistryData
        if registry is not None and registry.CASecurity is not None:
            yield from self.rights(registry.CASecurity.Data)
        held = registry.EnrollmentAgentRestrictions if registry is not None else None
        for limit in (held.Restrictions if held is not None else None) or ():
            if limit.Agent is not None and "denied" not in _naming.text(limit.AccessType).lower():
                about = self.own if limit.AllTemplates is True or limit.Template is None else _end(limit.Template)
                yield from self.tie("controls", _end(limit.Agent), about, "DelegatedEnrollmentAgent")
        said = {"enterprisecas": authority, "certtemplates": template}.get(kind, store)(kind, one)
        for relation, source, end, note in said:
            yield from self.tie(relation, source or self.own, end or self.own, note)


def _trust_notes(trust: Trust) -> Iterator[str]:
    """What kind of trust it is, and what it lets through that it should not."""
    flags = _naming.whole_number(trust.TrustAttributes)
    kind = _TRUSTS.get(_naming.text(trust.TrustType), _naming.text(trust.TrustType))
    if kind in ("ParentChild", "CrossLink", "TreeRoot") or flags & _WITHIN:
        yield "SameForestTrust"
        return
    yield "CrossForestTrust"
    opened = not flags & _QUARANTINED and (not flags & _FOREST or bool(flags & _AS_EXTERNAL))
    if trust.SidFilteringEnabled is False and (not flags or opened):
        yield "SpoofSIDHistory"
    elif trust.SidFilteringEnabled is None:
        yield "SpoofSIDHistory" + _UNSURE
    if trust.TGTDelegationEnabled is True or flags & _TGT:
        yield "AbuseTGTDelegation"


def _end(one: Principal | str) -> tuple[object, str]:
    if isinstance(one, str):
        return one.rpartition("/")[2], "Computer"  # older collectors write the service's name
    return one.ObjectIdentifier or one.MemberId, _naming.text(one.ObjectType or one.MemberType)
