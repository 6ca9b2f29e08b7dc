"""SSLyze's XML of versions up to 2."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _tls
from foreshore.discovery.readers._scanned_ports import Said
from foreshore.discovery.readers._sslyze_checks import Checks, suite

# Element, attribute, its bad value, and the flaw that it means
_SWITCHES = (
    ("openSslHeartbleed", "isVulnerable", True, "heartbleed"),
    ("openSslCcsInjection", "isVulnerable", True, "ccs-injection"),
    ("sessionRenegotiation", "canBeClientInitiated", True, "client-renegotiation"),
    ("sessionRenegotiation", "isSecure", False, "insecure-renegotiation"),
    ("compressionMethod", "isSupported", True, "compression"),
    ("tlsFallbackScsv", "isSupported", False, "no-fallback-protection"),
    ("hostnameValidation", "certificateMatchesServerHostname", False, "certificate-name"),
    ("receivedCertificateChain", "isChainOrderValid", False, "certificate-chain-order"),
    ("verifiedCertificateChain", "hasSha1SignedCertificate", True, "certificate-sha1"),
    ("verifiedCertificateChain", "isAffectedBySymantecDeprecation", True, "certificate-distrusted"),
)


def read(report: facts.Report) -> Iterator[facts.Record]:
    """Yield the run, then for each server its host, its port and the findings."""
    begun = False
    number = 0
    said = Said()
    tags = ("target", "invalidTarget")
    for event, element in xmlstream.elements(report, tags, starts=("document",)):
        if event == "start":
            if not begun:
                begun = True
                yield facts.RunSeen(tool="sslyze", version=element.get("SSLyzeVersion", ""))
        elif element.tag == "target":
            number += 1
            yield from _server(element, number, said)
        else:
            told = " ".join((element.text or "").split())[:200]
            why = f"could not be scanned: {element.get('error', '')[:200]}"
            yield facts.Skipped(f"target {told}" if told else "a target", why)


def _server(element: etree._Element, number: int, said: Said) -> Iterator[facts.Record]:
    sighting = _tls.host(element.get("host", ""), element.get("ip", ""))
    if sighting is None:
        yield facts.Skipped(f"target {number}", "names no host")
        return
    yield from said.host(sighting)
    port = naming.port(element.get("port", ""))
    if port:
        service = element.get("tlsWrappedProtocol", "").lower()
        yield from said.port(facts.PortSeen(asset=sighting.key, port=port, service=service, tls=True))
    checks = Checks()
    for tag, attribute, bad, rule in _SWITCHES:
        for one in element.iter(tag):
            checks.when(one.get(attribute), bad, rule)
    for one in element.iter("robotAttack"):
        checks.robot(one.get("resultEnum", ""))
    checks.trust(
        (one.get("usingTrustStore", ""), "" if told.lower() == "ok" else told)
        for one in element.iter("pathValidation")
        if (told := one.get("validationResult", "") or one.get("error", ""))
    )
    for check in element:
        found = check.iterfind("acceptedCipherSuites/cipherSuite")
        checks.accepted(str(check.tag), (suite(one.get("name"), one.get("keySize")) for one in found))
    yield from checks.findings(sighting.key, port)
