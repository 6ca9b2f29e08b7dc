"""How objects of Active Directory are tied to each other, as a SharpHound collection states it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties, key_of
from foreshore.discovery.readers._directory_objects import Ace, Changes, Principal, Principals, Tied, Trust
from foreshore.facts import Record, Relation

# The local groups that matter by their number: (kind of relation, name of the right).
_LOCAL = {
    "544": ("admin_of", "AdminTo"),
    "555": ("controls", "CanRDP"),
    "562": ("controls", "ExecuteDCOM"),
    "580": ("controls", "CanPSRemote"),
}
_DIRECTIONS = {"0": "disabled", "1": "inbound", "2": "outbound", "3": "bidirectional"}
_TRUSTS = {"0": "ParentChild", "1": "CrossLink", "2": "Forest", "3": "External", "4": "Unknown"}


def ties_of(kind: str, one: Tied, said: Ties) -> Iterator[Record]:
    """Yield what one object says of others; ends that the file does not describe are sighted by their key."""
    domain = _naming.text((one.Properties or {}).get("domain"))
    reading = _Reading(key_of(_naming.text(one.ObjectIdentifier), domain), domain, said)
    yield from reading.membership(one)
    yield from reading.rights(one.Aces)
    yield from reading.delegation(one)
    if kind == "computers":
        yield from reading.computer(one)
    elif kind in ("domains", "ous", "containers"):
        yield from reading.container(one)
    elif kind in ("enterprisecas", "rootcas", "ntauthstores", "issuancepolicies"):
        yield from reading.certificates(kind, one)


class _Reading:
    """One object and the directory it is in."""

    def __init__(self, key: str, domain: str, said: Ties) -> None:
        self.key = key
        self.domain = domain
        self.said = said

    def tie(
        self, kind: str, source: tuple[object, str], target: tuple[object, str], note: str = "", ports: str = ""
    ) -> Iterator[Record]:
        """Yield one relation between two objects, given as (identifier, word for its kind)."""
        ends = []
        for value, word in (source, target):
            key = key_of(_naming.text(value), self.domain)
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

    def delegation(self, one: Tied) -> Iterator[Record]:
        """Who may act as whom."""
        yield from self.out("controls", one.AllowedToDelegate, "AllowedToDelegate")
        yield from self.each("controls", one.AllowedToAct, "AllowedToAct")
        yield from self.out("controls", one.HasSIDHistory, "HasSIDHistory")
        yield from self.out("controls", one.DumpSMSAPassword, "DumpSMSAPassword")
        for target in one.SPNTargets or ():
            port = _naming.port(target.Port)
            note = _naming.text(target.Service) or "SPNTarget"
            end = (target.ComputerSID, "Computer")
            yield from self.tie("controls", self.own, end, note, str(port) if port else "")

    def computer(self, one: Tied) -> Iterator[Record]:
        """Sessions, local groups and user rights."""
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
            yield from self.tie("controls", (link.GUID or link.Guid, "GPO"), self.own, "GPLink")
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
                    yield from self.tie(kind, _end(one), _end(computer), f"{note} by group policy")

    def trust(self, trust: Trust) -> Iterator[Record]:
        """Who trusts is the source, who is trusted the target."""
        written = _naming.text(trust.TrustDirection)
        direction = _DIRECTIONS.get(written, written.lower())
        kind = _naming.text(trust.TrustType)
        words = [_TRUSTS.get(kind, kind)]
        words.append("transitive" if trust.IsTransitive is True else "not transitive")
        words.append("SIDs filtered" if trust.SidFilteringEnabled is True else "SIDs not filtered")
        other = (trust.TargetDomainSid or trust.TargetDomainName, "Domain")
        if direction in ("outbound", "bidirectional"):
            yield from self.tie("trusts", self.own, other, ", ".join(words))
        if direction in ("inbound", "bidirectional"):
            yield from self.tie("trusts", other, self.own, ", ".join(words))

    def certificates(self, kind: str, one: Tied) -> Iterator[Record]:
        """Certificate authorities: where they run, what they issue, who trusts them."""
        domain = (one.DomainSID, "Domain")
        if kind == "rootcas":
            yield from self.tie("trusts", domain, self.own, "RootCAFor")
        elif kind == "ntauthstores":
            yield from self.tie("trusts", domain, self.own, "NTAuthStoreFor")
        if one.HostingComputer:
            yield from self.tie("runs", (one.HostingComputer, "Computer"), self.own, "HostsCAService")
        for template in one.EnabledCertTemplates or ():
            yield from self.tie("depends_on", _end(template), self.own, "PublishedTo")
        if one.GroupLink is not None:
            yield from self.tie("controls", self.own, _end(one.GroupLink), "OIDGroupLink")
        registry = one.CARegistryData
        if registry is not None and registry.CASecurity is not None:
            yield from self.rights(registry.CASecurity.Data)
        held = registry.EnrollmentAgentRestrictions if registry is not None else None
        for limit in (held.Restrictions if held is not None else None) or ():
            if limit.Agent is not None and "denied" not in _naming.text(limit.AccessType).lower():
                target = self.own if limit.AllTemplates is True or limit.Template is None else _end(limit.Template)
                yield from self.tie("controls", _end(limit.Agent), target, "DelegatedEnrollmentAgent")


def _end(one: Principal | str) -> tuple[object, str]:
    if isinstance(one, str):
        return one.rpartition("/")[2], "Computer"  # older collectors write the service's name
    return one.ObjectIdentifier or one.MemberId, _naming.text(one.ObjectType or one.MemberType)
