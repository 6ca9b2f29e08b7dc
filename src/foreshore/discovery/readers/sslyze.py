"""SSLyze's JSON (`--json_out`), version 2 to 6, and the XML (`--xml_out`) of versions up to 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers import _sslyze_xml as old_xml
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import Said
from foreshore.discovery.readers._sslyze_checks import Checks, suite
from foreshore.discovery.readers._tls_flaws import FLAWS
from foreshore.discovery.reports import decode_head

_MARK = regex(r'"(sslyze_version|sslyze_url|scan_commands|connectivity_status|commands_results)"\s*:')
_ANY = msgspec.Raw()


class _CipherSuite(msgspec.Struct, gc=False):
    name: Scalar = None
    openssl_name: Scalar = None
    key_size: Scalar = None


class _Accepted(msgspec.Struct, gc=False):
    """An accepted suite: from version 3 on one level deeper than in version 2."""

    cipher_suite: _CipherSuite | None = None
    name: Scalar = None
    openssl_name: Scalar = None
    key_size: Scalar = None


class _Store(msgspec.Struct, gc=False):
    name: Scalar = None


class _Path(msgspec.Struct, gc=False):
    trust_store: _Store | None = None
    was_validation_successful: Scalar = None
    is_certificate_trusted: Scalar = None
    openssl_error_string: Scalar = None
    validation_error: Scalar = None
    verify_string: Scalar = None


class _Deployment(msgspec.Struct, gc=False):
    """One chain of certificates that the server sends."""

    leaf_certificate_subject_matches_hostname: Scalar = None
    certificate_matches_hostname: Scalar = None
    received_chain_has_valid_order: Scalar = None
    is_certificate_chain_order_valid: Scalar = None
    verified_chain_has_sha1_signature: Scalar = None
    has_sha1_in_certificate_chain: Scalar = None
    verified_chain_has_legacy_symantec_anchor: Scalar = None
    path_validation_results: list[_Path] | None = None
    path_validation_result_list: list[_Path] | None = None


class _Result(_Deployment, gc=False):
    """The result of any check; version 2 writes the one chain of certificates right into it."""

    is_vulnerable_to_heartbleed: Scalar = None
    is_vulnerable_to_ccs_injection: Scalar = None
    robot_result: Scalar = None
    robot_result_enum: Scalar = None
    accepts_client_renegotiation: Scalar = None
    is_vulnerable_to_client_renegotiation_dos: Scalar = None
    supports_secure_renegotiation: Scalar = None
    supports_compression: Scalar = None
    compression_name: Scalar = None
    supports_fallback_scsv: Scalar = None
    supports_early_data: Scalar = None
    supports_ems_extension: Scalar = None
    accepted_cipher_suites: list[_Accepted] | None = None
    accepted_cipher_list: list[_Accepted] | None = None
    certificate_deployments: list[_Deployment] | None = None
    http_request_sent: Scalar = None
    http_error_trace: Scalar = None
    strict_transport_security_header: msgspec.Raw = _ANY
    # From version 5 on a check says how it went, and holds its result
    status: Scalar = None
    error_reason: Scalar = None
    result: _Result | None = None


class _Location(msgspec.Struct, gc=False):
    hostname: Scalar = None
    ip_address: Scalar = None
    port: Scalar = None


class _Info(_Location, gc=False):
    server_location: _Location | None = None


class _Server(msgspec.Struct, gc=False):
    server_location: _Location | None = None
    server_info: _Info | None = None
    scan_result: dict[str, msgspec.Raw] | None = None  # version 5 and 6
    scan_commands_results: dict[str, msgspec.Raw] | None = None  # version 3 and 4
    commands_results: dict[str, msgspec.Raw] | None = None  # version 2
    scan_commands_errors: dict[str, msgspec.Raw] | None = None


class _Document(msgspec.Struct, gc=False):
    sslyze_version: Scalar = None
    date_scans_completed: Scalar = None
    server_scan_results: list[msgspec.Raw] | None = None
    accepted_targets: list[msgspec.Raw] | None = None  # version 2
    invalid_targets: list[msgspec.Raw] | None = None
    invalid_server_strings: list[msgspec.Raw] | None = None
    server_connectivity_errors: list[msgspec.Raw] | None = None


_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_SERVER: msgspec.json.Decoder[_Server] = msgspec.json.Decoder(_Server)
_RESULT: msgspec.json.Decoder[_Result | None] = msgspec.json.Decoder(_Result | None)


@dataclass(frozen=True)
class SslYze:
    """Reads TLS services: old versions, weak suites, known flaws, and certificates that are not accepted."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is it JSON or XML that calls itself a result of SSLyze?"""
        text = decode_head(head)
        if text.lstrip()[:1] == "{":
            scanned = '"server_scan_results"' in text or '"accepted_targets"' in text
            return scanned and _MARK.search(text) is not None
        return "SSLyze" in text[:8192] and xmlstream.looks_like(head, "document")

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then for each server its host, its port and the findings."""
        if decode_head(report.head).lstrip()[:1] != "{":
            return old_xml.read(report)
        return _of_json(report)


PLUGIN = SslYze()


def _of_json(report: facts.Report) -> Iterator[facts.Record]:
    document = _decoding.whole(report, _DOCUMENT)
    skipped: list[facts.Skipped] = []
    stamp = naming.text(document.date_scans_completed)
    observed, assumed = naming.moment(stamp)
    yield facts.RunSeen(
        tool="sslyze",
        version=naming.text(document.sslyze_version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )
    servers = [*(document.server_scan_results or ()), *(document.accepted_targets or ())]
    said = Said()
    for number, server in enumerate(_decoding.each(_SERVER, servers, "server", skipped.append), 1):
        yield from _server(server, number, said, skipped)
    for name in ("invalid_targets", "invalid_server_strings", "server_connectivity_errors"):
        for number, raw in enumerate(getattr(document, name) or ()):
            told = bytes(raw).decode("utf-8", "replace")[:300]
            skipped.append(facts.Skipped(f"{name}[{number}]", f"could not be scanned: {' '.join(told.split())}"))
    yield from skipped


def _server(server: _Server, number: int, said: Said, skipped: list[facts.Skipped]) -> Iterator[facts.Record]:
    info = server.server_info or _Info()
    location = server.server_location or info.server_location or info
    sighting = _tls.host(naming.text(location.hostname), naming.text(location.ip_address))
    if sighting is None:
        skipped.append(facts.Skipped(f"server {number}", "names no host"))
        return
    results = server.scan_result or server.scan_commands_results or server.commands_results
    if not results:
        skipped.append(facts.Skipped(f"server {number}, {sighting.key}", "was not scanned"))
        return
    yield from said.host(sighting)
    port = naming.port(location.port)
    if port:
        yield from said.port(facts.PortSeen(asset=sighting.key, port=port, tls=True))
    where = f"server {number}, {sighting.name}"
    skipped.extend(facts.Skipped(f"{where}, {name}", "did not end") for name in server.scan_commands_errors or ())
    checks, done = Checks(), tuple[str, ...]()
    for name, raw in results.items():
        try:
            result = _decoding.element(_RESULT, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            skipped.append(facts.Skipped(f"{where}, {name}", _decoding.why(error)))
            continue
        if result is not None and result.status == "ERROR":
            skipped.append(facts.Skipped(f"{where}, {name}", f"did not end: {naming.text(result.error_reason)}"))
        elif result is not None:
            _check(name, result.result or result, checks)
        if result is not None and result.status != "ERROR":
            done += _rules_of(name, result.result or result)
    yield from checks.findings(sighting.key, port)
    yield from _tls.looked(sighting.key, port, "sslyze", done)


# What each command looks for, by its name in any version; commands of suites tell their version themselves.
_LOOKED_FOR = {
    "heartbleed": ("heartbleed",), "openssl_ccs_injection": ("ccs-injection",), "openssl_ccs": ("ccs-injection",),
    "session_renegotiation": ("client-renegotiation", "insecure-renegotiation"),
    "reneg": ("client-renegotiation", "insecure-renegotiation"), "tls_compression": ("compression",),
    "compression": ("compression",), "tls_fallback_scsv": ("no-fallback-protection",),
    "fallback": ("no-fallback-protection",), "tls_1_3_early_data": ("early-data",), "early_data": ("early-data",),
    "tls_extended_master_secret": ("no-extended-master-secret",), "robot": ("robot",),
}  # fmt: skip
_OF_CERTIFICATES = tuple(name for name in FLAWS if name.startswith("certificate-"))


def _rules_of(name: str, result: _Result) -> tuple[str, ...]:
    if name in ("certificate_info", "certinfo"):
        return _OF_CERTIFICATES
    if name == "http_headers":
        return ("no-hsts",) if result.http_request_sent is not None and result.http_error_trace is None else ()
    if key := _tls.version_key(name) if name.endswith(("cipher_suites", "v2", "v3", "_1", "_2", "_3", "v1")) else "":
        return (_tls.rule_of(key),)
    return _LOOKED_FOR.get(name, ())


def _check(name: str, result: _Result, checks: Checks) -> None:
    checks.when(result.is_vulnerable_to_heartbleed, True, "heartbleed")
    checks.when(result.is_vulnerable_to_ccs_injection, True, "ccs-injection")
    checks.when(result.accepts_client_renegotiation, True, "client-renegotiation")
    checks.when(result.is_vulnerable_to_client_renegotiation_dos, True, "client-renegotiation")
    checks.when(result.supports_secure_renegotiation, False, "insecure-renegotiation")
    checks.when(result.supports_compression, True, "compression")
    checks.when(result.supports_fallback_scsv, False, "no-fallback-protection")
    checks.when(result.supports_early_data, True, "early-data")
    checks.when(result.supports_ems_extension, False, "no-extended-master-secret")
    checks.robot(naming.text(result.robot_result) or naming.text(result.robot_result_enum))
    if naming.text(result.compression_name):
        checks.flaw("compression", naming.text(result.compression_name))
    answered = result.http_request_sent is not None and result.http_error_trace is None
    if answered and bytes(result.strict_transport_security_header) == b"null":
        checks.flaw("no-hsts")
    accepted = result.accepted_cipher_suites or result.accepted_cipher_list or ()
    checks.accepted(name, (_suite(one) for one in accepted))
    for deployment in result.certificate_deployments or (result,):
        _certificates(deployment, checks)


def _suite(accepted: _Accepted) -> tuple[str, int]:
    one = accepted.cipher_suite or accepted
    return suite(one.openssl_name or one.name, one.key_size)


def _certificates(deployment: _Deployment, checks: Checks) -> None:
    checks.when(deployment.leaf_certificate_subject_matches_hostname, False, "certificate-name")
    checks.when(deployment.certificate_matches_hostname, False, "certificate-name")
    checks.when(deployment.received_chain_has_valid_order, False, "certificate-chain-order")
    checks.when(deployment.is_certificate_chain_order_valid, False, "certificate-chain-order")
    checks.when(deployment.verified_chain_has_sha1_signature, True, "certificate-sha1")
    checks.when(deployment.has_sha1_in_certificate_chain, True, "certificate-sha1")
    checks.when(deployment.verified_chain_has_legacy_symantec_anchor, True, "certificate-distrusted")
    paths = deployment.path_validation_results or deployment.path_validation_result_list or ()
    checks.trust((naming.text(path.trust_store.name) if path.trust_store else "", _refused(path)) for path in paths)


def _refused(path: _Path) -> str:
    """Why a store of roots did not accept the chain; '' where it did."""
    for value in (path.openssl_error_string, path.validation_error, path.verify_string):
        if (told := naming.text(value).strip()) and told.lower() != "ok":
            return " ".join(told.split())[:300]
    failed = path.was_validation_successful is False or path.is_certificate_trusted is False
    return "not accepted" if failed else ""
