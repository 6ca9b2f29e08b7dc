"""Principals of a directory by their identifiers: Active Directory by SID or GUID, Entra by object id.

The files of a collection are read apart, so what ties them together are identifiers that the directory
itself gives: the key of a sighting is the same in whichever file it stands.
"""

from __future__ import annotations

from collections.abc import Iterator

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.facts import AssetKind, Relation, Sighting

_SID = regex(r"^(?:(?P<domain>[A-Z0-9_.-]{1,255})-)?(?P<sid>S-1-\d{1,14}(?:-\d{1,10}){0,15})$")
_OF_A_DOMAIN = regex(r"^S-1-5-21-\d+-\d+-\d+")
_GUID = regex(r"^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$")

# What is known by something else than an identifier of the directory.
CERTIFICATE, POLICY = "CERTIFICATE", "ISSUANCE POLICY"

# Names of principals that every Windows domain has under the same number.
_KNOWN = {
    "S-1-0-0": "Nobody", "S-1-1-0": "Everyone", "S-1-3-0": "Creator Owner", "S-1-3-4": "Owner Rights",
    "S-1-5-2": "Network", "S-1-5-4": "Interactive", "S-1-5-7": "Anonymous Logon",
    "S-1-5-9": "Enterprise Domain Controllers", "S-1-5-10": "Principal Self",
    "S-1-5-11": "Authenticated Users", "S-1-5-15": "This Organization", "S-1-5-18": "Local System",
    "S-1-5-19": "Local Service", "S-1-5-20": "Network Service", "S-1-5-32-544": "Administrators",
    "S-1-5-32-545": "Users", "S-1-5-32-546": "Guests", "S-1-5-32-548": "Account Operators",
    "S-1-5-32-549": "Server Operators", "S-1-5-32-550": "Print Operators", "S-1-5-32-551": "Backup Operators",
    "S-1-5-32-552": "Replicators", "S-1-5-32-554": "Pre-Windows 2000 Compatible Access",
    "S-1-5-32-555": "Remote Desktop Users", "S-1-5-32-562": "Distributed COM Users",
    "S-1-5-32-580": "Remote Management Users",
}  # fmt: skip


def key_of(value: str, domain: str = "") -> str:
    """The key of a directory object: its SID or GUID in capitals, what every domain has under its domain's name."""
    key = value.strip().upper()
    found = _SID.match(key)
    if found and not found["domain"] and domain and not _OF_A_DOMAIN.match(key):
        return f"{domain.strip().upper()}-{key}"
    return key


def identifiers(key: str) -> tuple[tuple[str, str], ...]:
    """Identifiers of the object that has `key`: a SID, the directory's GUID, or a name."""
    found = _SID.match(key)
    if found and (found["domain"] or _OF_A_DOMAIN.match(key)):
        return (("sid", key),)
    if found:
        return (("artifact", key),)  # every domain has one: it must not join strongly
    if _GUID.match(key):
        return (("cloud_id", f"ad:{key.lower()}"),)
    if key.startswith((CERTIFICATE, POLICY)) or "=" in key:
        return (("artifact", key),)
    return _naming.host_identifiers(key) or (("artifact", key),)


def known_name(key: str) -> str:
    """A name for people of what is known by its key only; '' for a number, so that a name from elsewhere stands."""
    found = _SID.match(key)
    name = _KNOWN.get(found["sid"], "") if found else ""
    if name and found and found["domain"]:
        return f"{name}@{found['domain']}"
    return name or ("" if found or _GUID.match(key) else key)


def well_known(key: str) -> str:
    """The number of a principal that every domain has under the same, such as S-1-5-11; '' for others."""
    found = _SID.match(key)
    return found["sid"] if found and not _OF_A_DOMAIN.match(found["sid"]) else ""


def kind_of(word: str) -> AssetKind:
    """The kind of asset for a collector's word for an object: computers are hosts, all else is identity."""
    return "host" if word.strip().lower() in ("computer", "computers") else "identity"


def _said(key: str, word: str) -> Iterator[tuple[str, str]]:
    """What the key alone tells of a principal."""
    if word and word.lower() != "base":
        yield "directory_kind", word.lower()
    if number := well_known(key):
        yield "wellknown", number
        if domain := key.removesuffix(number).rstrip("-"):
            yield "domain", domain


class Ties:
    """What one reading said already: every sighting is given once, and every relation of one object once."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._tied: set[tuple[str, str, str, str]] = set()
        self._told: set[tuple[str, str, str, str]] = set()

    def next_object(self) -> None:
        """Forget the relations so far: what one object says of itself twice stands together."""
        self._tied.clear()

    def sighting(self, one: Sighting) -> Iterator[Sighting]:
        """Yield `one` unless its key was said."""
        if one.key not in self._said:
            self._said.add(one.key)
            yield one

    def principal(self, key: str, word: str = "") -> Iterator[Sighting]:
        """Yield a sighting of a principal that is known by its key only, unless it was said."""
        if key and key not in self._said:
            self._said.add(key)
            yield Sighting(
                key=key,
                name=known_name(key),
                kind=kind_of(word),
                identifiers=identifiers(key),
                attributes=tuple(_said(key, word)),
            )

    def tie(self, one: Relation) -> Iterator[Relation]:
        """Yield `one` unless the same was said, with whatever else it says."""
        key = (one.kind, one.source, one.target, one.note)
        if one.source != one.target and key not in self._tied:
            self._tied.add(key)
            yield one

    def once(self, one: Relation) -> Iterator[Relation]:
        """Yield `one` unless the same was said of any object."""
        key = (one.kind, one.source, one.target, one.note)
        if key not in self._told:
            self._told.add(key)
            yield one
