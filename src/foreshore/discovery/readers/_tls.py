"""What scanners of TLS share: old versions, weak suites, hosts, and findings of the flaws in `_tls_flaws`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming
from foreshore.discovery.readers._tls_flaws import FLAWS, Flaw
from foreshore.facts import SEVERITIES, Covered, ExposureKind, Finding, Severity, Sighting

# What a cipher suite must not have, worst first; of the names of OpenSSL and of IANA.
_BAD: tuple[tuple[re.Pattern[str], Severity, str], ...] = (
    (regex(r"NULL"), "high", "no encryption"),
    (regex(r"(?:^|[-_])(?:ANON|ADH|AECDH)(?:[-_]|$)"), "high", "no proof of identity"),
    (regex(r"EXPORT|(?:^|[-_])EXP(?:1024)?[-_]"), "high", "export grade"),
    (regex(r"RC2|(?<![A-Z0-9])DES(?:40)?[-_](?:64[-_])?CBC(?![-_]?3)"), "high", "DES or RC2"),
    (regex(r"RC4|ARCFOUR"), "medium", "RC4"),
    (regex(r"3DES|DES[-_]CBC3|DES[-_]192|IDEA"), "medium", "64-bit blocks"),
    (regex(r"[-_]MD5$"), "medium", "MD5"),
    (regex(r"GOST|SEED"), "low", "a cipher that is hardly examined"),
    (regex(r"^(?:TLS_RSA_|TLS_DH_|TLS_ECDH_|(?:EC)?DH-|(?:AES|CAMELLIA|ARIA)\d{3})"), "low", "no forward secrecy"),
    (regex(r"_CBC_SHA$|-(?:AES|CAMELLIA)\d{3}-SHA$"), "low", "SHA-1"),
)


@lru_cache(maxsize=4096)
def weak_suite(name: str, bits: int = 0) -> tuple[Severity, str] | None:
    """(severity, reason) of the worst that a cipher suite has, by its OpenSSL or IANA name; None for a good one."""
    upper = name.strip().upper()
    for pattern, severity, reason in _BAD:
        if pattern.search(upper):
            return severity, reason
    return ("medium", f"{bits} bits") if 0 < bits < 112 else None


def version_key(text: str) -> str:
    """`ssl2`, `ssl3`, `tls1.0` … of `SSLv2`, `TLSv1.0`, `TLS_1_0`, `tls_1_0_cipher_suites`; '' where it is none."""
    found = re.match(r"(ssl|tls)[ v_]*([123])(?:[._]([0-3]))?(?![0-9])", text.strip().lower())
    if found is None:
        return ""
    family, major, minor = found.groups()
    return f"ssl{major}" if family == "ssl" else f"tls{major}.{minor or '0'}"


def version_name(key: str) -> str:
    """How a version is written for people: `TLS 1.2`."""
    return f"{key[:3].upper()} {key[3:]}" + ("" if "." in key else ".0")


def versions(asset: str, port: int, suites: Mapping[str, Sequence[tuple[str, Severity, str]]]) -> Iterator[Finding]:
    """The findings of accepted versions, by `version_key`, each with those of its suites that are weak.

    A version that is out of date is a finding with its weak suites as evidence; a current one only where it
    has weak suites, (name, severity, reason) each.
    """
    for key in sorted(suites):
        weak = suites[key]
        if key not in FLAWS and not weak:
            continue
        worst: Severity = max((severity for _name, severity, _reason in weak), key=rank, default="info")
        rule, flaw = key, FLAWS.get(key)
        if flaw is None:
            rule = f"weak-suites-{key}"
            title = f"Weak cipher suites for {version_name(key)}"
            flaw = Flaw(title, worst, (), (326,), "Allow only suites with forward secrecy and AES-GCM or ChaCha20.")
        elif rank(worst) > rank(flaw.severity):
            flaw = flaw._replace(severity=worst)
        yield finding(asset, port, rule, "\n".join(f"{name} ({reason})" for name, _, reason in weak), flaw=flaw)


def rule_of(key: str) -> str:
    """The rule under which `versions` tells of a version, by its `version_key`."""
    return key if key in FLAWS else f"weak-suites-{key}"


def looked(asset: str, port: int, tool: str, rules: Iterable[str]) -> Iterator[Covered]:
    """The statement that `tool` looked at a port for `rules`; none without a port or a rule."""
    listed = tuple(sorted(set(rules)))
    if port and listed:
        yield Covered(asset=asset, checks=f"{tool}: checks of a port", check_list=listed, port=port, protocol="tcp")


def rank(severity: Severity) -> int:
    """Its place among the severities, the least first."""
    return SEVERITIES.index(severity)


def judged(suites: Iterable[tuple[str, int]]) -> list[tuple[str, Severity, str]]:
    """(name, severity, reason) of those of `suites`, given as (name, bits), that are weak."""
    return [(name, *found) for name, bits in suites if (found := weak_suite(name, bits)) is not None]


def host(name: str, address: str) -> Sighting | None:
    """The sighting of a server by name and address; None where both say nothing."""
    identifiers = _hosts.gather(_hosts.named("fqdn", name), _hosts.named("ip", address))
    name, shown = name.strip().strip(".").lower(), _naming.address(address)
    key = " ".join(dict.fromkeys(part for part in (name, shown) if part))
    if not key:
        return None
    return Sighting(key=key, name=name or shown, identifiers=identifiers or (("artifact", key),), authenticated=False)


def kind_of(severity: Severity, weaknesses: tuple[str, ...]) -> ExposureKind:
    """A flaw with a public name is a vulnerability; other bad settings are misconfigurations, facts observations."""
    if severity == "info":
        return "observation"
    return "vulnerability" if weaknesses else "misconfiguration"


def finding(asset: str, port: int, rule: str, evidence: str = "", *, flaw: Flaw | None = None) -> Finding:
    """The finding of the flaw `rule`, or of `flaw` under that rule."""
    found = flaw or FLAWS[rule]
    return Finding(
        asset=asset,
        rule=rule,
        title=found.title,
        severity=found.severity,
        weaknesses=found.weaknesses,
        kind=kind_of(found.severity, found.weaknesses),
        port=port,
        protocol="tcp",
        cwes=found.cwes,
        proof="probe",
        solution=found.solution,
        evidence=evidence,
    )
