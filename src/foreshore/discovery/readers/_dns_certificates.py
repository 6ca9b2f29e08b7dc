"""A certificate that a host showed: its port, and what is wrong with it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from foreshore.discovery.readers import _naming, _tls
from foreshore.discovery.readers._tls_flaws import Flaw
from foreshore.facts import PortSeen, Record

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SOON = timedelta(days=30)
_SOON = Flaw("The certificate ends soon", "info", (), (298,), "Renew the certificate.")


def records(name: str, body: dict[str, Any], at: datetime | None) -> Iterator[Record]:
    """Yield the port and findings of one handshake; raises ValueError for what is no certificate."""
    port = _naming.whole_number(body.get("port"))
    der = base64.b64decode(_naming.text(body.get("der")))
    if not der or not port:
        return
    from cryptography import x509

    found = x509.load_der_x509_certificate(der)
    yield PortSeen(asset=name, port=port, tls=True, service="tls")
    end = found.not_valid_after_utc
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    if end < now:
        yield _tls.finding(name, port, "certificate-expired", f"it ended on {end:%Y-%m-%d}")
    elif end < now + SOON:
        yield _tls.finding(name, port, "certificate-ends-soon", f"it is valid until {end:%Y-%m-%d}", flaw=_SOON)
    if _own_key(found):
        yield _tls.finding(name, port, "certificate-self-signed", f"issued by {found.issuer.rfc4514_string()[:200]}")
    held = _names(found)
    if not any(_fits(one, name) for one in held):
        yield _tls.finding(name, port, "certificate-name", f"it is for {', '.join(held[:5]) or 'no name'}")


def _own_key(found: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if found.issuer != found.subject:
        return False
    try:
        found.verify_directly_issued_by(found)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _names(found: Certificate) -> list[str]:
    from cryptography import x509

    try:
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    return [one.lower() for one in listed.get_values_for_type(x509.DNSName)]


def _fits(pattern: str, name: str) -> bool:
    """RFC 6125: a star stands for one whole label, the first."""
    head, _, rest = name.partition(".")
    return pattern == name or (pattern.startswith("*.") and bool(head) and pattern[2:] == rest)
