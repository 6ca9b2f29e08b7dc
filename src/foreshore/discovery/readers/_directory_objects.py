"""Objects of a SharpHound collection as structures, whichever kind of object they are."""

from __future__ import annotations

from typing import Any

import msgspec

from foreshore.discovery.readers._decoding import Scalar


class Principal(msgspec.Struct, gc=False):
    """A reference to another object."""

    ObjectIdentifier: Scalar = None
    ObjectType: Scalar = None
    MemberId: Scalar = None  # names of older versions
    MemberType: Scalar = None


class Ace(msgspec.Struct, gc=False):
    """One right over the object that holds it."""

    PrincipalSID: Scalar = None
    PrincipalType: Scalar = None
    RightName: Scalar = None


class Session(msgspec.Struct, gc=False):
    """A user on a computer."""

    UserSID: Scalar = None
    ComputerSID: Scalar = None


class SessionList(msgspec.Struct, gc=False):
    """The sessions that one method saw."""

    Results: list[Session] | None = None


class Principals(msgspec.Struct, gc=False):
    """The members of a local group, or the holders of a user right."""

    ObjectIdentifier: Scalar = None
    Name: Scalar = None
    Privilege: Scalar = None
    Results: list[Principal] | None = None


class Trust(msgspec.Struct, gc=False):
    """A trust as seen from the domain that holds it."""

    TargetDomainSid: Scalar = None
    TargetDomainName: Scalar = None
    IsTransitive: Scalar = None
    SidFilteringEnabled: Scalar = None
    TGTDelegationEnabled: Scalar = None
    TrustAttributes: Scalar = None
    TrustDirection: Scalar = None
    TrustType: Scalar = None


class Link(msgspec.Struct, gc=False):
    """A group policy that applies here."""

    GUID: Scalar = None
    Guid: Scalar = None
    IsEnforced: Scalar = None


class Changes(msgspec.Struct, gc=False):
    """What linked group policies put into local groups, and on which computers."""

    LocalAdmins: list[Principal] | None = None
    RemoteDesktopUsers: list[Principal] | None = None
    DcomUsers: list[Principal] | None = None
    PSRemoteUsers: list[Principal] | None = None
    AffectedComputers: list[Principal] | None = None


class Target(msgspec.Struct, gc=False):
    """A service on a computer that an account is registered for."""

    ComputerSID: Scalar = None
    Port: Scalar = None
    Service: Scalar = None


class Security(msgspec.Struct, gc=False):
    """Rights as the registry of a certificate authority holds them."""

    Data: list[Ace] | None = None


class Restriction(msgspec.Struct, gc=False):
    """Who may enrol on behalf of others, and for which template."""

    Agent: Principal | None = None
    Template: Principal | None = None
    AllTemplates: Scalar = None
    AccessType: Scalar = None


class RestrictionList(msgspec.Struct, gc=False):
    """Restrictions of enrolment agents."""

    Restrictions: list[Restriction] | None = None
    Collected: Scalar = None


class Reading(msgspec.Struct, gc=False):
    """One value that was read from a registry; `Value` says nothing where `Collected` is not true."""

    Value: Scalar = None
    Collected: Scalar = None


class Registry(msgspec.Struct, gc=False):
    """What the registry of a certificate authority or domain controller says."""

    CASecurity: Security | None = None
    EnrollmentAgentRestrictions: RestrictionList | None = None
    IsUserSpecifiesSanEnabled: Reading | None = None
    RoleSeparationEnabled: Reading | None = None
    StrongCertificateBindingEnforcement: Reading | None = None
    CertificateMappingMethods: Reading | None = None


class Answer(msgspec.Struct, gc=False):
    """What a computer answered to one question: some values, or yes or no."""

    Result: dict[str, Any] | bool | None = None
    Collected: Scalar = None


class Head(msgspec.Struct, gc=False):
    """What an object says of itself."""

    ObjectIdentifier: Scalar = None
    Properties: dict[str, Any] | None = None
    IsDeleted: Scalar = None
    IsDC: Scalar = None
    DCRegistryData: Registry | None = None
    CARegistryData: Registry | None = None
    HttpEnrollmentEndpoints: list[Answer] | None = None
    SmbInfo: Answer | None = None
    IsWebClientRunning: Answer | None = None
    NTLMRegistryData: Answer | None = None
    IsACLProtected: Scalar = None
    UnconstrainedDelegation: Scalar = None


class Tied(msgspec.Struct, gc=False):
    """What an object says of others."""

    ObjectIdentifier: Scalar = None
    Properties: dict[str, Any] | None = None
    IsDeleted: Scalar = None
    IsDC: Scalar = None
    UnconstrainedDelegation: Scalar = None
    PrimaryGroupSID: Scalar = None
    DomainSID: Scalar = None
    HostingComputer: Scalar = None
    ContainedBy: Principal | None = None
    GroupLink: Principal | None = None
    Aces: list[Ace] | None = None
    Members: list[Principal] | None = None
    ChildObjects: list[Principal] | None = None
    AllowedToDelegate: list[Principal | str] | None = None
    AllowedToAct: list[Principal] | None = None
    HasSIDHistory: list[Principal] | None = None
    DumpSMSAPassword: list[Principal] | None = None
    EnabledCertTemplates: list[Principal] | None = None
    SPNTargets: list[Target] | None = None
    Sessions: SessionList | None = None
    PrivilegedSessions: SessionList | None = None
    RegistrySessions: SessionList | None = None
    LocalGroups: list[Principals] | None = None
    UserRights: list[Principals] | None = None
    LocalAdmins: Principals | None = None
    RemoteDesktopUsers: Principals | None = None
    DcomUsers: Principals | None = None
    PSRemoteUsers: Principals | None = None
    Trusts: list[Trust] | None = None
    Links: list[Link] | None = None
    GPOChanges: Changes | None = None
    CARegistryData: Registry | None = None
    DCRegistryData: Registry | None = None
    HttpEnrollmentEndpoints: list[Answer] | None = None


def result(answer: Answer | None) -> dict[str, Any]:
    """What was answered, by name; nothing where nobody could ask."""
    found = answer.Result if answer is not None and answer.Collected is not False else None
    return found if isinstance(found, dict) else {}


def value(reading: Reading | None) -> Scalar:
    """What a registry says; None where it was not read."""
    return reading.Value if reading is not None and reading.Collected is not False else None


class Meta(msgspec.Struct, gc=False):
    """What the file says of itself."""

    type: Scalar = None
    version: Scalar = None
    count: Scalar = None
    methods: Scalar = None
    collectorversion: Scalar = None
    collectionstart: Scalar = None


class Document(msgspec.Struct, gc=False):
    """A file of a collection; version 3 names its list by the kind of object."""

    data: list[msgspec.Raw] | None = None
    meta: Meta | None = None


DOCUMENT: msgspec.json.Decoder[Document] = msgspec.json.Decoder(Document)
HEAD: msgspec.json.Decoder[Head] = msgspec.json.Decoder(Head)
TIED: msgspec.json.Decoder[Tied] = msgspec.json.Decoder(Tied)
