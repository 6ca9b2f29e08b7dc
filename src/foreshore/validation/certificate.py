"""A server's certificate: fetched by a handshake through the guard's line, and judged."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from foreshore.validation.dialling import Line

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SMALLEST = {"RSA": 2048, "DSA": 2048, "EC": 224}  # bits; NIST SP 800-131A
WEAK_DIGESTS = ("md2", "md4", "md5", "sha1")
Judgement = tuple[bool | None, str]  # does the claim hold (None: cannot be told), and why


def fetch(line: Line, name: str, *, trusted: bool = False) -> bytes:
    """Return the server's certificate as DER; with `trusted` the chain must lead to a trusted root.

    Accepts old versions and ciphers, as far as the local library can still offer them. Raises
    ssl.SSLError, OSError, Refused.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    if not trusted:
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=name or None)
    _shake_hands(session, line, incoming, outgoing)
    return session.getpeercert(binary_form=True) or b""


def _shake_hands(session: ssl.SSLObject, line: Line, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
    while True:
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            line.send(outgoing.read())
            if data := line.receive():
                incoming.write(data)
            else:
                incoming.write_eof()
            continue
        if rest := outgoing.read():
            line.send(rest)
        return


def judge(claim: str, der: bytes, names: tuple[str, ...], now: datetime) -> Judgement:
    """Say whether `claim` holds for the certificate; `now` is aware, `names` are the host's known names."""
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(der)
        return _JUDGES[claim](found, names, now)
    except ValueError as error:
        return None, f"the certificate cannot be read ({error})"


def _expired(found: Certificate, _names: tuple[str, ...], now: datetime) -> Judgement:
    end = found.not_valid_after_utc
    return now > end, f"the certificate {'ended' if now > end else 'is valid until'} {end:%Y-%m-%d}".replace(
        "ended ", "ended on ")  # fmt: skip


def _self_signed(found: Certificate, _names: tuple[str, ...], _now: datetime) -> Judgement:
    from cryptography.exceptions import InvalidSignature

    if found.issuer != found.subject:
        return False, f"the certificate was issued by {_named(found)}"
    try:
        found.verify_directly_issued_by(found)
    except (InvalidSignature, TypeError, ValueError):
        return False, "issuer and subject have the same name, but another key signed the certificate"
    return True, "the certificate is signed with its own key"


def _named(found: Certificate) -> str:
    return found.issuer.rfc4514_string()[:120] or "an issuer without a name"


def _small_key(found: Certificate, _names: tuple[str, ...], _now: datetime) -> Judgement:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = found.public_key()
    kinds = ((rsa.RSAPublicKey, "RSA"), (dsa.DSAPublicKey, "DSA"), (ec.EllipticCurvePublicKey, "EC"))
    kind = next((name for sort, name in kinds if isinstance(key, sort)), "")
    size = getattr(key, "key_size", 0)
    if not kind:
        return False, "its key is of a kind that has one size, which is large enough"
    return size < SMALLEST[kind], f"its {kind} key has {size} bits ({SMALLEST[kind]} are the least)"


def _weak_signature(found: Certificate, _names: tuple[str, ...], _now: datetime) -> Judgement:
    digest = found.signature_hash_algorithm
    name = digest.name if digest else "none of its own"
    return name in WEAK_DIGESTS, f"the certificate is signed over the digest {name}"


def _wrong_name(found: Certificate, names: tuple[str, ...], _now: datetime) -> Judgement:
    from cryptography import x509

    if not names:
        return None, "no name of the host is known to compare with"
    try:
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        held = [one.lower() for one in listed.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        held = []
    fits = [name for name in names if any(_fits(one, name.rstrip(".").lower()) for one in held)]
    shown = ", ".join(held[:3]) or "no name"
    return not fits, f"the certificate is for {shown}, the host is known as {(fits or names)[0]}"


def _fits(pattern: str, name: str) -> bool:
    """RFC 6125: a star stands for one whole label, the first."""
    head, _, rest = name.partition(".")
    return pattern == name or (pattern.startswith("*.") and bool(head) and pattern[2:] == rest)


_JUDGES: dict[str, Callable[[Certificate, tuple[str, ...], datetime], Judgement]] = {
    "expired": _expired, "self_signed": _self_signed, "small_key": _small_key,
    "weak_signature": _weak_signature, "wrong_name": _wrong_name,
}  # fmt: skip
