"""Laws of the readers of port and TLS scanners: one scan in any of its forms gives the same facts."""

from __future__ import annotations

import csv
import io
import json
from xml.sax.saxutils import quoteattr

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers import _scanned_ports, _tls
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport

LOOSE = settings(max_examples=60, deadline=None)
Port = tuple[str, str, int, str]

ADDRESSES = st.integers(1, 250).map(lambda last: f"192.0.2.{last}")
PORTS: st.SearchStrategy[list[Port]] = st.lists(
    st.tuples(ADDRESSES, st.sampled_from(["tcp", "udp"]), st.integers(1, 65535), st.sampled_from(["open", "closed"])),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one[:3],
)


def read(text: str, reader: str) -> list[facts.Record]:
    report = FileReport("sample", text.encode())
    name, found = pick(report)
    assert name == reader
    return list(found.read(report))


def ports(records: list[facts.Record]) -> set[Port]:
    return {(one.asset, one.protocol, one.port, one.state) for one in records if isinstance(one, facts.PortSeen)}


def findings(records: list[facts.Record]) -> list[facts.Finding]:
    return [one for one in records if isinstance(one, facts.Finding)]


# -- masscan ------------------------------------------------------------------------------------


def masscan_json(rows: list[Port]) -> str:
    return json.dumps([masscan_host(row) for row in rows])


def masscan_old(rows: list[Port]) -> str:
    return "[\n" + "".join(json.dumps(masscan_host(row)) + ",\n" for row in rows) + "{finished: 1}\n]\n"


def masscan_trailing_comma(rows: list[Port]) -> str:
    return "[\n" + "".join(json.dumps(masscan_host(row)) + ",\n" for row in rows) + "]\n"


def masscan_host(row: Port) -> dict[str, object]:
    address, protocol, port, state = row
    return {
        "ip": address,
        "timestamp": "1741076130",
        "ports": [{"port": port, "proto": protocol, "status": state, "reason": "none", "ttl": 60}],
    }


def masscan_lines(rows: list[Port]) -> str:
    return "".join(
        json.dumps(
            {
                "ip": address,
                "timestamp": "1741076130",
                "port": port,
                "proto": protocol,
                "rec_type": "status",
                "data": {"status": state, "reason": "none", "ttl": 60},
            }
        )
        + "\n"
        for address, protocol, port, state in rows
    )


def masscan_xml(rows: list[Port]) -> str:
    hosts = "".join(
        f'<host endtime="1741076130"><address addr="{address}" addrtype="ipv4"/><ports>'
        f'<port protocol="{protocol}" portid="{port}"><state state="{state}" reason="none" reason_ttl="60"/></port>'
        "</ports></host>\n"
        for address, protocol, port, state in rows
    )
    return f'<?xml version="1.0"?>\n<nmaprun scanner="masscan" start="1741076129" version="1.0-BETA">{hosts}</nmaprun>'


def masscan_list(rows: list[Port]) -> str:
    lines = (f"{state} {protocol} {port} {address} 1741076130\n" for address, protocol, port, state in rows)
    return "#masscan\n" + "".join(lines) + "# end\n"


def masscan_grepable(rows: list[Port]) -> str:
    lines = (
        f"Timestamp: 1741076130\tHost: {address} ()\tPorts: {port}/{state}/{protocol}////\n"
        for address, protocol, port, state in rows
    )
    return "# Masscan 1.3.2 scan initiated Tue Mar  4 08:15:29 2025\n" + "".join(lines)


@pytest.mark.parametrize(
    "form",
    [
        masscan_json,
        masscan_old,
        masscan_trailing_comma,
        masscan_lines,
        masscan_xml,
        masscan_list,
        masscan_grepable,
    ],
)
@LOOSE
@given(rows=PORTS)
def test_every_form_of_masscan_tells_the_same_ports(form: object, rows: list[Port]) -> None:
    assert callable(form)
    found = read(form(rows), "masscan")
    assert ports(found) == set(rows)
    assert {one.key for one in found if isinstance(one, facts.Sighting)} == {row[0] for row in rows}


def test_a_list_of_masscan_that_is_cut_short_is_refused() -> None:
    whole = masscan_json([("192.0.2.1", "tcp", 22, "open"), ("192.0.2.2", "tcp", 22, "open")])
    for text in (whole[:-1], whole[: whole.rindex("{")], whole[: whole.rindex(",")]):
        with pytest.raises(BadReport):
            read(text, "masscan")


def test_an_old_list_of_masscan_without_answers_is_empty() -> None:
    assert ports(read("[\n{finished: 1}\n]\n", "masscan")) == set()


# -- naabu --------------------------------------------------------------------------------------


@LOOSE
@given(rows=PORTS, twice=st.booleans())
def test_lines_and_csv_of_naabu_tell_the_same_ports_each_once(rows: list[Port], *, twice: bool) -> None:
    rows = [(address, protocol, port, "open") for address, protocol, port, _state in rows]
    shown = rows * 2 if twice else rows
    names = ("ip", "port", "protocol", "tls", "timestamp")
    values = [(address, port, protocol, False, "2025-03-04T08:15:30Z") for address, protocol, port, _ in shown]
    lines = "".join(json.dumps(dict(zip(names, value, strict=True))) + "\n" for value in values)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("host", "ip", "port", "protocol", "tls", "cdn", "cdn-name", "timestamp"))
    writer.writerows(
        ("", address, port, protocol, "false", "false", "", at) for address, port, protocol, _, at in values
    )
    for found in (read(lines, "naabu"), read(table.getvalue(), "naabu")):
        assert ports(found) == set(rows)
        assert sum(isinstance(one, facts.PortSeen) for one in found) == len(rows)


def test_the_address_of_a_content_delivery_network_is_not_the_hosts() -> None:
    row = {"host": "www.example.com", "ip": "198.51.100.7", "port": 443, "protocol": "tcp", "tls": True}
    own, delivered = (
        next(one for one in read(json.dumps(row | extra) + "\n", "naabu") if isinstance(one, facts.Sighting))
        for extra in ({}, {"cdn": True, "cdn-name": "examplecdn"})
    )
    assert ("ip", "198.51.100.7") in own.identifiers
    assert delivered.identifiers == (("fqdn", "www.example.com"),)


# -- httpx and testssl.sh -----------------------------------------------------------------------


def test_a_first_row_of_httpx_may_hold_a_whole_page() -> None:
    row = {
        "timestamp": "2025-03-04T08:15:30Z",
        "port": "443",
        "url": "https://shop.example.com",
        "input": "shop.example.com",
        "scheme": "https",
        "body": "<p>not-a-real-secret</p>" * 5000,
        "status_code": 200,
        "failed": False,
    }
    found = read(json.dumps(row, separators=(",", ":")) + "\n", "httpx")
    assert [one.url for one in findings(found)] == ["https://shop.example.com"]
    assert "not-a-real-secret" not in json.dumps(msgspec.to_builtins(found))


WORDS = ("OK", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL", "DEBUG")


@LOOSE
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_every_form_of_testssl_tells_the_same_findings(words: list[str]) -> None:
    rows = [{"id": f"check_{number}", "severity": word, "finding": "said"} for number, word in enumerate(words)]
    flat = [row | {"ip": "shop.example.com/192.0.2.10", "port": "443"} for row in rows]
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_ALL)
    writer.writerow(("id", "fqdn/ip", "port", "severity", "finding", "cve", "cwe"))
    writer.writerows((row["id"], row["ip"], row["port"], row["severity"], row["finding"], "", "") for row in flat)
    server = {"targetHost": "shop.example.com", "ip": "192.0.2.10", "port": "443", "protocols": rows}
    pretty = {"Invocation": "testssl.sh", "openssl": "3", "version": "3.2", "scanResult": [server]}
    wanted = {
        (row["id"], row["severity"].lower())
        for row in rows
        if row["severity"] in {"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
    }
    for text in (json.dumps(flat), table.getvalue(), json.dumps(pretty)):
        found = read(text, "testssl")
        assert {(one.rule, one.severity) for one in findings(found)} == wanted
        assert sum(isinstance(one, facts.Skipped) for one in found) == sum(word in ("WARN", "FATAL") for word in words)


# -- hydra --------------------------------------------------------------------------------------


@LOOSE
@given(password=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12, max_size=20))
def test_no_password_of_hydra_gets_out(password: str) -> None:
    document = {
        "generator": {"software": "Hydra", "jsonoutputversion": "1.00", "commandline": f"hydra -p {password}"},
        "results": [{"host": "192.0.2.1", "port": 22, "service": "ssh", "login": "backup", "password": password}],
        "errormessages": [password],
    }
    found = read(json.dumps(document), "hydra")
    assert [(one.kind, one.resource) for one in findings(found)] == [("identity", "ssh: backup")]
    assert password not in json.dumps(msgspec.to_builtins(found))


# -- sslyze -------------------------------------------------------------------------------------

FLAGS = {
    "heartbleed": ("is_vulnerable_to_heartbleed", True, "heartbleed", "openSslHeartbleed", "isVulnerable"),
    "openssl_ccs_injection": (
        "is_vulnerable_to_ccs_injection", True, "ccs-injection", "openSslCcsInjection", "isVulnerable",
    ),
    "session_renegotiation": (
        "supports_secure_renegotiation", False, "insecure-renegotiation", "sessionRenegotiation", "isSecure",
    ),
    "tls_fallback_scsv": (
        "supports_fallback_scsv", False, "no-fallback-protection", "tlsFallbackScsv", "isSupported",
    ),
}  # fmt: skip
VERSIONS = {"ssl_3_0": "ssl3", "tls_1_0": "tls1.0", "tls_1_1": "tls1.1"}
OLD_NAMES = {"ssl_3_0": "sslv3", "tls_1_0": "tlsv1", "tls_1_1": "tlsv1_1"}
SUITE = {"name": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "openssl_name": "ECDHE-RSA-AES256-SHA", "key_size": 256}
PLACE = {"hostname": "shop.example.com", "ip_address": "192.0.2.10", "port": 443}


def sslyze_new(bad: set[str], accepted: set[str]) -> str:
    results: dict[str, object] = {
        name: {"status": "COMPLETED", "result": {field: value if name in bad else not value}}
        for name, (field, value, *_rest) in FLAGS.items()
    }
    for name in VERSIONS:
        suites = [{"cipher_suite": SUITE}] if name in accepted else []
        results[f"{name}_cipher_suites"] = {"status": "COMPLETED", "result": {"accepted_cipher_suites": suites}}
    server = {"server_location": PLACE, "connectivity_status": "COMPLETED", "scan_result": results}
    return json.dumps({"sslyze_version": "6.1.0", "server_scan_results": [server]})


def sslyze_3(bad: set[str], accepted: set[str]) -> str:
    results: dict[str, object] = {
        name: {field: value if name in bad else not value} for name, (field, value, *_rest) in FLAGS.items()
    }
    for name in VERSIONS:
        suites = [{"cipher_suite": SUITE}] if name in accepted else []
        results[f"{name}_cipher_suites"] = {"accepted_cipher_suites": suites}
    server = {"scan_commands": [], "scan_commands_results": results, "server_info": {"server_location": PLACE}}
    return json.dumps({"sslyze_version": "3.0.7", "server_scan_results": [server]})


def sslyze_2(bad: set[str], accepted: set[str]) -> str:
    results: dict[str, object] = {
        name: {field: value if name in bad else not value} for name, (field, value, *_rest) in FLAGS.items()
    }
    for name in VERSIONS:
        results[OLD_NAMES[name]] = {"accepted_cipher_list": [SUITE] if name in accepted else []}
    server = {"commands_results": results, "server_info": PLACE}
    return json.dumps({"accepted_targets": [server], "invalid_targets": [], "sslyze_version": "2.1.4"})


def sslyze_xml(bad: set[str], accepted: set[str]) -> str:
    parts = [
        f"<{name}><{tag} {attribute}={quoteattr(str(value if name in bad else not value))}/></{name}>"
        for name, (_field, value, _rule, tag, attribute) in FLAGS.items()
    ]
    for name in VERSIONS:
        suites = f'<cipherSuite name="{SUITE["openssl_name"]}" keySize="256 bits"/>' if name in accepted else ""
        parts.append(f"<{OLD_NAMES[name]}><acceptedCipherSuites>{suites}</acceptedCipherSuites></{OLD_NAMES[name]}>")
    target = f'<target host="shop.example.com" ip="192.0.2.10" port="443">{"".join(parts)}</target>'
    return f'<document SSLyzeVersion="1.4.3" title="SSLyze Scan Results"><results>{target}</results></document>'


@pytest.mark.parametrize("form", [sslyze_new, sslyze_3, sslyze_2, sslyze_xml])
@LOOSE
@given(bad=st.sets(st.sampled_from(sorted(FLAGS))), accepted=st.sets(st.sampled_from(sorted(VERSIONS))))
def test_every_version_of_sslyze_tells_the_same_flaws(form: object, bad: set[str], accepted: set[str]) -> None:
    assert callable(form)
    found = read(form(bad, accepted), "sslyze")
    wanted = {FLAGS[name][2] for name in bad} | {VERSIONS[name] for name in accepted}
    assert sorted(one.rule for one in findings(found)) == sorted(wanted)
    assert {(one.asset, one.port) for one in findings(found)} <= {("shop.example.com 192.0.2.10", 443)}
    assert ports(found) == {("shop.example.com 192.0.2.10", "tcp", 443, "open")}


# -- suites and versions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "severity"),
    [
        ("TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 ECDHE-RSA-AES256-GCM-SHA384", None),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 DHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305", None),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 ECDHE-RSA-AES128-SHA256", None),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256 AES256-GCM-SHA384 AES128-SHA ECDH-RSA-AES128-SHA256", "low"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA ECDHE-RSA-AES256-SHA DHE-RSA-CAMELLIA256-SHA", "low"),
        ("DES-CBC3-SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA EDH-RSA-DES-CBC3-SHA SSL_CK_DES_192_EDE3_CBC_WITH_MD5", "medium"),
        ("RC4-SHA RC4-MD5 TLS_ECDHE_RSA_WITH_RC4_128_SHA IDEA-CBC-SHA", "medium"),
        ("DES-CBC-SHA EDH-RSA-DES-CBC-SHA TLS_DHE_RSA_WITH_DES_CBC_SHA SSL_CK_DES_64_CBC_WITH_MD5", "high"),
        ("EXP-RC4-MD5 EXP1024-DES-CBC-SHA TLS_RSA_EXPORT_WITH_RC4_40_MD5 EXP-RC2-CBC-MD5", "high"),
        ("NULL-SHA TLS_RSA_WITH_NULL_SHA256 ECDHE-RSA-NULL-SHA", "high"),
        ("ADH-AES256-SHA AECDH-AES128-SHA TLS_DH_anon_WITH_AES_128_GCM_SHA256", "high"),
    ],
)
def test_suites_are_judged_by_the_worst_they_have(names: str, severity: str | None) -> None:
    for name in names.split():
        judged = _tls.weak_suite(name)
        assert (judged and judged[0]) == severity, name


@given(st.sampled_from(["ssl2", "ssl3", "tls1.0", "tls1.1", "tls1.2", "tls1.3"]))
def test_a_version_is_known_in_every_spelling(key: str) -> None:
    family, major, minor = key[:3], key[3], key[5:] or "0"
    spelled = [
        f"{family}_{major}_{minor}_cipher_suites",
        f"{family}v{major}" + (f"_{minor}" if minor != "0" else ""),
        f"{family.upper()}v{major}" + (f".{minor}" if minor != "0" else ""),
        f"{family.upper()}V{major}_{minor}",
        _tls.version_name(key),
    ]
    assert {_tls.version_key(one) for one in spelled} == {key}


@pytest.mark.parametrize("other", ["", "certinfo", "heartbleed", "tls_compression", "tls_fallback_scsv", "robot"])
def test_what_is_no_version_is_none(other: str) -> None:
    assert _tls.version_key(other) == ""


@given(st.text(max_size=60), st.integers(0, 4096))
def test_any_name_of_a_suite_is_judged_or_not(name: str, bits: int) -> None:
    judged = _tls.weak_suite(name, bits)
    assert judged is None or judged[0] in facts.SEVERITIES


@pytest.mark.parametrize(
    ("banner", "named"),
    [
        ("SSH-2.0-OpenSSH_9.3p1 Ubuntu-1", ("OpenSSH", "9.3p1")),
        ("SSH-2.0-dropbear_2022.83", ("dropbear", "2022.83")),
        ("HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\n", ("nginx", "1.24.0")),
        (r"HTTP/1.1 200 OK\x0d\x0aServer: Apache\x0d\x0a", ("Apache", "")),
        ("220 ready", ("", "")),
    ],
)
def test_banners_name_software(banner: str, named: tuple[str, str]) -> None:
    assert _scanned_ports.software(banner) == named
