"""Guards, certificates and servers on this machine for the tests of validation."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from foreshore import facts
from foreshore.validation.guard import Guard, Limits
from foreshore.validation.journal import Journal
from foreshore.validation.permits import Permits

FAST = Limits(per_target=1e6, per_target_burst=1e6, overall=1e6, overall_burst=1e6, ports_per_target=100)
Guarded = Callable[..., Guard]


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    """Makes a guard that may touch this machine only, with fields replaced by keyword."""

    def make(targets: tuple[facts.Target, ...] = (facts.Target("127.0.0.1"),), **fields: object) -> Guard:
        own = fields.pop("own", ())
        kept = Journal(tmp_path / "journal.jsonl")
        settings: dict[str, object] = {"limits": FAST, "journal": kept, **fields}
        return Guard(Permits(targets, own), tmp_path / "STOP", **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this machine that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nobody listens, kept from others while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@dataclass(frozen=True)
class Made:
    """A certificate and its key in one PEM file."""

    path: Path
    certificate: x509.Certificate


Make = Callable[..., Made]


@pytest.fixture
def certificate(tmp_path: Path) -> Make:
    """Makes a self-signed certificate for a name; `days` is how long it is still valid."""

    def make(name: str = "www.shop.example.com", days: int = 30, bits: int = 2048) -> Made:
        key = rsa.generate_private_key(65537, bits)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        built = x509.CertificateBuilder(
            issuer_name=subject, subject_name=subject, public_key=key.public_key(), serial_number=7,
            not_valid_before=now - dt.timedelta(days=400), not_valid_after=now + dt.timedelta(days=days),
        )  # fmt: skip
        signed = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(
            key, hashes.SHA256()
        )
        path = tmp_path / f"{signed.fingerprint(hashes.SHA256()).hex()[:12]}.pem"
        kind = serialization.PrivateFormat.PKCS8
        text = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + text)
        return Made(path, signed)

    return make


Serve = Callable[[ssl.SSLContext], int]


@pytest.fixture
def tls_server() -> Iterator[Serve]:
    """Starts TLS servers on this machine and returns their ports."""
    servers: list[socket.socket] = []

    def start(context: ssl.SSLContext) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=_serve, args=(server, context), daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.close()


def _serve(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            accepted, _ = server.accept()
        except OSError:
            return
        with accepted, suppress(OSError):
            accepted.settimeout(20)
            with context.wrap_socket(accepted, server_side=True) as session:
                session.recv(1)
