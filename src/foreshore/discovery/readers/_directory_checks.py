"""Weak settings of Active Directory that a SharpHound collection states by itself, as findings with our own rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory_objects import Answer, Head, result
from foreshore.facts import ExposureKind, Finding, Severity


class Check(NamedTuple):
    """One check: its name for ever, how bad it is, what it is called, what to do."""

    rule: str
    severity: Severity
    title: str
    solution: str
    kind: ExposureKind = "identity"


_PREAUTHENTICATION = Check(
    "ad-preauthentication-off",
    "high",
    "Kerberos gives out a ticket for this account without a password",
    "Clear “do not require Kerberos preauthentication” on the account and change its password.",
)
_TICKET = Check(
    "ad-service-ticket-crackable",
    "medium",
    "A person's account runs a service, so that any user can ask for a ticket made with its password",
    "Use a group managed service account, or a password of at least 25 random characters.",
)
_DELEGATION = Check(
    "ad-unconstrained-delegation",
    "high",
    "Whoever signs in here leaves a ticket by which this account can act as them anywhere",
    "Change to constrained delegation; put administrators into the group Protected Users.",
)
_NO_PASSWORD = Check(
    "ad-password-not-required",
    "medium",
    "The account may have an empty password",
    "Clear the flag PASSWD_NOTREQD and set a password.",
)
_PLAIN_PASSWORD = Check(
    "ad-password-in-attribute",
    "high",
    "A password of this account stands in an attribute that others can read",
    "Delete the attribute and change the password.",
    "secret",
)
_LAPS = Check(
    "ad-no-managed-local-password",
    "low",
    "The password of the local administrator is not managed (LAPS)",
    "Roll out Windows LAPS to this computer.",
)
_SUBJECT = Check(
    "ad-certificate-subject-by-requester",
    "high",
    "Whoever may enrol gets a certificate for any name, and can sign in with it",
    "Take the subject from the directory, or require a manager's approval or an authorised signature.",
)
_CA_SUBJECT = Check(
    "ad-certificate-authority-any-subject",
    "critical",
    "The certificate authority accepts any alternative name in every request",
    "Clear EDITF_ATTRIBUTESUBJECTALTNAME2 on the certificate authority and restart its service.",
)
_CA_WEB = Check(
    "ad-certificate-web-enrolment-relay",
    "high",
    "A web page of the certificate authority takes sign-ins that can be relayed to it",
    "Turn off web enrolment, or allow HTTPS only and require extended protection for authentication.",
)
_MAPPING = Check(
    "ad-weak-certificate-binding",
    "medium",
    "The domain controller accepts certificates that are not bound strongly to an account",
    "Set StrongCertificateBindingEnforcement to 2 after checking which certificates would fail.",
)
_SIGNING = Check(
    "ad-smb-signing-off",
    "medium",
    "SMB is not signed, so that sign-ins can be relayed to this computer",
    "Require SMB signing by group policy.",
)
_QUOTA = Check(
    "ad-anyone-adds-computers",
    "low",
    "Any user can add computers to the domain",
    "Set ms-DS-MachineAccountQuota to 0 and delegate the right to those who need it.",
)
_PASSWORDS = ("userpassword", "unixpassword", "unicodepassword", "sfupassword")


def findings(key: str, kind: str, one: Head) -> Iterator[Finding]:
    """Yield what is weak about one object; accounts that are switched off are left out."""
    said = one.Properties or {}
    for check, where in _CHECKS.get(kind, _none)(one, said):
        yield Finding(
            asset=key,
            rule=check.rule,
            title=check.title,
            severity=check.severity,
            kind=check.kind,
            resource=where or _naming.text(said.get("distinguishedname")) or key,
            proof="configuration",
            solution=check.solution,
        )


def looked(kind: str, one: Head) -> tuple[str, ...]:
    """The checks that this object's data allows: a collection may leave out what it could not read."""
    said = one.Properties or {}
    found = [check.rule for check, names in _NEEDED.get(kind, ()) if all(name in said for name in names)]
    if kind == "computers":
        registry = one.DCRegistryData
        if registry is not None and registry.StrongCertificateBindingEnforcement is not None:
            found.append(_MAPPING.rule)
        if "SigningEnabled" in result(one.SmbInfo):
            found.append(_SIGNING.rule)
    if kind == "enterprisecas":
        if one.CARegistryData is not None and one.CARegistryData.IsUserSpecifiesSanEnabled is not None:
            found.append(_CA_SUBJECT.rule)
        if one.HttpEnrollmentEndpoints is not None:
            found.append(_CA_WEB.rule)
    return tuple(found)


_NEEDED: dict[str, tuple[tuple[Check, tuple[str, ...]], ...]] = {
    "users": (
        (_PLAIN_PASSWORD, _PASSWORDS),
        (_PREAUTHENTICATION, ("enabled", "dontreqpreauth")),
        (_TICKET, ("enabled", "hasspn")),
        (_DELEGATION, ("enabled", "unconstraineddelegation")),
        (_NO_PASSWORD, ("enabled", "passwordnotreqd")),
    ),
    "computers": ((_DELEGATION, ("unconstraineddelegation",)), (_LAPS, ("haslaps",))),
    "certtemplates": ((_SUBJECT, ("enrolleesuppliessubject", "authenticationenabled", "requiresmanagerapproval")),),
    "domains": ((_QUOTA, ("machineaccountquota",)),),
}
Found = Iterator[tuple[Check, str]]


def _none(_one: Head, _said: dict[str, Any]) -> Found:
    return iter(())


def _user(_one: Head, said: dict[str, Any]) -> Found:
    for name in _PASSWORDS:
        if _naming.text(said.get(name)):
            yield _PLAIN_PASSWORD, name
    if said.get("enabled") is not True:
        return
    if said.get("dontreqpreauth") is True:
        yield _PREAUTHENTICATION, ""
    managed = said.get("gmsa") is True or said.get("msa") is True
    if said.get("hasspn") is True and not managed:
        yield _TICKET, ""
    if said.get("unconstraineddelegation") is True:
        yield _DELEGATION, ""
    if said.get("passwordnotreqd") is True:
        yield _NO_PASSWORD, ""


def _computer(one: Head, said: dict[str, Any]) -> Found:
    if said.get("enabled") is False:
        return
    controller = one.IsDC is True or said.get("isdc") is True
    if said.get("unconstraineddelegation") is True and not controller:
        yield _DELEGATION, ""
    if said.get("haslaps") is False and not controller:
        yield _LAPS, ""
    binding = one.DCRegistryData.StrongCertificateBindingEnforcement if one.DCRegistryData is not None else None
    if binding is not None and binding.Value in (0, 1) and type(binding.Value) is int:
        yield _MAPPING, "StrongCertificateBindingEnforcement"
    if result(one.SmbInfo).get("SigningEnabled") is False:
        yield _SIGNING, ""


def _template(_one: Head, said: dict[str, Any]) -> Found:
    open_to_all = said.get("requiresmanagerapproval") is False and not _naming.whole_number(
        said.get("authorizedsignatures")
    )
    if said.get("enrolleesuppliessubject") is True and said.get("authenticationenabled") is True and open_to_all:
        yield _SUBJECT, ""


def _authority(one: Head, _said: dict[str, Any]) -> Found:
    registry = one.CARegistryData
    any_subject = registry.IsUserSpecifiesSanEnabled if registry is not None else None
    if any_subject is not None and any_subject.Value is True:
        yield _CA_SUBJECT, ""
    for endpoint in one.HttpEnrollmentEndpoints or ():
        if relayable(endpoint):
            yield _CA_WEB, _naming.text(result(endpoint).get("Url"))


def relayable(endpoint: Answer) -> bool:
    """Does a page for enrolment take a sign-in that was meant for somebody else?"""
    said = result(endpoint)
    plain = said.get("ADCSWebEnrollmentHTTP") is True
    return plain or (said.get("ADCSWebEnrollmentHTTPS") is True and said.get("ADCSWebEnrollmentEPA") is False)


def _domain(_one: Head, said: dict[str, Any]) -> Found:
    if _naming.whole_number(said.get("machineaccountquota")) > 0:
        yield _QUOTA, ""


_CHECKS = {
    "users": _user,
    "computers": _computer,
    "certtemplates": _template,
    "enterprisecas": _authority,
    "domains": _domain,
}
