"""Secrets in texts are replaced before anything is stored: what remains is a keyed fingerprint.

The same secret under the same workspace key gives the same fingerprint, so that one can see that
two places hold the same secret, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

# One cheap look decides for almost all texts that there is nothing to do. Each alternative is a
# literal that must occur in a match of _SECRET.
_HINT = re.compile(
    r"PRIVATE KEY|A[KS]IA|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AIza|sk_live_|rk_live_|SG\.|npm_"
    r"|dckr_pat_|hvs\.|eyJ|://[^/\s:@]*:"
    r"|(?i:passw|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|bearer|authorization)"
)

_SECRET = re.compile(
    r"""
    -----BEGIN\ (?:[A-Z0-9]+\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----
        (?=[\s\S]{0,300}?[A-Za-z0-9+/]{24})(?P<pem>[^-]+(?:-(?!----)[^-]*)*)
  | \b(?P<aws>(?:AKIA|ASIA)[A-Z0-9]{16})\b
  | \b(?P<github>gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b
  | \b(?P<gitlab>glpat-[A-Za-z0-9_-]{20,64})\b
  | \b(?P<slack>xox[abeoprs]-[A-Za-z0-9-]{10,250})
  | \b(?P<google>AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])
  | \b(?P<stripe>[sr]k_live_[A-Za-z0-9]{16,128})\b
  | \b(?P<sendgrid>SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64})(?![A-Za-z0-9_-])
  | \b(?P<npm>npm_[A-Za-z0-9]{36})\b
  | \b(?P<docker>dckr_pat_[A-Za-z0-9_-]{20,64})
  | \b(?P<vault>hvs\.[A-Za-z0-9_-]{24,256})
  | \b(?P<jwt>eyJ[A-Za-z0-9_-]{8,8192}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,8192})
  | (?i:\bauthorization)["']?\s{0,4}[:=]\s{0,4}["']?(?i:basic|bearer|token|digest)\s{1,4}
        (?P<header>[A-Za-z0-9+/._~=-]{8,8192})
  | (?i:\bbearer)\s{1,4}(?P<bearer>(?=[A-Za-z0-9+/._~=-]{0,200}[0-9])[A-Za-z0-9+/._~=-]{20,8192})
  | [a-z][a-z0-9+.-]{1,20}://[^\s/:@"'<>]{0,100}:(?P<url>[^\s/@"'<>]{3,200})@(?=[\w.\[-])
  | (?i:\b[\w.-]{0,40}?(?:passw(?:or)?d|passphrase|pwd|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|secret
        |api[_-]?key|access[_-]?token|auth[_-]?token|account[_-]?key|(?<![a-z])token))
        (?:["']?\s{0,4}=\s{0,4}|["']\s{0,4}:\s{0,4}|\s{0,2}:\s{1,2}(?=["']))
        (?:"(?P<dq>[^"\r\n]{4,400})"|'(?P<sq>[^'\r\n]{4,400})'|(?P<bare>[^\s"'<>,;&(){}\[\]]{6,400}))
    """,
    re.VERBOSE,
)

# What stands where a secret could: names of things, examples and what a tool has already hidden.
_HARMLESS = re.compile(
    r"""(?ix)\A(?: [*xX.#•-]{3,} .{0,4} | \$\{?[\w.]+\}? | %\w+% | <.*> | \{\{.*\}\} | \d{1,5}
    | (?:true|false|null|none|nil|undefined|empty|blank|yes|no|enabled|disabled|required|optional|unknown)
    | default | (?:os|process|system|config|settings|env)\.[\w.]+
    | \[?(?:redacted|masked|hidden|removed|secret)\b.*
    | (?:password|passwd|secret|token|string|value|changeme)s? )\Z"""
)
_REPLACED = re.compile(r"\[secret [0-9a-f]{12}\]")


def fingerprint(secret: str, key: bytes) -> str:
    """A keyed fingerprint of `secret`: twelve hexadecimal digits of HMAC-SHA-256."""
    return hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def redact(text: str, key: bytes) -> str:
    """Return `text` with every secret replaced by "[secret FINGERPRINT]".

    High precision is wanted: ordinary prose about passwords stays as it is. Private keys, tokens of
    known makes, JSON Web Tokens, authorization headers, credentials in addresses, and assignments
    to names such as password or api_key are recognised. Done twice it changes nothing more.
    """
    if not text or _HINT.search(text) is None:
        return text

    def replace(match: re.Match[str]) -> str:
        name = match.lastgroup
        if name is None:
            return match.group()
        secret = match.group(name)
        if _HARMLESS.match(secret) or _REPLACED.search(secret) or secret.startswith("[secret"):
            return match.group()
        start = match.start(name) - match.start()
        whole = match.group()
        return f"{whole[:start]}[secret {fingerprint(secret, key)}]{whole[start + len(secret) :]}"

    return _SECRET.sub(replace, text)


def redact_all(texts: Iterable[str], key: bytes) -> list[str]:
    """`redact` over many texts; equal texts are looked at once."""
    known: dict[str, str] = {}
    found = []
    for text in texts:
        clean = known.get(text)
        if clean is None:
            clean = known[text] = redact(text, key)
        found.append(clean)
    return found
