from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.errors import Refused
from foreshore.validation import hello, stage
from foreshore.validation.checks import tcp_reach, tls
from foreshore.validation.guard import Guard
from foreshore.validation.hypothesis import Hypothesis, Verdict

Guarded = Callable[..., Guard]
Serve = Callable[[ssl.SSLContext], int]
NAME = "www.shop.example.com"
MODERN = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "DEFAULT")


def hypothesis(check: str, claim: str, port: int, names: tuple[str, ...] = (NAME,)) -> Hypothesis:
    return Hypothesis(
        check, claim, 1, "web", "host", "main", "127.0.0.1", port, "lab", "a test", exposures=(5,), names=names
    )


def asked(check: Any, guard: Guard, claim: str, port: int, names: tuple[str, ...] = (NAME,)) -> Verdict:
    verdict = check.run(check.plan(hypothesis(check.name, claim, port, names)), guard)
    assert isinstance(verdict, Verdict)
    return verdict


def context(path: Any, low: ssl.TLSVersion, high: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(ciphers)
    made.minimum_version, made.maximum_version = low, high
    made.load_cert_chain(path)
    return made


def test_the_checks_are_found_by_being_there() -> None:
    assert set(stage.checks()) == {"tcp_reach", "tls"}


def test_an_open_port_confirms(guarded: Guarded, listening: int) -> None:
    verdict = asked(tcp_reach.PLUGIN, guarded(), "reachable", listening)
    assert verdict == Verdict("confirmed", f"port {listening} accepts connections from lab")


def test_a_closed_port_refutes(guarded: Guarded, closed_port: int) -> None:
    assert asked(tcp_reach.PLUGIN, guarded(), "reachable", closed_port).outcome == "refuted"


@pytest.mark.parametrize("code", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES])
def test_what_the_network_answers_otherwise_tells_nothing(guarded: Guarded, code: int) -> None:
    def dial(*_: Any) -> socket.socket:
        raise OSError(code, os.strerror(code))

    assert asked(tcp_reach.PLUGIN, guarded(dial=dial), "reachable", 443).outcome == "inconclusive"


def test_a_check_outside_the_targets_is_refused(guarded: Guarded, listening: int) -> None:
    for check in (tcp_reach.PLUGIN, tls.PLUGIN):
        with pytest.raises(Refused):
            asked(check, guarded((facts.Target("192.0.2.1"),)), "tls1.0", listening)


@pytest.mark.parametrize("claim", ["sslv3", "tls1.0", "tls1.1", "tls1.0-1.1", "rc4", "3des", "weak_cipher"])
def test_an_up_to_date_server_refutes_what_is_old(
    guarded: Guarded, certificate: Any, tls_server: Serve, claim: str
) -> None:
    port = tls_server(context(certificate().path, *MODERN))
    verdict = asked(tls.PLUGIN, guarded(), claim, port)
    assert (verdict.outcome, "it takes TLS 1.3" in verdict.detail) == ("refuted", True)


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_server_confirms(guarded: Guarded, certificate: Any, tls_server: Serve, version: str) -> None:
    only = ssl.TLSVersion[version]
    try:
        made = context(certificate().path, only, only, "ALL:@SECLEVEL=0")
    except (ssl.SSLError, ValueError) as error:
        pytest.skip(f"the local OpenSSL serves no {version}: {error}")
    port = tls_server(made)
    claim = {"TLSv1": "tls1.0", "TLSv1_1": "tls1.1"}
    other = next(word for name, word in claim.items() if name != version)
    assert asked(tls.PLUGIN, guarded(), claim[version], port).outcome == "confirmed"
    assert asked(tls.PLUGIN, guarded(), "tls1.0-1.1", port).outcome == "confirmed"
    # A server of TLS 1.0 alone goes on with 1.0 when 1.1 is offered: it does not take 1.1.
    assert asked(tls.PLUGIN, guarded(), other, port).outcome == "refuted"


def test_ciphers_without_authentication_are_found(guarded: Guarded, certificate: Any, tls_server: Serve) -> None:
    two = ssl.TLSVersion.TLSv1_2
    port = tls_server(context(certificate().path, two, two, "ALL:aNULL:@SECLEVEL=0"))
    assert asked(tls.PLUGIN, guarded(), "anonymous", port).outcome == "confirmed"
    assert asked(tls.PLUGIN, guarded(), "tls1.1", port).outcome == "refuted"


def test_the_certificate_is_judged(guarded: Guarded, certificate: Any, tls_server: Serve) -> None:
    port = tls_server(context(certificate(days=-1).path, *MODERN))
    guard = guarded()
    said = {claim: asked(tls.PLUGIN, guard, claim, port).outcome for claim in (
        "expired", "self_signed", "small_key", "weak_signature", "wrong_name", "untrusted")}  # fmt: skip
    assert said == {
        "expired": "confirmed", "self_signed": "confirmed", "small_key": "refuted", "weak_signature": "refuted",
        "wrong_name": "refuted", "untrusted": "confirmed",
    }  # fmt: skip
    assert asked(tls.PLUGIN, guard, "wrong_name", port, ("other.example.com",)).outcome == "confirmed"
    assert asked(tls.PLUGIN, guard, "wrong_name", port, ()).outcome == "inconclusive"


def test_a_small_key_and_a_valid_date(guarded: Guarded, certificate: Any, tls_server: Serve) -> None:
    two = ssl.TLSVersion.TLSv1_2
    port = tls_server(context(certificate(days=5, bits=1024).path, two, two, "DEFAULT:@SECLEVEL=0"))
    guard = guarded()
    assert asked(tls.PLUGIN, guard, "small_key", port).outcome == "confirmed"
    assert asked(tls.PLUGIN, guard, "expired", port).outcome == "refuted"


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-Example\r\n", b"", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\xff\xff"]
)
@pytest.mark.parametrize("claim", ["tls1.0", "expired", "untrusted"])
def test_what_is_no_tls_server_tells_nothing(guarded: Guarded, greeting: bytes, claim: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            for _ in range(2):
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                with accepted:
                    accepted.recv(4096)
                    accepted.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        assert asked(tls.PLUGIN, guarded(), claim, server.getsockname()[1]).outcome == "inconclusive"


def test_a_closed_port_tells_nothing_about_tls(guarded: Guarded, closed_port: int) -> None:
    for claim in ("tls1.0", "expired", "untrusted"):
        assert asked(tls.PLUGIN, guarded(), claim, closed_port).outcome == "inconclusive"


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_an_answer(data: bytes) -> None:
    for prefix in (b"", b"\x16\x03\x03", b"\x16\x03\x01\x00\x30\x02\x00\x00\x2c\x03\x03", b"\x15\x03\x01"):
        blocks = iter([prefix + data])
        found = hello.read_answer(lambda: next(blocks, b""))  # noqa: B023
        assert found.kind in ("hello", "alert", "closed", "other")


@given(st.integers(1, 400), st.sampled_from([hello.TLS10, hello.TLS11, hello.TLS12]), st.binary(max_size=32))
def test_an_answer_is_read_however_it_is_cut(size: int, version: int, session: bytes) -> None:
    body = version.to_bytes(2, "big") + b"r" * 32 + bytes([len(session)]) + session + b"\xc0\x14\x00"
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    half = len(message) // 2
    stream = b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in (message[:half], message[half:])
    )
    blocks = iter([stream[at : at + size] for at in range(0, len(stream), size)])
    assert hello.read_answer(lambda: next(blocks, b"")) == hello.Answer("hello", version, 0xC014)
