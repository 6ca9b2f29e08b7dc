"""What a SharpHound collection says of an object that rules ask for, under the collector's own names where it has one.

Where the collector gives raw numbers, what they mean is written beside them: `signaturesneeded`, `requestagent`,
`onbehalf`, `schannelauthenticationenabled`, `smbsigning`, `webclientrunning`, `restrictoutboundntlm`, `wellknown`.
Nothing is written where the collection does not say: unknown is not “no”.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import well_known
from foreshore.discovery.readers._directory_objects import Head, result, value

# Never descriptions, which hold passwords only too often.
_SHOWN = (
    "domain", "domainsid", "distinguishedname", "samaccountname", "displayname", "email", "enabled", "admincount",
    "isdc", "haslaps", "gmsa", "msa", "lastlogontimestamp", "pwdlastset", "pwdneverexpires", "passwordnotreqd",
    "sensitive", "trustedtoauth", "hasspn", "dontreqpreauth", "unconstraineddelegation", "operatingsystem",
    "serviceprincipalnames", "functionallevel", "machineaccountquota", "gpcpath", "blocksinheritance",
    "isaclprotected", "caname", "dnshostname", "certthumbprint", "certthumbprints", "certchain", "oid",
    "certtemplateoid", "ekus", "effectiveekus", "applicationpolicies", "issuancepolicies",
    "certificateapplicationpolicy", "certificatepolicy", "schemaversion", "authorizedsignatures",
    "authenticationenabled", "schannelauthenticationenabled", "enrolleesuppliessubject", "requiresmanagerapproval",
    "nosecurityextension", "subjectaltrequireupn", "subjectaltrequiredns", "subjectaltrequiredomaindns",
    "subjectaltrequireemail", "subjectaltrequirespn", "subjectrequireemail", "casecuritycollected",
    "enrollmentagentrestrictionscollected", "isuserspecifiessanenabledcollected", "smbsigning", "webclientrunning",
    "enforceencryptionforrequests", "disabledextensions", "restrictoutboundntlm", "ldapavailable", "ldapsigning", "ldapsavailable", "ldapsepa",
)  # fmt: skip
_ANY_PURPOSE = "2.5.29.37.0"
_CLIENT = "1.3.6.1.5.5.7.3.2"
_AGENT = "1.3.6.1.4.1.311.20.2.1"


def attributes(kind: str, key: str, one: Head) -> tuple[tuple[str, str], ...]:
    """The attributes of one object of the file of `kind`, each name once."""
    said = one.Properties or {}
    found = {"directory_kind": kind.removesuffix("s")}
    if number := well_known(key):
        found["wellknown"] = number
    for field in _SHOWN:
        text = _spelled(said.get(field))
        if text:
            found[field] = text
    for name, text in _DERIVED.get(kind, _nothing)(one, said):
        if text:
            found.setdefault(name, text)
    if one.IsACLProtected is not None:
        found.setdefault("isaclprotected", _naming.text(one.IsACLProtected))
    return tuple(found.items())


def _spelled(value: Any) -> str:
    return ", ".join(_naming.texts(value)) if isinstance(value, list) else _naming.text(value)


Derived = Iterator[tuple[str, str]]


def _nothing(_one: Head, _said: dict[str, Any]) -> Derived:
    return iter(())


def _account(one: Head, _said: dict[str, Any]) -> Derived:
    yield "unconstraineddelegation", _naming.text(one.UnconstrainedDelegation)


def _computer(one: Head, said: dict[str, Any]) -> Derived:
    yield from _account(one, said)
    yield "isdc", _naming.text(one.IsDC)
    yield "smbsigning", _naming.text(result(one.SmbInfo).get("SigningEnabled"))
    client = one.IsWebClientRunning
    if client is not None and client.Collected is not False and isinstance(client.Result, bool):
        yield "webclientrunning", str(client.Result)
    sending = result(one.NTLMRegistryData).get("RestrictSendingNtlmTraffic")
    if sending is not None:
        yield "restrictoutboundntlm", str(_naming.whole_number(sending) == 2)  # 0 allows, 1 audits, 2 denies


def _template(_one: Head, said: dict[str, Any]) -> Derived:
    version, signatures = said.get("schemaversion"), said.get("authorizedsignatures")
    first = _naming.whole_number(version) == 1
    if first:
        yield "signaturesneeded", "0"  # templates of the first version cannot ask for any
    elif signatures is not None:
        yield "signaturesneeded", _naming.text(signatures)
    uses = said.get("effectiveekus")
    if isinstance(uses, list):
        yield "schannelauthenticationenabled", str(not uses or _CLIENT in uses or _ANY_PURPOSE in uses)
        if not uses or _ANY_PURPOSE in uses:
            yield "requestagent", "any purpose"
        elif _AGENT in uses:
            yield "requestagent", "request agent"
    policies = said.get("applicationpolicies")
    if first:
        yield "onbehalf", "any agent"
    elif isinstance(policies, list) and _AGENT in policies and _naming.whole_number(signatures) >= 1:
        yield "onbehalf", "request agent"


def _authority(one: Head, _said: dict[str, Any]) -> Derived:
    registry = one.CARegistryData
    if registry is not None:
        yield "isuserspecifiessanenabled", _naming.text(value(registry.IsUserSpecifiesSanEnabled))
        yield "roleseparationenabled", _naming.text(value(registry.RoleSeparationEnabled))


_DERIVED = {
    "users": _account, "computers": _computer, "certtemplates": _template, "enterprisecas": _authority,
}  # fmt: skip
