"""Weaknesses of TLS services by one name and one severity, for tools that state facts and do not rate them.

Severities follow what the attack needs: a flaw that gives away memory or the key itself is critical or
high; what lets somebody in between read along under conditions is medium; what is only out of date by
RFC 8996 (TLS 1.0, 1.1), RFC 7568 (SSL 3), RFC 6176 (SSL 2) and RFC 9325 is medium or low.
"""

from __future__ import annotations

from typing import NamedTuple

from foreshore.facts import Severity


class Flaw(NamedTuple):
    """A weakness of a TLS service: what it is called, how bad it is, and its public names."""

    title: str
    severity: Severity
    weaknesses: tuple[str, ...] = ()
    cwes: tuple[int, ...] = ()
    solution: str = ""


_UPDATE = "Update the TLS library of the service."
_OLD = "Turn off SSL and TLS 1.0 and 1.1."
_CHAIN = "Install a valid certificate with its whole chain."
FLAWS: dict[str, Flaw] = {
    "heartbleed": Flaw("Memory can be read by a heartbeat (Heartbleed)", "high", ("CVE-2014-0160",), (125,), _UPDATE),
    "ccs-injection": Flaw("An early key change is accepted", "high", ("CVE-2014-0224",), (326,), _UPDATE),
    "robot": Flaw("RSA decryption tells right from wrong padding (ROBOT)", "medium", (), (203,), _UPDATE),
    "compression": Flaw("Compression is on (CRIME)", "medium", ("CVE-2012-4929",), (310,), "Turn off compression."),
    "insecure-renegotiation": Flaw(
        "Renegotiation is not bound to the connection", "medium", ("CVE-2009-3555",), (310,), _UPDATE
    ),
    "client-renegotiation": Flaw(
        "Clients can renegotiate at will, which costs the server much work", "low", ("CVE-2011-1473",), (400,),
        "Turn off renegotiation that clients ask for.",
    ),
    "no-fallback-protection": Flaw(
        "A fallback to older versions is not noticed (no TLS_FALLBACK_SCSV)", "low", (), (757,), _UPDATE
    ),
    "no-hsts": Flaw("Browsers are not told to use HTTPS only (HSTS)", "low", (), (319,), "Send the header of HSTS."),
    "early-data": Flaw("Requests may be replayed (early data of TLS 1.3)", "info", (), (294,)),
    "no-extended-master-secret": Flaw("The extended master secret is not supported", "low", (), (), _UPDATE),
    "certificate-expired": Flaw("The certificate has expired", "medium", (), (298,), _CHAIN),
    "certificate-self-signed": Flaw("The certificate is signed by itself", "medium", (), (295,), _CHAIN),
    "certificate-name": Flaw("The certificate is for another name", "medium", (), (297,), _CHAIN),
    "certificate-revoked": Flaw("The certificate was revoked", "high", (), (299,), _CHAIN),
    "certificate-untrusted": Flaw("The certificate is not trusted", "medium", (), (295,), _CHAIN),
    "certificate-partly-trusted": Flaw("Not every list of roots has the certificate's", "low", (), (295,), _CHAIN),
    "certificate-chain-order": Flaw("The chain of certificates is in the wrong order", "low", (), (295,), _CHAIN),
    "certificate-sha1": Flaw("A certificate is signed with SHA-1 or MD5", "medium", (), (328,), _CHAIN),
    "certificate-key": Flaw("The key of the certificate is too short", "medium", (), (326,), _CHAIN),
    "certificate-distrusted": Flaw("The certificate hangs on a root that was taken out", "medium", (), (295,), _CHAIN),
    "ssl2": Flaw("SSL 2.0 is accepted", "high", (), (327,), "Turn off SSL 2.0."),
    "ssl3": Flaw("SSL 3.0 is accepted", "high", (), (327,), "Turn off SSL 3.0."),
    "tls1.0": Flaw("TLS 1.0 is accepted", "medium", (), (327,), "Turn off TLS 1.0."),
    "tls1.1": Flaw("TLS 1.1 is accepted", "medium", (), (327,), "Turn off TLS 1.1."),
    "certificate-chain-incomplete": Flaw("The chain of certificates is incomplete", "low", (), (295,), _CHAIN),
    "certificate-weak-key": Flaw("The key of the certificate can be guessed", "critical", (), (338,), _CHAIN),
    "poodle": Flaw("SSL 3.0 tells right from wrong padding (POODLE)", "medium", ("CVE-2014-3566",), (310,), _OLD),
    "poodle-tls": Flaw("TLS tells right from wrong padding (POODLE)", "medium", ("CVE-2014-8730",), (203,), _UPDATE),
    "freak": Flaw("Keys of export grade can be forced (FREAK)", "medium", ("CVE-2015-0204",), (310,), _UPDATE),
    "logjam": Flaw("Weak key exchanges can be forced (Logjam)", "medium", ("CVE-2015-4000",), (310,), _UPDATE),
    "drown": Flaw("SSL 2.0 gives away sessions of TLS (DROWN)", "high", ("CVE-2016-0800",), (310,), _OLD),
    "beast": Flaw("Blocks of TLS 1.0 can be guessed (BEAST)", "low", ("CVE-2011-3389",), (326,), _OLD),
    "ticketbleed": Flaw("Session tickets give away memory (Ticketbleed)", "high", ("CVE-2016-9244",), (125,), _UPDATE),
    "padding-oracle": Flaw("AES-CBC tells right from wrong padding", "medium", ("CVE-2016-2107",), (203,), _UPDATE),
    "zero-length-padding": Flaw(
        "An empty record tells right from wrong padding", "medium", ("CVE-2019-1559",), (203,), _UPDATE
    ),
    "zombie-poodle": Flaw("Valid padding is told from invalid (Zombie POODLE)", "medium", (), (203,), _UPDATE),
    "golden-doodle": Flaw("Valid padding is told from invalid (GOLDENDOODLE)", "medium", (), (203,), _UPDATE),
    "sleeping-poodle": Flaw("Valid padding is told from invalid (Sleeping POODLE)", "medium", (), (203,), _UPDATE),
    "weak-dh": Flaw("Parameters of the key exchange are weak", "medium", (), (326,), _UPDATE),
}  # fmt: skip
