"""sslscan's XML (`--xml`), version 1.8 to 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _tls
from foreshore.discovery.readers._scanned_ports import Said
from foreshore.discovery.reports import decode_head
from foreshore.facts import Severity

# sslscan's own words for the strength of a suite; "acceptable" and "strong" are no findings
_STRENGTHS: dict[str, Severity] = {"null": "high", "anonymous": "high", "weak": "medium", "medium": "low"}
_GOOD = frozenset(("acceptable", "strong"))


@dataclass(frozen=True)
class SslScan:
    """Reads TLS services: old versions, weak suites, Heartbleed, renegotiation, compression and the certificate."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is it a `document` that calls itself results of SSLScan?"""
        return "SSLScan Results" in decode_head(head[:8192]) and xmlstream.looks_like(head, "document")

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then for each server its host, its port and the flaws."""
        begun = False
        number = 0
        said = Said()
        for event, element in xmlstream.elements(report, ("ssltest",), starts=("document",)):
            if event == "start" and not begun:
                begun = True
                yield facts.RunSeen(tool="sslscan", version=element.get("version", ""))
            elif event == "end":
                number += 1
                yield from _server(element, number, said)


PLUGIN = SslScan()


def _server(element: etree._Element, number: int, said: Said) -> Iterator[facts.Record]:
    name = element.get("host", "")
    called = element.get("sniname", "") or name
    sighting = _tls.host(called if naming.address(name) else name, name)
    if sighting is None:
        yield facts.Skipped(f"server {number}", "names no host")
        return
    yield from said.host(sighting)
    port = naming.port(element.get("port", ""))
    failed = xmlstream.text_of(element, "error")
    if failed:
        yield facts.Skipped(f"{sighting.key}, port {port}", f"was not looked at: {failed[:200]}")
        return
    suites = _suites(element)
    if port:
        yield from said.port(facts.PortSeen(asset=sighting.key, port=port, tls=bool(suites)))
    yield from _tls.versions(sighting.key, port, suites)
    for rule, evidence in (*_switches(element), *_certificates(element)):
        yield _tls.finding(sighting.key, port, rule, evidence)
    yield from _tls.looked(sighting.key, port, "sslscan", _done(element))


def _done(element: etree._Element) -> Iterator[str]:
    """The rules whose checks left their mark: switched-off ones leave none."""
    if any(True for _ in element.iter("heartbleed")):
        yield "heartbleed"
    for tag, rule in (("compression", "compression"), ("fallback", "no-fallback-protection"),
                      ("renegotiation", "insecure-renegotiation")):  # fmt: skip
        if any(True for _ in element.iterchildren(tag)):
            yield rule
    if any(True for _ in element.iter("certificate")):
        yield from ("certificate-expired", "certificate-self-signed", "certificate-sha1", "certificate-key")
    # From version 2 on every version of the protocol is named, on or off; before, only suites that are accepted.
    for one in element.iterchildren("protocol"):
        if key := _tls.version_key(f"{one.get('type')}v{one.get('version')}"):
            yield _tls.rule_of(key)


def _suites(element: etree._Element) -> dict[str, list[tuple[str, Severity, str]]]:
    found: dict[str, list[tuple[str, Severity, str]]] = {}
    for one in element.iterchildren("protocol"):  # from version 2.0 on
        if one.get("enabled") == "1" and (key := _tls.version_key(f"{one.get('type')}v{one.get('version')}")):
            found.setdefault(key, [])
    for one in element.iterchildren("cipher"):
        key = _tls.version_key(one.get("sslversion", ""))
        if not key or one.get("status", "") not in ("accepted", "preferred"):
            continue
        weak = found.setdefault(key, [])
        judged = _judged(one)
        if judged is not None and judged not in weak:
            weak.append(judged)
    return found


def _judged(cipher: etree._Element) -> tuple[str, Severity, str] | None:
    """The tool's own judgement of a suite; ours by its name where the version does not judge."""
    name, strength = cipher.get("cipher", ""), cipher.get("strength", "").lower()
    if strength in _GOOD:
        return None
    own = _tls.weak_suite(name, naming.whole_number(cipher.get("bits", "")))
    if strength in _STRENGTHS:
        said = _STRENGTHS[strength]
        if own is None or _tls.rank(own[0]) < _tls.rank(said):
            return name, said, own[1] if own else strength
    return (name, *own) if own is not None else None


def _switches(element: etree._Element) -> Iterator[tuple[str, str]]:
    bleeding = [one.get("sslversion", "") for one in element.iterchildren("heartbleed") if one.get("vulnerable") == "1"]
    if bleeding:
        yield "heartbleed", ", ".join(bleeding)
    for tag, attribute, bad, rule in (
        ("compression", "supported", "1", "compression"),
        ("fallback", "supported", "0", "no-fallback-protection"),
    ):
        if any(one.get(attribute) == bad for one in element.iterchildren(tag)):
            yield rule, ""
    for one in element.iterchildren("renegotiation"):
        if one.get("supported") == "1" and one.get("secure") == "0":
            yield "insecure-renegotiation", ""


def _certificates(element: etree._Element) -> Iterator[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for one in element.iter("certificate"):
        subject = xmlstream.text_of(one, "subject")[:300]
        ends = xmlstream.text_of(one, "not-valid-after")
        if _says(one, "expired"):
            found.setdefault("certificate-expired", []).append(f"{subject} until {ends}")
        if _says(one, "self-signed"):
            found.setdefault("certificate-self-signed", []).append(subject)
        algorithm = xmlstream.text_of(one, "signature-algorithm")
        if algorithm.lower().startswith(("sha1", "md5", "md2", "ecdsa-with-sha1", "dsawithsha1")):
            found.setdefault("certificate-sha1", []).append(f"{subject}: {algorithm}")
        for key in one.iterchildren("pk"):
            bits = naming.whole_number(key.get("bits", ""))
            if key.get("type", "").upper() in ("RSA", "DSA") and 0 < bits < 2048:
                found.setdefault("certificate-key", []).append(f"{subject}: {key.get('type')} {bits} bits")
    for rule, evidence in found.items():
        yield rule, "\n".join(dict.fromkeys(evidence))


def _says(certificate: etree._Element, name: str) -> bool:
    return xmlstream.text_of(certificate, name).lower() == "true"
