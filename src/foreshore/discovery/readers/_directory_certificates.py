"""Certificates as what authorities, the stores of a domain and templates have in common.

The files of a collection name certificates by their thumbprints, so a certificate is an object of its own here:
whoever can have certificates signed with it can be anybody wherever it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import CERTIFICATE, POLICY
from foreshore.discovery.readers._directory_checks import relayable
from foreshore.discovery.readers._directory_objects import Tied, value

_UNSURE = ", under a condition"

End = tuple[object, str]
Said = Iterator[tuple[str, End | None, End | None, str]]  # relation, source, target, note; None: the object itself


def certificate(thumbprint: object) -> End:
    """The certificate with `thumbprint` as an end of a relation."""
    return f"{CERTIFICATE} {_naming.text(thumbprint).upper()}", "Certificate"


def authority(_kind: str, one: Tied) -> Said:
    """What an enterprise authority signs with, whom that goes back to, and what it lets pass."""
    said = one.Properties or {}
    own = _naming.text(said.get("certthumbprint"))
    if own:
        yield "controls", None, certificate(own), "SignsWith"
        chain = _naming.texts(said.get("certchain"))
        if chain and chain[-1].upper() != own.upper():
            yield "depends_on", certificate(own), certificate(chain[-1]), "IssuedSignedBy"
        for note in _weak(one):
            yield "controls", None, certificate(own), note


def _weak(one: Tied) -> Iterator[str]:
    """What an authority lets pass that it should not; with a condition where nobody could read it."""
    registry = one.CARegistryData
    subject = value(registry.IsUserSpecifiesSanEnabled) if registry is not None else None
    if subject is None or subject is True:
        yield "AnySubject" if subject else "AnySubject" + _UNSURE
    limits = registry.EnrollmentAgentRestrictions if registry is not None else None
    if limits is None or limits.Collected is False:
        yield "AnyAgent" + _UNSURE
    elif not limits.Restrictions:
        yield "AnyAgent"
    if any(relayable(endpoint) for endpoint in one.HttpEnrollmentEndpoints or ()):
        yield "RelayableEnrollment"


def store(kind: str, one: Tied) -> Said:
    """Which certificates a domain trusts: for signing in, or as the beginning of a chain."""
    said = one.Properties or {}
    domain: End = (_naming.text(one.DomainSID) or said.get("domainsid"), "Domain")
    if kind == "rootcas":
        yield "trusts", domain, None, "RootCAFor"
        if own := _naming.text(said.get("certthumbprint")):
            yield "trusts", domain, certificate(own), "RootCertificateFor"
    elif kind == "ntauthstores":
        yield "trusts", domain, None, "NTAuthStoreFor"
        for thumbprint in _naming.texts(said.get("certthumbprints")):
            yield "trusts", domain, certificate(thumbprint), "TrustedForNTAuth"


def template(_kind: str, one: Tied) -> Said:
    """The issuance policies that a template's certificates carry."""
    said = one.Properties or {}
    for number in dict.fromkeys((*_naming.texts(said.get("certificatepolicy")),
                                 *_naming.texts(said.get("issuancepolicies")))):  # fmt: skip
        if number:
            yield "controls", None, (f"{POLICY} {number}", "IssuancePolicy"), "ExtendedByPolicy"
