"""Secrets in texts are replaced before anything is stored: what remains is a keyed fingerprint.

The same secret under the same workspace key gives the same fingerprint, so that one can see that
two places hold the same secret, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from foreshore.discovery.patterns import regex

_NAMES = ("passw", "passphrase", "pwd", "secret", "token", "key")
# Prose names passwords and keys; only where one is given a value is the last pattern worth its time.
_ASSIGNED = regex(r"""(?:passwo?r?d|passphrase|pwd|secret|token|key)["']?\s{0,4}[=:]""")

# Each pattern stands beside lower-case words of which one must occur in what it matches: looking for
# plain words is many times faster than any pattern, and almost all texts hold none of them.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (words, regex(pattern, re.VERBOSE))
    for words, pattern in (
        (
            ("private key",),
            r"""-----BEGIN\ (?:[A-Z0-9]+\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----
            (?=[\s\S]{0,300}?[A-Za-z0-9+/]{24})(?P<s1>[^-]+(?:-(?!----)[^-]*)*)""",
        ),
        (("akia", "asia"), r"\b(?P<s1>(?:AKIA|ASIA)[A-Z0-9]{16})\b"),
        (
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            r"\b(?P<s1>gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b",
        ),
        (
            ("glpat-", "xox", "sk_live_", "rk_live_", "npm_", "dckr_pat_", "hvs."),
            r"""\b(?P<s1>glpat-[A-Za-z0-9_-]{20,64} | xox[abeoprs]-[A-Za-z0-9-]{10,250}
            | [sr]k_live_[A-Za-z0-9]{16,128} | npm_[A-Za-z0-9]{36} | dckr_pat_[A-Za-z0-9_-]{20,64}
            | hvs\.[A-Za-z0-9_-]{24,256})(?![A-Za-z0-9_])""",
        ),
        (
            ("aiza", "sg."),
            r"""\b(?P<s1>AIza[A-Za-z0-9_-]{35}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64})
            (?![A-Za-z0-9_-])""",
        ),
        (
            ("eyj",),
            r"\b(?P<s1>eyJ[A-Za-z0-9_-]{8,8192}+\.eyJ[A-Za-z0-9_-]{8,8192}+\.[A-Za-z0-9_-]{8,8192})",
        ),
        (
            ("authorization",),
            r"""(?i:\bauthorization)["']?\s{0,4}[:=]\s{0,4}["']?(?i:basic|bearer|token|digest)\s{1,4}
            (?P<s1>[A-Za-z0-9+/._~=-]{8,8192})""",
        ),
        (
            ("bearer",),
            r"""(?i:\bbearer)\s{1,4}
            (?P<s1>(?=[A-Za-z0-9+/._~=-]{0,200}[0-9])[A-Za-z0-9+/._~=-]{20,8192})""",
        ),
        (
            ("://",),
            r"""://[^\s/:@"'<>]{0,100}+:(?P<s1>[^\s/@"'<>]{3,200}+)@(?=[\w.\[-])""",
        ),
        (
            _NAMES,
            r"""(?i:passw(?:or)?d|passphrase|pwd|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|secret
            |api[_-]?key|access[_-]?token|auth[_-]?token|account[_-]?key|(?<![a-z])token)
            (?:["']?\s{0,4}=\s{0,4}|["']\s{0,4}:\s{0,4}|\s{0,2}:\s{1,2}(?=["']))
            (?:"(?P<s1>[^"\r\n]{4,400})"|'(?P<s2>[^'\r\n]{4,400})'
            |(?P<s3>[^\s"'<>,;&(){}\[\]]{6,400}+)(?!\())""",
        ),
    )
)

_WORDS = tuple(dict.fromkeys(word for words, _pattern in _PATTERNS for word in words))

# What stands where a secret could: names of things, examples and what a tool has already hidden.
_HARMLESS = regex(
    r"""(?ix)\A(?: [*xX.#•-]{3,} .{0,4} | \$\{?[\w.]+\}? | %\w+% | <.*> | \{\{.*\}\} | \d{1,5}
    | (?:true|false|null|none|nil|undefined|empty|blank|yes|no|enabled|disabled|required|optional|unknown)
    | default | (?:os|process|system|config|settings|env)\.[\w.]+
    | \[?(?:redacted|masked|hidden|removed|secret)\b.*
    | (?:password|passwd|secret|token|string|value|changeme)s? )\Z"""
)
_REPLACED = regex(r"\[secret [0-9a-f]{12}\]")


def fingerprint(secret: str, key: bytes) -> str:
    """A keyed fingerprint of `secret`: twelve hexadecimal digits of HMAC-SHA-256."""
    return hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def redact(text: str, key: bytes) -> str:
    """Return `text` with every secret replaced by "[secret FINGERPRINT]".

    High precision is wanted: ordinary prose about passwords stays as it is. Private keys, tokens of
    known makes, JSON Web Tokens, authorization headers, credentials in addresses, and assignments
    to names such as password or api_key are recognised. Done twice it changes nothing more.
    """
    lower = text.lower()
    for word in _WORDS:
        if word in lower:
            break
    else:
        return text
    for words, pattern in _PATTERNS:
        if any(word in lower for word in words) and (words is not _NAMES or _ASSIGNED.search(lower)):
            text = pattern.sub(lambda match: _replaced(match, key), text)
    return text


def _replaced(match: re.Match[str], key: bytes) -> str:
    name = match.lastgroup
    whole = match.group()
    if name is None:
        return whole
    secret = match.group(name)
    if _HARMLESS.match(secret) or _REPLACED.search(secret) or secret.startswith("[secret"):
        return whole
    start = match.start(name) - match.start()
    return f"{whole[:start]}[secret {fingerprint(secret, key)}]{whole[start + len(secret) :]}"
