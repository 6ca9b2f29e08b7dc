"""The first words of a TLS handshake, written and read by hand.

A TLS library of today can no longer offer what is to be found out about: SSL 3.0, RC4, export
ciphers. A ClientHello is a few bytes (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2, RFC 6101), and
the server's first answer already says whether it would go on. Nothing is negotiated beyond that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
VERSIONS = {SSL3: "SSL 3.0", TLS10: "TLS 1.0", TLS11: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}
# Numbers of the IANA registry of TLS cipher suites, by what is weak in them.
SUITES = {
    "rc4": (0x0004, 0x0005, 0xC007, 0xC011, 0xC002, 0xC00C),
    "3des": (0x000A, 0x0016, 0x0013, 0xC008, 0xC012, 0x000D, 0x0010, 0xC003, 0xC00D),
    "des": (0x0009, 0x000C, 0x000F, 0x0012, 0x0015),
    "export": (0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019),
    "null": (0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010),
    "anonymous": (
        0x0018,
        0x001B,
        0x0034,
        0x003A,
        0x006C,
        0x006D,
        0xC016,
        0xC017,
        0xC018,
        0xC019,
        0x00A6,
        0x00A7,
    ),
}
_AES_CBC = (
    0xC009, 0xC00A, 0xC013, 0xC014, 0x002F, 0x0035, 0x0033, 0x0039, 0x0032, 0x0038, 0x0041, 0x0084, 0x0045,
    0x0088, 0x0096, 0x009A,
)  # fmt: skip
OLD = (*_AES_CBC, *SUITES["3des"], *SUITES["rc4"], *SUITES["des"])
NEW = (
    0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0x009C, 0x009D, 0x009E, 0x009F,
    0xC023, 0xC024, 0xC027, 0xC028, 0x003C, 0x003D, 0x0067, 0x006B,
)  # fmt: skip
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019, 0x0100)
_ALERTS = {40: "handshake failure", 70: "protocol version", 71: "insufficient security", 112: "unknown name",
    47: "illegal parameter", 80: "internal error", 86: "inappropriate fallback", 50: "decode error"}  # fmt: skip
# Alerts that say no to what was offered, and not to something else.
DECLINING = (40, 47, 70, 71, 86)
MOST = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """The server's first words: `kind` is hello, alert, closed or other."""

    kind: str
    version: int = 0
    suite: int = 0
    alert: int = 0

    @property
    def said(self) -> str:
        """The answer in words."""
        if self.kind == "hello":
            return f"it goes on with {VERSIONS.get(self.version, hex(self.version))}"
        if self.kind == "alert":
            return f"it declines ({_ALERTS.get(self.alert, f'alert {self.alert}')})"
        return "it closes the connection" if self.kind == "closed" else "it does not speak TLS"


def client_hello(version: int, suites: tuple[int, ...], name: str = "") -> bytes:
    """Return a record that offers `version` at most, with these suites; `name` is the host asked for."""
    highest = min(version, TLS12)
    body = _two(highest) + os.urandom(32) + b"\x00" + _vector(b"".join(map(_two, suites)), 2) + b"\x01\x00"
    if version > SSL3:
        body += _vector(_extensions(version, name), 2)
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16" + _two(SSL3 if version == SSL3 else TLS10) + _vector(message, 2)


def _extensions(version: int, name: str) -> bytes:
    found = _extension(0xFF01, b"\x00")
    if name:
        host = name.rstrip(".").encode("idna" if not name.isascii() else "ascii")
        found += _extension(0, _vector(b"\x00" + _vector(host, 2), 2))
    found += _extension(10, _vector(b"".join(map(_two, _GROUPS)), 2)) + _extension(11, b"\x01\x00")
    if version >= TLS12:
        found += _extension(13, _vector(b"".join(map(_two, _SIGNATURES)), 2))
    if version >= TLS13:
        offered = b"".join(map(_two, (TLS13, TLS12, TLS11, TLS10)))
        # No key is sent along: the server then asks for one, which is answer enough.
        found += _extension(43, _vector(offered, 1)) + _extension(51, _vector(b"", 2))
    return found


def read_answer(receive: Callable[[], bytes]) -> Answer:
    """Return the server's first words, from a function that gives the next bytes (b"" at the end)."""
    data, closed = bytearray(), False
    while not closed and len(data) < MOST:
        found = parse(bytes(data))
        if found is not None:
            return found
        block = receive()
        closed = not block
        data += block
    return parse(bytes(data)) or Answer("closed" if not data else "other")


def parse(data: bytes) -> Answer | None:
    """Return what `data`, the bytes so far, says; None while more is needed. Never raises."""
    message = bytearray()
    while True:
        if len(data) < 5:
            return None if data[:1] in (b"", b"\x15", b"\x16") else Answer("other")
        kind, size = data[0], int.from_bytes(data[3:5], "big")
        if kind not in (21, 22) or data[1] != 3:
            return Answer("other")
        body, data = data[5 : 5 + size], data[5 + size :]
        if kind == 21:
            return None if len(body) < 2 else Answer("alert", alert=body[1])
        message += body
        if found := _server_hello(bytes(message)):
            return found
        if len(body) < size:
            return None


def _server_hello(message: bytes) -> Answer | None:
    if not message:
        return None
    if message[0] != 2:
        return Answer("other")
    size = int.from_bytes(message[1:4], "big")
    body = message[4 : 4 + size]
    if len(message) < 4 or len(body) < size:
        return None
    start = 35 + (body[34] if size > 34 else 0)
    if size < start + 3:
        return Answer("other")
    suite = int.from_bytes(body[start : start + 2], "big")
    selected = _selected(body[start + 3 :])
    return Answer("hello", selected or int.from_bytes(body[:2], "big"), suite)


def _selected(extensions: bytes) -> int:
    """Return the version that the extension `supported_versions` names, 0 without one."""
    rest = extensions[2:]
    while len(rest) >= 4:
        kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if kind == 43 and size == 2:
            return int.from_bytes(rest[4:6], "big")
        rest = rest[4 + size :]
    return 0


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data


def _extension(kind: int, data: bytes) -> bytes:
    return _two(kind) + _vector(data, 2)
