"""Made-up collections through the readers: each composed way is found, and gone when one thing it needs is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
from tests.prioritization.knowledge import Search, State, steps, told

from foreshore import policy
from foreshore.discovery.readers import bloodhound
from foreshore.discovery.reports import FileReport
from foreshore.policy.rulebook import Rulebook

DOMAIN = "S-1-5-21-1-2-3"
ALICE, VICTIM, SERVICE = (f"{DOMAIN}-{number}" for number in (1101, 1102, 1103))
FIRST, SECOND, LINKED = (f"{DOMAIN}-{number}" for number in (1201, 1202, 1203))
DC, HOST, CLIENT = (f"{DOMAIN}-{number}" for number in (1301, 1302, 1303))
EVERYBODY = "EXAMPLE.TEST-S-1-5-11"
TEMPLATE, AGENT = "00000000-0000-4000-8000-0000000000A1", "00000000-0000-4000-8000-0000000000A2"
AUTHORITY, STORE, ROOT, POLICY = (f"00000000-0000-4000-8000-0000000000B{number}" for number in range(4))
OU, HOLDER = "00000000-0000-4000-8000-0000000000C1", "00000000-0000-4000-8000-0000000000C2"
THUMB, ROOTS = "A" * 40, "B" * 40
REQUEST_AGENT = "1.3.6.1.4.1.311.20.2.1"

Objects = dict[str, dict[str, Any]]  # by identifier; each says in "kind" which file it stands in


def ace(holder: str, right: str) -> dict[str, str]:
    return {"PrincipalSID": holder, "PrincipalType": "Base", "RightName": right}


def reference(identifier: str, word: str) -> dict[str, str]:
    return {"ObjectIdentifier": identifier, "ObjectType": word}


def safe() -> Objects:
    """A domain in which Alice gets nowhere."""

    def one(kind: str, identifier: str, name: str, **more: Any) -> dict[str, Any]:
        said = {"name": name, "domain": "EXAMPLE.TEST", "domainsid": DOMAIN} | more.pop("said", {})
        return {"kind": kind, "ObjectIdentifier": identifier, "Properties": said, "Aces": [], "IsDeleted": False} | more

    template = {
        "schemaversion": 2, "authorizedsignatures": 0, "requiresmanagerapproval": False, "authenticationenabled": True,
        "enrolleesuppliessubject": False, "nosecurityextension": False, "subjectaltrequireupn": False,
        "subjectaltrequirespn": False, "subjectaltrequiredns": False, "effectiveekus": ["1.3.6.1.5.5.7.3.2"],
        "applicationpolicies": [], "issuancepolicies": [],
    }  # fmt: skip
    every = [
        *(one("users", sid, f"{sid[-4:]}@EXAMPLE.TEST", said={"enabled": True, "hasspn": False,
          "dontreqpreauth": False, "passwordnotreqd": False}) for sid in (ALICE, VICTIM, SERVICE)),
        *(one("groups", sid, f"{sid[-4:]}@EXAMPLE.TEST", Members=[]) for sid in (FIRST, SECOND, LINKED, EVERYBODY)),
        *(one("computers", sid, f"HOST{sid[-1]}.EXAMPLE.TEST", IsDC=sid == DC, LocalGroups=[],
              said={"operatingsystem": "Windows Server 2022", "haslaps": False, "ldapsigning": True,
                    "ldapsavailable": True, "ldapsepa": True, "webclientrunning": False},
              DCRegistryData={
                  "StrongCertificateBindingEnforcement": {"Value": 2, "Collected": True},
                  "CertificateMappingMethods": {"Value": 24, "Collected": True}} if sid == DC else None)
          for sid in (DC, HOST, CLIENT)),
        one("domains", DOMAIN, "EXAMPLE.TEST", Trusts=[], Links=[]),
        one("ous", OU, "SERVERS@EXAMPLE.TEST", Links=[]),
        one("containers", HOLDER, "ADMINSDHOLDER@EXAMPLE.TEST",
            said={"distinguishedname": "CN=ADMINSDHOLDER,CN=SYSTEM,DC=EXAMPLE,DC=TEST"}),
        one("certtemplates", TEMPLATE, "WEB@EXAMPLE.TEST", said=dict(template)),
        one("certtemplates", AGENT, "AGENT@EXAMPLE.TEST",
            said=template | {"authenticationenabled": False, "effectiveekus": []}),
        one("enterprisecas", AUTHORITY, "CA@EXAMPLE.TEST", HostingComputer=HOST,
            said={"certthumbprint": THUMB, "certchain": [THUMB, ROOTS]}, HttpEnrollmentEndpoints=[],
            EnabledCertTemplates=[reference(TEMPLATE, "CertTemplate"), reference(AGENT, "CertTemplate")],
            CARegistryData={
                "CASecurity": {"Data": [ace(ALICE, "Enroll"), ace(VICTIM, "Enroll")], "Collected": True},
                "EnrollmentAgentRestrictions": {"Restrictions": [], "Collected": True},
                "IsUserSpecifiesSanEnabled": {"Value": False, "Collected": True}}),
        one("ntauthstores", STORE, "NTAUTH@EXAMPLE.TEST", DomainSID=DOMAIN, said={"certthumbprints": [THUMB]}),
        one("rootcas", ROOT, "ROOT@EXAMPLE.TEST", DomainSID=DOMAIN, said={"certthumbprint": ROOTS}),
        one("issuancepolicies", POLICY, "POLICY@EXAMPLE.TEST", said={"certtemplateoid": "1.2.3.4"}),
    ]  # fmt: skip
    return {one["ObjectIdentifier"]: one for one in every}


@cache
def rulebook() -> Rulebook:
    whole = policy.load().rulebook
    return Rulebook(tuple(one for one in whole.rules if one.family in ("common", "directory")), whole.idle)


def reached(every: Objects, start: str) -> set[tuple[str, str]]:
    """(admin or user, identifier) of all that whoever holds `start` comes to."""
    files: dict[str, list[dict[str, Any]]] = {}
    for one in every.values():
        files.setdefault(one["kind"], []).append(one)
    reports = [
        FileReport(f"{kind}.json", json.dumps({"data": held, "meta": {"type": kind, "version": 6, "methods": 0}}).encode())
        for kind, held in files.items()
    ]  # fmt: skip
    known = told(bloodhound.PLUGIN.read(one) for one in reports)
    sure = [one for one in steps(known, rulebook()) if not one.assumed]
    held: set[State] = Search(sure).forward([("admin", known.rows[start])])
    own = {*every, *(one for one in known.rows if one.startswith("S-1-5-21-"))}
    return {(name, key) for key in own for name in ("admin", "user") if (name, known.rows[key]) in held}


Change = Callable[[Objects], None]


def said(identifier: str, **values: Any) -> Change:
    return lambda every: every[identifier]["Properties"].update(values)


def right(holder: str, name: str, target: str) -> Change:
    return lambda every: every[target]["Aces"].append(ace(holder, name))


def put(identifier: str, **values: Any) -> Change:
    return lambda every: every[identifier].update(values)


def registry(**values: Any) -> Change:
    return lambda every: every[AUTHORITY]["CARegistryData"].update(values)


def controller(**values: int) -> Change:
    def change(every: Objects) -> None:
        read = {name: {"Value": value, "Collected": True} for name, value in values.items()}
        every[DC]["DCRegistryData"] |= read

    return change


def lists(identifier: str, field: str, *members: str) -> Change:
    return put(identifier, **{field: [reference(one, "Base") for one in members]})


class Way(NamedTuple):
    """What makes a way, and what each alone unmakes it; where it begins and ends."""

    made: tuple[Change, ...]
    unmade: tuple[Change, ...]
    start: str = ALICE
    end: str = DOMAIN


ENROL = right(ALICE, "Enroll", TEMPLATE)
NO_ENROLMENT = registry(CASecurity={"Data": [], "Collected": True})
UNTRUSTED = said(STORE, certthumbprints=[])
NO_ROOT = said(ROOT, certthumbprint="C" * 40)
APPROVED = said(TEMPLATE, requiresmanagerapproval=True)
SIGNED = said(TEMPLATE, authorizedsignatures=1)
NOT_PUBLISHED = put(AUTHORITY, EnabledCertTemplates=[reference(AGENT, "CertTemplate")])
CHAIN = (NO_ENROLMENT, UNTRUSTED, NO_ROOT, NOT_PUBLISHED)
RENAME = right(ALICE, "GenericWrite", VICTIM)
VICTIM_ENROLS = right(VICTIM, "Enroll", TEMPLATE)
ANYBODY = lists(EVERYBODY, "Members", ALICE)
RELAYED = put(AUTHORITY, HttpEnrollmentEndpoints=[
    {"Collected": True, "Result": {"Url": "http://ca.example.test/certsrv", "ADCSWebEnrollmentHTTP": True}}])  # fmt: skip


def local(identifier: str, number: str, *members: str) -> Change:
    group = {"ObjectIdentifier": f"{identifier}-{number}", "Results": [reference(one, "Base") for one in members]}
    return put(identifier, LocalGroups=[group])


WAYS = {
    "ESC1": Way((ENROL, said(TEMPLATE, enrolleesuppliessubject=True)),
                (*CHAIN, APPROVED, SIGNED, said(TEMPLATE, authenticationenabled=False),
                 said(TEMPLATE, enrolleesuppliessubject=False), put(TEMPLATE, Aces=[]))),
    "ESC1, first version": Way((ENROL, said(TEMPLATE, enrolleesuppliessubject=True, schemaversion=1,
                                            authorizedsignatures=1)), (APPROVED, said(TEMPLATE, schemaversion=2))),
    "ESC3": Way((ENROL, right(ALICE, "Enroll", AGENT), said(AGENT, effectiveekus=[REQUEST_AGENT]),
                 said(TEMPLATE, schemaversion=1)),
                (NO_ENROLMENT, UNTRUSTED, NOT_PUBLISHED, APPROVED, put(AGENT, Aces=[]),
                 said(AGENT, effectiveekus=["1.3.6.1.5.5.7.3.4"]), said(AGENT, requiresmanagerapproval=True),
                 registry(EnrollmentAgentRestrictions={"Collected": True, "Restrictions": [
                     {"AccessType": "AccessAllowedCallback", "Agent": reference(VICTIM, "User"),
                      "Template": reference(TEMPLATE, "CertTemplate"), "AllTemplates": False}]}))),
    "ESC3, by a signature": Way((ENROL, right(ALICE, "Enroll", AGENT), said(AGENT, effectiveekus=[REQUEST_AGENT]),
                                 said(TEMPLATE, applicationpolicies=[REQUEST_AGENT], authorizedsignatures=1)),
                                (said(TEMPLATE, applicationpolicies=[]), said(TEMPLATE, authorizedsignatures=0),
                                 said(AGENT, effectiveekus=[]))),
    "ESC3, an agent that is let": Way(
        (ENROL, right(ALICE, "Enroll", AGENT), said(TEMPLATE, schemaversion=1),
         registry(EnrollmentAgentRestrictions={"Collected": True, "Restrictions": [
             {"AccessType": "AccessAllowedCallback", "Agent": reference(ALICE, "User"),
              "Template": reference(TEMPLATE, "CertTemplate"), "AllTemplates": False}]})),
        (said(AGENT, requiresmanagerapproval=True), UNTRUSTED,
         registry(EnrollmentAgentRestrictions={"Collected": True, "Restrictions": [
             {"AccessType": "AccessDeniedCallback", "Agent": reference(ALICE, "User"),
              "Template": reference(TEMPLATE, "CertTemplate"), "AllTemplates": False}]}))),
    "ESC4": Way((right(ALICE, "WriteDacl", TEMPLATE),), (*CHAIN, put(TEMPLATE, Aces=[]))),
    "ESC4, write and enrol": Way((ENROL, right(ALICE, "GenericWrite", TEMPLATE)),
                                 (NO_ENROLMENT, put(TEMPLATE, Aces=[ace(ALICE, "GenericWrite")]))),
    "ESC4, name flag": Way((ENROL, right(ALICE, "WritePKINameFlag", TEMPLATE)), (APPROVED, NO_ENROLMENT)),
    "ESC4, enrolment flag": Way((ENROL, right(ALICE, "WritePKIEnrollmentFlag", TEMPLATE), APPROVED,
                                 said(TEMPLATE, enrolleesuppliessubject=True)),
                                (said(TEMPLATE, enrolleesuppliessubject=False), SIGNED)),
    "ESC4, both flags": Way((ENROL, right(ALICE, "WritePKIEnrollmentFlag", TEMPLATE), APPROVED,
                             right(ALICE, "WritePKINameFlag", TEMPLATE)), (SIGNED, NO_ENROLMENT)),
    "ESC6a": Way((ENROL, said(TEMPLATE, nosecurityextension=True),
                  registry(IsUserSpecifiesSanEnabled={"Value": True, "Collected": True})),
                 (*CHAIN, APPROVED, said(TEMPLATE, nosecurityextension=False),
                  registry(IsUserSpecifiesSanEnabled={"Value": False, "Collected": True}),
                  registry(IsUserSpecifiesSanEnabled={"Value": False, "Collected": False}))),
    "ESC6b": Way((ENROL, controller(CertificateMappingMethods=31),
                  registry(IsUserSpecifiesSanEnabled={"Value": True, "Collected": True})),
                 (NO_ENROLMENT, UNTRUSTED, APPROVED, controller(CertificateMappingMethods=24),
                  said(TEMPLATE, effectiveekus=["1.3.6.1.5.5.7.3.4"]))),
    "ESC7": Way((right(ALICE, "ManageCA", AUTHORITY),),
                (NO_ENROLMENT, UNTRUSTED, registry(RoleSeparationEnabled={"Value": True, "Collected": True}))),
    "ESC7, officer": Way((ENROL, right(ALICE, "ManageCertificates", AUTHORITY), APPROVED,
                          said(TEMPLATE, enrolleesuppliessubject=True)),
                         (NO_ENROLMENT, said(TEMPLATE, enrolleesuppliessubject=False))),
    "ESC9a": Way((RENAME, VICTIM_ENROLS, controller(StrongCertificateBindingEnforcement=1),
                  said(TEMPLATE, nosecurityextension=True, subjectaltrequireupn=True)),
                 (NO_ENROLMENT, UNTRUSTED, APPROVED, put(VICTIM, Aces=[]), said(TEMPLATE, nosecurityextension=False),
                  said(TEMPLATE, subjectaltrequireupn=False), controller(StrongCertificateBindingEnforcement=2))),
    "ESC9b": Way((right(ALICE, "GenericAll", CLIENT), right(CLIENT, "Enroll", TEMPLATE),
                  registry(CASecurity={"Data": [ace(CLIENT, "Enroll")], "Collected": True}),
                  controller(StrongCertificateBindingEnforcement=0),
                  said(TEMPLATE, nosecurityextension=True, subjectaltrequiredns=True)),
                 (put(CLIENT, Aces=[]), said(TEMPLATE, subjectaltrequiredns=False),
                  controller(StrongCertificateBindingEnforcement=2))),
    "ESC10a": Way((RENAME, VICTIM_ENROLS, controller(CertificateMappingMethods=4),
                   said(TEMPLATE, subjectaltrequirespn=True)),
                  (put(VICTIM, Aces=[]), controller(CertificateMappingMethods=24),
                   said(TEMPLATE, subjectaltrequirespn=False), SIGNED)),
    "ESC10b": Way((right(ALICE, "Owns", CLIENT), right(CLIENT, "Enroll", TEMPLATE),
                   registry(CASecurity={"Data": [ace(CLIENT, "Enroll")], "Collected": True}),
                   controller(CertificateMappingMethods=12), said(TEMPLATE, subjectaltrequiredns=True)),
                  (controller(CertificateMappingMethods=24), said(TEMPLATE, effectiveekus=["1.3.6.1.5.5.7.3.4"]))),
    "ESC13": Way((ENROL, said(TEMPLATE, issuancepolicies=["1.2.3.4"]), put(POLICY, GroupLink=reference(LINKED, "Group"))),
                 (NO_ENROLMENT, UNTRUSTED, said(TEMPLATE, issuancepolicies=["1.2.3.5"]), put(POLICY, GroupLink=None)),
                 end=LINKED),
    "golden certificate": Way((), (UNTRUSTED, put(AUTHORITY, HostingComputer=None)), start=HOST),
    "rogue authority": Way((right(ALICE, "GenericAll", STORE), right(ALICE, "WriteDacl", ROOT)),
                           (put(STORE, Aces=[]), put(ROOT, Aces=[]))),
    "DCSync by two groups": Way((lists(FIRST, "Members", ALICE), lists(SECOND, "Members", ALICE),
                                 right(FIRST, "GetChanges", DOMAIN), right(SECOND, "GetChangesAll", DOMAIN)),
                                (lists(FIRST, "Members"), lists(SECOND, "Members"),
                                 put(DOMAIN, Aces=[ace(SECOND, "GetChangesAll")]))),
    "filtered replication": Way((said(CLIENT, haslaps=True), right(ALICE, "GetChanges", DOMAIN),
                                 right(ALICE, "GetChangesInFilteredSet", DOMAIN)),
                                (said(CLIENT, haslaps=False), put(DOMAIN, Aces=[])), end=CLIENT),
    "Kerberoasting": Way((ANYBODY, said(SERVICE, hasspn=True)),
                         (said(SERVICE, enabled=False), said(SERVICE, gmsa=True), lists(EVERYBODY, "Members")),
                         end=SERVICE),
    "AS-REP roasting": Way((ANYBODY, said(SERVICE, dontreqpreauth=True)), (said(SERVICE, enabled=False),), end=SERVICE),
    "unconstrained delegation": Way((said(CLIENT, unconstraineddelegation=True),),
                                    (said(CLIENT, unconstraineddelegation=False),), start=CLIENT),
    "linked policy": Way((right(ALICE, "GenericWrite", OU), put(DC, ContainedBy=reference(OU, "OU"))),
                         (put(OU, Aces=[]), put(DC, ContainedBy=None))),
    "policy below": Way((put(DOMAIN, Links=[{"GUID": HOLDER, "IsEnforced": False}]),
                         put(OU, ContainedBy=reference(DOMAIN, "Domain")), put(CLIENT, ContainedBy=reference(OU, "OU"))),
                        (said(OU, blocksinheritance=True), put(DOMAIN, Links=[])), start=HOLDER, end=CLIENT),
    "enforced policy": Way((put(DOMAIN, Links=[{"GUID": HOLDER, "IsEnforced": True}]),
                            put(OU, ContainedBy=reference(DOMAIN, "Domain")), said(OU, blocksinheritance=True),
                            put(CLIENT, ContainedBy=reference(OU, "OU"))), (put(DOMAIN, Links=[]),),
                           start=HOLDER, end=CLIENT),
    "protected objects": Way((right(ALICE, "WriteDacl", HOLDER), said(VICTIM, admincount=True)),
                             (said(VICTIM, admincount=False), put(HOLDER, Aces=[])), end=VICTIM),
    "successor": Way((right(ALICE, "WriteDacl", OU), said(DC, operatingsystem="Windows Server 2025 Standard")),
                     (said(DC, operatingsystem="Windows Server 2022 Standard"), put(DC, IsDC=False))),
    "relay to SMB": Way((ANYBODY, local(HOST, "544", CLIENT), said(HOST, smbsigning=False)),
                        (said(HOST, smbsigning=True), local(HOST, "544"), said(CLIENT, restrictoutboundntlm=True)),
                        end=HOST),
    "relay to SMB, by a group": Way((ANYBODY, lists(FIRST, "Members", CLIENT), local(HOST, "544", FIRST),
                                     said(HOST, smbsigning=False)), (lists(FIRST, "Members"),), end=HOST),
    "relay to enrolment": Way((ANYBODY, RELAYED),
                              (put(AUTHORITY, HttpEnrollmentEndpoints=[]), UNTRUSTED, lists(EVERYBODY, "Members")),
                              end=DC),
    "relay to LDAP": Way((ANYBODY, said(DC, ldapsigning=False), said(CLIENT, webclientrunning=True)),
                         (said(DC, ldapsigning=True), said(CLIENT, webclientrunning=False)), end=CLIENT),
    "relay to LDAPS": Way((ANYBODY, said(DC, ldapsepa=False), said(CLIENT, webclientrunning=True)),
                          (said(DC, ldapsavailable=False), said(CLIENT, webclientrunning=False)), end=CLIENT),
    "remote desktop": Way((local(CLIENT, "555", ALICE),), (local(CLIENT, "555"),), end=CLIENT),
    "same forest": Way((put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TargetDomainName": "TEST",
                                             "TrustDirection": "Bidirectional", "TrustType": "ParentChild"}]),),
                       (put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TargetDomainName": "OTHER.TEST",
                                             "TrustDirection": "Bidirectional", "TrustType": "Forest",
                                             "SidFilteringEnabled": True}]),), start="S-1-5-21-7-8-9"),
    "no SID filtering": Way((put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TrustType": "External",
                                                  "TrustDirection": "Outbound", "SidFilteringEnabled": False}]),),
                            (put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TrustType": "External",
                                                  "TrustDirection": "Outbound", "SidFilteringEnabled": True}]),
                             put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TrustType": "External",
                                                  "TrustDirection": "Inbound", "SidFilteringEnabled": False}])),
                            start="S-1-5-21-7-8-9"),
    "delegation of tickets": Way((put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TrustType": "Forest",
                                                       "TrustDirection": "Inbound", "SidFilteringEnabled": True,
                                                       "TGTDelegationEnabled": True}]),),
                                 (put(DOMAIN, Trusts=[{"TargetDomainSid": "S-1-5-21-7-8-9", "TrustType": "Forest",
                                                       "TrustDirection": "Inbound", "SidFilteringEnabled": True,
                                                       "TGTDelegationEnabled": False}]),), start="S-1-5-21-7-8-9"),
}  # fmt: skip


def after(*changes: Change) -> Objects:
    every = safe()
    for change in changes:
        change(every)
    return every


def test_alice_gets_nowhere_in_the_safe_domain() -> None:
    assert {key for name, key in reached(safe(), ALICE) if name == "admin"} == {ALICE}


@pytest.mark.parametrize("name", WAYS)
def test_a_way_is_found_and_gone_without_any_of_its_parts(name: str) -> None:
    way = WAYS[name]
    assert ("admin", way.end) in reached(after(*way.made), way.start)
    for number, change in enumerate(way.unmade):
        assert ("admin", way.end) not in reached(after(*way.made, change), way.start), number
