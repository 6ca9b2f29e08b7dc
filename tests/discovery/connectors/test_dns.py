"""Domains are asked of a real name server on this machine, and their certificates of a real TLS server."""

from __future__ import annotations

import base64
import datetime as dt
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from foreshore import facts
from foreshore.cycle import leave, scopes, taking
from foreshore.discovery import collecting
from foreshore.discovery.connectors import dns as connector
from foreshore.discovery.connectors._asking import Pace
from foreshore.discovery.connectors._sources import Source, load
from foreshore.discovery.readers import dns_collection
from foreshore.discovery.reports import FileReport
from foreshore.errors import UsageError
from foreshore.workspace import Workspace

asking = pytest.importorskip("dns.query", reason="dnspython is not installed")
NAMED = shutil.which("named") or shutil.which("named", path="/usr/sbin:/sbin")
needs_named = pytest.mark.skipif(NAMED is None, reason="named (bind9) is not installed")
FAST = Pace(1e9, lambda: 0.0, lambda _seconds: None)

CONF = """
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key"; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; allow-transfer {{ none; }};
}};
controls {{ }};
zone "example.test" {{ type master; file "{folder}/example.zone"; allow-transfer {{ 127.0.0.1; }}; }};
zone "closed.test" {{ type master; file "{folder}/closed.zone"; }};
zone "wild.test" {{ type master; file "{folder}/wild.zone"; }};
"""
HEAD = """$TTL 300
@ IN SOA ns1 admin 1 3600 600 86400 300
@ IN NS ns1
ns1 IN A 192.0.2.53
"""
EXAMPLE = """@ IN MX 10 mail
mail IN A 192.0.2.25
www IN A 127.0.0.1
hidden-from-lists IN A 192.0.2.77
six IN AAAA 2001:db8::6
shop IN CNAME www
gone IN CNAME was-here-once
away IN CNAME host.elsewhere.test.
"""
WILD = """* IN A 192.0.2.99
vpn IN A 192.0.2.98
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a name server on loopback with three zones."""
    folder = tmp_path_factory.mktemp("named")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
    for name, text in (("example", HEAD + EXAMPLE), ("closed", HEAD + "www IN A 192.0.2.80\n"), ("wild", HEAD + WILD)):
        (folder / f"{name}.zone").write_text(text, "ascii")
    (folder / "named.conf").write_text(CONF.format(folder=folder, port=port), "ascii")
    line = [str(NAMED), "-g", "-4", "-n", "1", "-c", str(folder / "named.conf")]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(line, stdout=log, stderr=log)
    try:
        _wait_for(port, running, folder / "log")
        yield port
    finally:
        running.terminate()
        running.wait(20)


def _wait_for(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    from foreshore.discovery.connectors import _dns_asking

    for _ in range(100):
        if running.poll() is not None:
            pytest.fail(log.read_text("utf-8")[-2000:])
        with suppress(Exception):
            if _dns_asking.lookup(("127.0.0.1", port), "wild.test", "SOA", 0.5)["records"]:
                return
        time.sleep(0.1)
    pytest.fail("named does not answer: " + log.read_text("utf-8")[-2000:])


def made(names: Sequence[str], days: int) -> tuple[bytes, bytes]:
    """A certificate signed by itself that ends in `days`, as PEM with its key, and as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder(
        issuer_name=subject, subject_name=subject, public_key=key.public_key(), serial_number=7,
        not_valid_before=now - dt.timedelta(days=400), not_valid_after=now + dt.timedelta(days=days),
    )  # fmt: skip
    listed = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    signed = built.add_extension(listed, critical=False).sign(key, hashes.SHA256())
    held = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    return pem + held, signed.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[int]:
    """The port of a TLS server whose certificate has expired and also names six.example.test."""
    pem, _der = made(["www.example.test", "six.example.test", "*.other.test"], days=-3)
    (tmp_path / "both.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    plain = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = plain.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(taken, server_side=True) as secured:
                secured.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(plain.getsockname()[1])
    plain.shutdown(socket.SHUT_RDWR)
    plain.close()
    thread.join()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def approve(workspace: Workspace, ports: Sequence[int]) -> None:
    listed = ", ".join(map(str, ports))
    workspace.scope_file.write_text(
        "organization: Example\nsites:\n  here: {}\nzones:\n  office: {site: here, networks: [127.0.0.0/8]}\n"
        f"targets:\n  - {{what: 127.0.0.1, ports: [{listed}]}}\n",
        "utf-8",
    )
    scopes.apply_scope(workspace)
    scopes.approve_targets(workspace, because="agreed with the owner")


def source_of(workspace: Workspace, server: int, domain: str, more: str = "certificates = false") -> Source:
    text = f'[sources.names]\nconnector = "dns"\ndomains = ["{domain}"]\nresolver = "127.0.0.1:{server}"\n{more}\n'
    (workspace.root / "sources.toml").write_text(text, "utf-8")
    return load(workspace.root)["names"]


def read(found: collecting.Collected) -> list[facts.Record]:
    ((path, name),) = found.reports
    assert name == "names"
    return list(dns_collection.PLUGIN.read(FileReport("collection.ndjson", Path(path))))


def names(records: list[facts.Record]) -> dict[str, list[str]]:
    return {
        one.name: [value for kind, value in one.identifiers if kind == "ip"]
        for one in records
        if isinstance(one, facts.Sighting)
    }


@needs_named
def test_a_zone_that_may_be_transferred_gives_all_its_names(workspace: Workspace, server: int) -> None:
    approve(workspace, [server])
    source = source_of(
        workspace,
        server,
        "example.test",
        f'certificates = false\ntransfer_from = ["127.0.0.1:{server}"]\ncommon = false',
    )
    found = collecting.collect(workspace, source, pace=FAST, leave=leave.of(workspace, "dns"))
    assert found.refused == ()
    records = read(found)
    assert names(records) == {
        "ns1.example.test": ["192.0.2.53"], "mail.example.test": ["192.0.2.25"], "www.example.test": [],
        "hidden-from-lists.example.test": ["192.0.2.77"], "six.example.test": ["2001:db8::6"], "shop.example.test": [],
        "gone.example.test": [], "away.example.test": [],
    }  # fmt: skip
    lost = [one for one in records if isinstance(one, facts.Finding)]
    assert [(one.asset, one.rule, one.evidence) for one in lost] == [
        ("gone.example.test", "dns-alias-of-nothing", "gone.example.test CNAME was-here-once.example.test")
    ]
    result = taking.take(workspace, [Path(found.reports[0][0])], site="here")
    assert [run.reader for run in result.runs] == ["dns_collection"]
    assert (result.assets.new, result.errors) == (8, ())


@needs_named
def test_a_server_that_is_not_approved_is_not_asked_for_its_zone(workspace: Workspace, server: int) -> None:
    more = f'certificates = false\ntransfer_from = ["127.0.0.1:{server}"]'
    found = collecting.collect(workspace, source_of(workspace, server, "example.test", more), pace=FAST,
                               leave=leave.of(workspace, "dns"))  # fmt: skip
    ((call, why),) = [(one.call, one.why) for one in found.refused]
    assert call == "transfer"
    assert "outside the approved targets" in why
    # What common names and the zone's own say is found all the same.
    assert {"www.example.test", "shop.example.test", "mail.example.test"} <= set(names(read(found)))
    assert "hidden-from-lists.example.test" not in names(read(found))


@needs_named
def test_a_refused_transfer_is_named_and_names_of_the_workspace_are_asked_for(
    workspace: Workspace, server: int, tmp_path: Path
) -> None:
    approve(workspace, [server])
    known = tmp_path / "known.csv"
    known.write_text("asset,cve,title,severity\nhidden-from-lists.example.test,CVE-2099-1,Old,high\n", "utf-8")
    assert not taking.take(workspace, [known], site="here").errors
    more = f'certificates = false\ncommon = false\ntransfer_from = ["127.0.0.1:{server}"]'
    source = source_of(workspace, server, "closed.test", more)
    found = collecting.collect(workspace, source, pace=FAST, leave=leave.of(workspace, "dns"))
    assert [one.call for one in found.refused] == ["transfer"]
    assert "the transfer is refused" in found.refused[0].why
    collecting.clear(workspace, source)
    source = source_of(workspace, server, "example.test", "certificates = false\ncommon = false")
    found = collecting.collect(workspace, source, pace=FAST)
    assert names(read(found)) == {"hidden-from-lists.example.test": ["192.0.2.77"]}


@needs_named
def test_names_that_exist_only_because_every_name_does_are_left_out(workspace: Workspace, server: int) -> None:
    # What a person named is kept: whether it is only one of all names cannot be told.
    more = 'certificates = false\nnames = ["named.wild.test"]'
    found = collecting.collect(workspace, source_of(workspace, server, "wild.test", more), pace=FAST)
    assert names(read(found)) == {
        "ns1.wild.test": ["192.0.2.53"], "vpn.wild.test": ["192.0.2.98"], "named.wild.test": ["192.0.2.99"],
    }  # fmt: skip


@needs_named
def test_certificates_of_approved_hosts_are_judged_and_give_names(workspace: Workspace, server: int, tls: int) -> None:
    approve(workspace, [tls])
    more = f'tls_ports = ["{tls}"]\ncommon = false\nnames = ["www.example.test", "mail.example.test"]'
    found = collecting.collect(
        workspace, source_of(workspace, server, "example.test", more), pace=FAST, leave=leave.of(workspace, "dns")
    )
    assert [(one.call, one.about) for one in found.refused] == [("certificate", f"name mail.example.test, port {tls}")]
    records = read(found)
    assert set(names(records)) == {"www.example.test", "mail.example.test", "six.example.test"}
    assert [(one.asset, one.port, one.tls) for one in records if isinstance(one, facts.PortSeen)] == [
        ("www.example.test", tls, True)
    ]
    assert {(one.asset, one.rule) for one in records if isinstance(one, facts.Finding)} == {
        ("www.example.test", "certificate-expired"), ("www.example.test", "certificate-self-signed"),
    }  # fmt: skip


@needs_named
def test_an_interrupted_collection_does_not_ask_again(workspace: Workspace, server: int) -> None:
    source = source_of(workspace, server, "closed.test", "certificates = false\ncommon = false")
    first = collecting.collect(workspace, source, pace=FAST)
    path = workspace.root / "collected" / "names" / collecting.MAIN
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]))
    again = collecting.collect(workspace, source, pace=FAST)
    assert (again.resumed, again.answers) == (3, first.answers)
    kept = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert kept == [json.loads(line) for line in lines]


def test_a_resolver_that_is_silent_ends_the_run(workspace: Workspace) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        source = source_of(workspace, silent.getsockname()[1], "example.test", "wait = 0.1\ntries = 2")
        with pytest.raises(collecting.CollectionFailed, match="no answer in time"):
            collecting.collect(workspace, source, pace=FAST)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("", "no domains"), ('domains = ["localhost"]', "no name of a domain"),
        ('domains = ["a b.example.com"]', "no name of a domain"),
        ('domains = ["example.com"]\nresolver = "dns.example.com"', "no address"),
        ('domains = ["example.com"]\ntransfer_from = ["192.0.2.1:99999"]', "no address"),
        ('domains = ["example.com"]\ntls_ports = ["https"]', "no port"),
        ('domains = ["example.com"]\nwait = 0.0', "out of range"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(workspace: Workspace, settings: str, what: str) -> None:
    (workspace.root / "sources.toml").write_text(f'[sources.names]\nconnector = "dns"\n{settings}\n', "utf-8")
    with pytest.raises(UsageError, match=what):
        load(workspace.root)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)), ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)), ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("192.0.2.256", None), ("ns.example.com", None), ("192.0.2.1:0", None),
    ],
)  # fmt: skip
def test_addresses_of_servers_are_read(text: str, found: tuple[str, int] | None) -> None:
    assert connector.place(text) == found


def test_the_names_of_a_certificate_come_without_stars() -> None:
    _pem, der = made(["WWW.example.test", "*.other.test"], days=3)
    assert connector.names_of(der) == ["www.example.test", "other.test"]
    assert connector.names_of(base64.b64decode("AAAA")) == []
