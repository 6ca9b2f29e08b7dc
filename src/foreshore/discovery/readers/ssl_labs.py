"""SSL Labs' assessments in JSON (ssllabs-scan, API version 2 to 4): one host, or a list of hosts."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.reports import decode_head
from foreshore.facts import Severity

_VERSIONS = {512: "ssl2", 768: "ssl3", 769: "tls1.0", 770: "tls1.1", 771: "tls1.2", 772: "tls1.3"}
# M is a certificate for another name, T one that is not trusted
_LETTERS: dict[str, Severity] = {
    "B": "low",
    "C": "medium",
    "D": "medium",
    "E": "high",
    "F": "high",
    "M": "medium",
    "T": "medium",
}
# Bits of a certificate's and of a chain's `issues`
_CERTIFICATE = {
    1: "certificate-untrusted", 2: "certificate-expired", 4: "certificate-expired", 8: "certificate-name",
    16: "certificate-revoked", 32: "certificate-name", 64: "certificate-self-signed", 128: "certificate-distrusted",
    256: "certificate-sha1", 512: "certificate-key",
}  # fmt: skip
_CHAIN = {2: "certificate-chain-incomplete", 8: "certificate-chain-order", 32: "certificate-untrusted"}
# Fields that say yes or no, and fields that count the outcomes of a test: which of these are bad
_PLAIN = {
    "heartbleed": "heartbleed", "poodle": "poodle", "freak": "freak", "logjam": "logjam",
    "drownVulnerable": "drown", "vulnBeast": "beast",
}  # fmt: skip
_OUTCOMES: dict[str, tuple[frozenset[int], str]] = {
    "openSslCcs": (frozenset((2, 3)), "ccs-injection"),
    "openSSLLuckyMinus20": (frozenset((2,)), "padding-oracle"),
    "ticketbleed": (frozenset((2,)), "ticketbleed"),
    "bleichenbacher": (frozenset((2, 3)), "robot"),
    "poodleTls": (frozenset((2,)), "poodle-tls"),
    "zombiePoodle": (frozenset((2, 3)), "zombie-poodle"),
    "goldenDoodle": (frozenset((4, 5)), "golden-doodle"),
    "zeroLengthPaddingOracle": (frozenset((6, 7)), "zero-length-padding"),
    "sleepingPoodle": (frozenset((10, 11)), "sleeping-poodle"),
    "dhUsesKnownPrimes": (frozenset((2,)), "weak-dh"),
}


class _Protocol(msgspec.Struct, gc=False):
    id: Scalar = None
    q: Scalar = None


class _Suite(msgspec.Struct, gc=False):
    name: Scalar = None
    cipherStrength: Scalar = None
    q: Scalar = None


class _Suites(msgspec.Struct, gc=False):
    protocol: Scalar = None
    suites: list[_Suite] | None = msgspec.field(name="list", default=None)


class _Chain(msgspec.Struct, gc=False):
    certIds: list[Scalar] | None = None
    issues: Scalar = None
    noSni: Scalar = None


class _Certificate(msgspec.Struct, gc=False):
    id: Scalar = None
    subject: Scalar = None
    notAfter: Scalar = None
    issues: Scalar = None
    keyKnownDebianInsecure: Scalar = None


class _Hsts(msgspec.Struct, gc=False):
    status: Scalar = None


class _Details(msgspec.Struct, gc=False):
    protocols: list[_Protocol] | None = None
    suites: list[_Suites] | _Suites | None = None
    certChains: list[_Chain] | None = None
    cert: _Certificate | None = None  # version 2
    chain: _Chain | None = None  # version 2
    serverSignature: Scalar = None
    vulnBeast: Scalar = None
    renegSupport: Scalar = None
    compressionMethods: Scalar = None
    heartbleed: Scalar = None
    openSslCcs: Scalar = None
    openSSLLuckyMinus20: Scalar = None
    ticketbleed: Scalar = None
    bleichenbacher: Scalar = None
    poodle: Scalar = None
    poodleTls: Scalar = None
    fallbackScsv: Scalar = None
    freak: Scalar = None
    logjam: Scalar = None
    dhUsesKnownPrimes: Scalar = None
    drownVulnerable: Scalar = None
    zombiePoodle: Scalar = None
    goldenDoodle: Scalar = None
    zeroLengthPaddingOracle: Scalar = None
    sleepingPoodle: Scalar = None
    httpStatusCode: Scalar = None
    hstsPolicy: _Hsts | None = None


class _Endpoint(msgspec.Struct, gc=False):
    ipAddress: Scalar = None
    statusMessage: Scalar = None
    grade: Scalar = None
    gradeTrustIgnored: Scalar = None
    details: _Details | None = None


class _Host(msgspec.Struct, gc=False):
    host: Scalar = None
    port: Scalar = None
    protocol: Scalar = None
    statusMessage: Scalar = None
    testTime: Scalar = None
    engineVersion: Scalar = None
    criteriaVersion: Scalar = None
    endpoints: list[msgspec.Raw] | None = None
    certs: list[msgspec.Raw] | None = None


_HOST: msgspec.json.Decoder[_Host] = msgspec.json.Decoder(_Host)
_ENDPOINT: msgspec.json.Decoder[_Endpoint] = msgspec.json.Decoder(_Endpoint)
_CERT: msgspec.json.Decoder[_Certificate] = msgspec.json.Decoder(_Certificate)


@dataclass(frozen=True)
class SslLabs:
    """Reads each endpoint of a host: its grade as an observation, and each flaw that led to it as a finding."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether it tells of hosts with endpoints, by SSL Labs' own criteria."""
        text = decode_head(head)
        return text.lstrip()[:1] in ("{", "[") and all(
            f'"{name}"' in text for name in ("engineVersion", "criteriaVersion", "endpoints", "host")
        )

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run at the first host's time, then for each endpoint its port and the findings."""
        skipped: list[facts.Skipped] = []
        begun = False
        for number, host in enumerate(_decoding.rows(report, _HOST, skipped.append), 1):
            if not begun:
                begun = True
                yield _run(host)
            yield from _host(host, number, skipped)
        if not begun:
            yield facts.RunSeen(tool="ssl-labs")
        yield from skipped


PLUGIN = SslLabs()


def _run(host: _Host) -> facts.RunSeen:
    stamp = naming.text(host.testTime)
    return facts.RunSeen(
        tool="ssl-labs",
        version=naming.text(host.engineVersion),
        observed_at=naming.when(stamp),
        observed_text=stamp,
        settings=(("criteria", naming.text(host.criteriaVersion)),),
    )


def _host(host: _Host, number: int, skipped: list[facts.Skipped]) -> Iterator[facts.Record]:
    name = naming.text(host.host)
    where = f"host {number}"
    raws = _decoding.each(_CERT, host.certs, f"{where}.certs", skipped.append)
    certificates = {naming.text(one.id): one for one in raws}
    found = list(_decoding.each(_ENDPOINT, host.endpoints, f"{where}.endpoints", skipped.append))
    if not found:
        skipped.append(
            facts.Skipped(where, naming.text(host.statusMessage)[:300] or "has no endpoint that was looked at")
        )
    at = naming.when(host.testTime)
    port = naming.port(host.port)
    for endpoint in found:
        sighting = _tls.host(name, naming.text(endpoint.ipAddress))
        if sighting is None:
            skipped.append(facts.Skipped(where, "names no host"))
            continue
        grade = naming.text(endpoint.grade).strip()
        if endpoint.details is None and not grade:
            why = naming.text(endpoint.statusMessage)[:300] or "was not looked at"
            skipped.append(facts.Skipped(f"{where}, {sighting.key}", why))
            continue
        # SSL Labs looks from the internet: what it reaches is reached from there.
        yield msgspec.structs.replace(sighting, internet="yes", observed_at=at)
        if port:
            service = "https" if naming.text(host.protocol) == "http" else naming.text(host.protocol)
            yield facts.PortSeen(asset=sighting.key, port=port, service=service, tls=True, observed_at=at)
        if grade:
            yield _grade(sighting.key, port, endpoint)
        if endpoint.details is not None:
            yield from _flaws(sighting.key, port, endpoint.details, certificates)


def _grade(asset: str, port: int, endpoint: _Endpoint) -> facts.Finding:
    """The letter: an observation where the flaws that led to it are told, else all that is known of them."""
    grade, ignoring = naming.text(endpoint.grade).strip(), naming.text(endpoint.gradeTrustIgnored).strip()
    severity = "info" if endpoint.details is not None else _LETTERS.get(grade[:1].upper(), "info")
    return facts.Finding(
        asset=asset,
        rule="grade",
        title=f"TLS grade {grade[:10]}",
        severity=severity,
        kind=_tls.kind_of(severity, ()),
        port=port,
        protocol="tcp" if port else "",
        proof="probe",
        evidence=f"grade without regard to trust: {ignoring}" if ignoring and ignoring != grade else "",
    )


def _flaws(asset: str, port: int, details: _Details, certificates: dict[str, _Certificate]) -> Iterator[facts.Finding]:
    yield from _tls.versions(asset, port, _suites(details))
    rules: dict[str, list[str]] = {}
    for name, rule in _PLAIN.items():
        if getattr(details, name) is True:
            rules[rule] = []
    for name, (bad, rule) in _OUTCOMES.items():
        if naming.whole_number(getattr(details, name)) in bad:
            rules[rule] = []
    renegotiation = naming.whole_number(details.renegSupport)
    switches = (
        ("insecure-renegotiation", bool(renegotiation & 1)),
        ("client-renegotiation", bool(renegotiation & 4)),
        ("compression", bool(naming.whole_number(details.compressionMethods) & 1)),
        ("no-fallback-protection", details.fallbackScsv is False),
        ("no-hsts", _without_hsts(details)),
    )
    rules |= {rule: [] for rule, bad_one in switches if bad_one}
    for rule, evidence in _of_certificates(details, certificates):
        rules.setdefault(rule, []).append(evidence)
    for rule, lines in rules.items():
        yield _tls.finding(asset, port, rule, "\n".join(dict.fromkeys(line for line in lines if line)))


def _without_hsts(details: _Details) -> bool:
    answered = naming.whole_number(details.httpStatusCode) > 0
    return answered and details.hstsPolicy is not None and details.hstsPolicy.status == "absent"


def _suites(details: _Details) -> dict[str, list[tuple[str, Severity, str]]]:
    """The versions that are on, each with the suites that SSL Labs itself calls weak or insecure."""
    found: dict[str, list[tuple[str, Severity, str]]] = {}
    for protocol in details.protocols or ():
        if key := _VERSIONS.get(naming.whole_number(protocol.id)):
            found[key] = []
    lists = details.suites if isinstance(details.suites, list) else [details.suites] if details.suites else []
    for suites in lists:
        # Version 2 lists suites without the version that accepts them
        key = _VERSIONS.get(naming.whole_number(suites.protocol)) or max(found, default="")
        if key:
            found.setdefault(key, []).extend(
                judged for suite in suites.suites or () if (judged := _judged(suite)) is not None
            )
    return found


def _judged(suite: _Suite) -> tuple[str, Severity, str] | None:
    if suite.q is None or isinstance(suite.q, bool):
        return None
    name = naming.text(suite.name)
    said: Severity = "medium" if naming.text(suite.q) == "0" else "low"
    own = _tls.weak_suite(name, naming.whole_number(suite.cipherStrength))
    if own is None:
        return name, said, "insecure" if said == "medium" else "weak"
    return name, max(said, own[0], key=_tls.rank), own[1]


def _of_certificates(details: _Details, certificates: dict[str, _Certificate]) -> Iterator[tuple[str, str]]:
    leaves: list[_Certificate | None] = [details.cert]
    chains = [chain for chain in details.certChains or () if chain.noSni is not True]
    for chain in chains:
        leaves.append(certificates.get(naming.text(next(iter(chain.certIds or ()), ""))))
    for leaf in leaves:
        if leaf is not None:
            told = f"{naming.text(leaf.subject)[:200]} until {naming.when(leaf.notAfter) or 'an unknown day'}"
            yield from ((rule, told) for rule in _bits(leaf.issues, _CERTIFICATE))
            if leaf.keyKnownDebianInsecure is True:
                yield "certificate-weak-key", told
    for chain in (*chains, *([details.chain] if details.chain is not None else [])):
        yield from ((rule, "") for rule in _bits(chain.issues, _CHAIN))


def _bits(issues: Scalar, names: dict[int, str]) -> list[str]:
    number = naming.whole_number(issues)
    return list(dict.fromkeys(rule for bit, rule in names.items() if number & bit))
