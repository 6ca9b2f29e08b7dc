"""What network scanners call things, in our words: identifiers of hosts, CPE names, times, CVSS vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import AssetKind

Identifiers = tuple[tuple[str, str], ...]

_MAC = regex(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b|\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b")
_UUID = regex(r"^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$", re.IGNORECASE)

# Beginnings of addresses that many machines share: nothing, redundancy protocols, and virtual adapters
# that desktop virtualisation and VPN clients give to every computer in the same way.
_SHARED_MACS = (
    "00:00:00", "ff:ff:ff", "00:00:5e", "00:00:0c:07:ac", "00:00:0c:9f", "00:07:b4",
    "00:50:56:c0:00:01", "00:50:56:c0:00:08", "00:05:9a:3c:7", "00:09:0f:fe:00", "00:09:0f:aa:00",
    "00:1c:42:00:00:08", "00:1c:42:00:00:09", "00:ff:", "20:41:53:59:4e:ff", "33:50:6f:45:30:30",
)  # fmt: skip
# Firmware that was never given a number.
_SHARED_UUIDS = frozenset({"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009"})

_KINDS: dict[str, AssetKind] = {"web_application": "web_application"}
_KINDS |= dict.fromkeys(
    (
        "router", "switch", "firewall", "printer", "print server", "webcam", "camera", "embedded",
        "load-balancer", "load balancer", "wireless-access-point", "wap", "voip phone", "voip adapter",
        "voip-phone", "phone", "mobile", "packet-shaper", "broadband router", "bridge", "hub",
        "media device", "power-device", "pbx", "storage-misc", "terminal", "terminal server",
        "remote management", "security-misc", "proxy server", "specialized", "vpn",
        "unified-threat-management",
    ),
    "device",
)  # fmt: skip
_KINDS |= dict.fromkeys(("scada", "plc", "ics", "industrial-control"), "ot_device")


def kind_of(system_type: str) -> AssetKind:
    """The kind of asset for a scanner's word for the type of a system; a host where it says nothing."""
    return _KINDS.get(system_type.strip().lower(), "host")


def macs(text: str) -> list[str]:
    """The hardware addresses in `text` that belong to one machine only, in lower case with colons.

    Left out: null and broadcast, group addresses, locally administered ones (containers, randomised
    wireless, most virtual private networks), redundancy protocols, adapters that every computer with
    the same software has.
    """
    found = []
    for match in _MAC.findall(text):
        digits = re.sub(r"[^0-9a-f]", "", match.lower())
        mac = ":".join(digits[place : place + 2] for place in range(0, 12, 2))
        if not int(digits[:2], 16) & 3 and not mac.startswith(_SHARED_MACS):
            found.append(mac)
    return list(dict.fromkeys(found))


def uuid(text: str) -> str:
    """A UUID in lower case with dashes, '' where `text` is none or one that means nothing."""
    value = text.strip()
    if not _UUID.match(value):
        return ""
    digits = re.sub(r"[^0-9a-f]", "", value.lower())
    shown = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return "" if len(set(digits)) < 3 or shown in _SHARED_UUIDS else shown


def agent(tool: str, number: str) -> tuple[str, str]:
    """The identifier of an agent or of a host in a tool's own list, under the tool's name; '' for none."""
    bare = number.strip()
    value = uuid(number) or (bare if bare.isascii() and bare.isdigit() and bare.strip("0") else "")
    return ("agent_id", f"{tool}:{value}" if value else "")


def named(kind: str, value: str) -> Identifiers:
    """Identifiers from a value that is meant to be of `kind`, corrected by what it really is.

    A "name" that is an address is an address; a name without a dot is a host name, never an fqdn.
    """
    value = value.strip().strip(".").lower()
    if not value or value in ("unknown", "n/a", "none", "-", "localhost", "localhost.localdomain"):
        return ()
    if kind == "ip":
        shown = naming.address(value)
        return (("ip", shown),) if shown and not _no_place(shown) else ()
    if kind == "netbios":
        return (("netbios", value.rpartition("\\")[2]),)
    found = naming.host_identifiers(value)
    return tuple(one for one in found if one[0] in ("ip", "fqdn", "hostname"))


def _no_place(address: str) -> bool:
    return address.startswith(("127.", "169.254.", "fe80:")) or address in ("::1", "0.0.0.0", "::")  # noqa: S104


def gather(*groups: Iterable[tuple[str, str]]) -> Identifiers:
    """All identifiers once, in their order."""
    return tuple(dict.fromkeys(one for group in groups for one in group if one[1]))


# -- software ------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def cpe(name: str) -> tuple[str, str, str]:
    """(CPE 2.3 up to the product, plain product name, version) of a CPE 2.2 or 2.3 name; empty if none."""
    name = name.strip()
    if name.startswith("cpe:/"):
        parts = name[5:].split(":")
    elif name.startswith("cpe:2.3:"):
        parts = [part.replace("\\", "") for part in re.split(r"(?<!\\):", name[8:])]
    else:
        return "", "", ""
    if len(parts) < 3 or parts[0] not in ("a", "o", "h") or not parts[2]:
        return "", "", ""
    vendor, product = (naming._unquote(part).lower() for part in parts[1:3])
    version = parts[3] if len(parts) > 3 and parts[3] not in ("*", "-") else ""
    built = naming.product(vendor, product).replace("cpe:2.3:a:", f"cpe:2.3:{parts[0]}:", 1)
    return built, product, naming._unquote(version)


def best_cpe(names: Iterable[str]) -> tuple[str, str, str]:
    """`cpe` of the first application, else of the first operating system or hardware."""
    found = [one for one in (cpe(name.partition(" -> ")[0]) for name in names) if one[0]]
    for one in found:
        if one[0].startswith("cpe:2.3:a:"):
            return one
    return found[0] if found else ("", "", "")


_INSTALLED = regex(
    r"^[ \t]*(?:- )?(?:installed version|version installed|remote package installed|installed package|"
    r"reported version|detected version|file version)[ \t]*:[ \t]*(\S[^\r\n]{0,120})",
    re.IGNORECASE | re.MULTILINE,
)
_FIXED = regex(
    r"^[ \t]*(?:- )?(?:fixed versions?|should be|fixed package|minimum version|fixed release)"
    r"[ \t]*:[ \t]*(\S[^\r\n]{0,120})",
    re.IGNORECASE | re.MULTILINE,
)


def versions(output: str) -> tuple[str, str]:
    """(installed, fixed) as the check's output states them on lines of their own; '' where it does not."""
    if "ersion" not in output and "nstalled" not in output:
        return "", ""
    installed, fixed = _INSTALLED.search(output), _FIXED.search(output)
    return (installed.group(1).strip() if installed else "", fixed.group(1).strip() if fixed else "")


_FAMILIES = {
    "Amazon Linux Local Security Checks": "amazon",
    "Red Hat Local Security Checks": "redhat",
    "CentOS Local Security Checks": "centos",
    "Oracle Linux Local Security Checks": "oracle",
    "Rocky Linux Local Security Checks": "rocky",
    "Alma Linux Local Security Checks": "alma",
    "Fedora Local Security Checks": "fedora",
    "SuSE Local Security Checks": "sles",
    "Debian Local Security Checks": "debian",
    "Ubuntu Local Security Checks": "ubuntu",
}


def package(family: str, installed: str, fixed: str) -> tuple[str, str, str, str]:
    """(purl, name, version, fixed version) of a distribution's package as a local check writes it.

    Names stand before the version: `kernel-4.14.1-2.amzn2` for RPM, `libc6_2.36-9` for Debian's.
    Empty where the family of checks is none of a distribution.
    """
    distribution = _FAMILIES.get(family, "")
    if not distribution or not installed:
        return "", "", "", ""
    if distribution in ("debian", "ubuntu"):
        name, _mark, version = installed.partition("_")
        fixed = fixed.partition("_")[2] or fixed
    else:
        parts = installed.rsplit("-", 2)
        if len(parts) < 3:
            return "", "", "", ""
        name, version = parts[0], f"{parts[1]}-{parts[2]}"
        fixed = fixed.removeprefix(f"{name}-")
    return naming.built_package(distribution, name), name, version, fixed


_KB = regex(r"\bKB[ -]?(\d{6,8})\b", re.IGNORECASE)
_BULLETIN = regex(
    r"\b(MS\d{2}-\d{3}|(?:RHSA|RHBA|ELSA|CESA|ALSA|RLSA)-\d{4}[:-]\d{4,6}|DSA-\d{3,5}(?:-\d)?|USN-\d{3,5}-\d)\b"
)


def fix_name(*texts: str) -> str:
    """The knowledge-base article or vendor bulletin that `texts` name first, '' for none."""
    for text in texts:
        if match := _KB.search(text):
            return f"KB{match.group(1)}"
    for text in texts:
        if match := _BULLETIN.search(text):
            return match.group(1)
    return ""


# -- CVSS ----------------------------------------------------------------------------------------

_V2 = regex(r"(?:CVSS2#)?\(?(AV:[LAN]/AC:[HML]/Au:[MSN]/C:[NPC]/I:[NPC]/A:[NPC])")
_V3 = regex(r"(CVSS:[34]\.\d/[A-Z]{1,3}:[A-Z](?:/[A-Z]{1,3}:[A-Za-z]+)*)")
_V3_BARE = regex(r"(AV:[NALP]/AC:[LH]/PR:[NLH]/UI:[NR]/S:[UC]/C:[NLH]/I:[NLH]/A:[NLH])")


@lru_cache(maxsize=16384)
def vector(text: str, kind: str = "CVSS:3.0") -> str:
    """A CVSS vector in its standard spelling, '' where `text` holds none; version 2 without prefix."""
    if match := _V3.search(text):
        return match.group(1)
    if match := _V3_BARE.search(text):
        return f"{kind}/{match.group(1)}"
    match = _V2.search(text)
    return match.group(1) if match else ""


# -- times ---------------------------------------------------------------------------------------

_FORMATS = (
    "%a %b %d %H:%M:%S %Y",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %I:%M %p",
    "%d %b %Y %I:%M%p GMT%z",
    "%d %b %Y %H:%M GMT%z",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d %b %Y",
)
# Hours from UTC of the zones that reports name by letters; other names are not understood.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "CET": 1, "MET": 1, "WEST": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_ZONE = regex(r"^(.*\d) ?([A-Z]{1,5})$")


@lru_cache(maxsize=16384)
def moment(text: str) -> tuple[datetime | None, bool]:
    """(the time in UTC, whether no zone was written and UTC was assumed); (None, False) if it is no time.

    Knows ISO 8601, epoch seconds, and what Nessus, Qualys and OpenVAS write.
    """
    text = text.strip()
    try:
        found = naming.moment(text)
    except (OverflowError, ValueError, OSError):
        return None, False
    if found[0] is not None or not text:
        return found
    match = _ZONE.match(text)
    if match and match.group(2) not in ("AM", "PM"):
        hours = _ZONES.get(match.group(2))
        local = _parsed(match.group(1))
        if local is not None:
            return local - timedelta(hours=hours or 0), hours is None
    local = _parsed(text)
    if local is None:
        return None, False
    return local, "GMT" not in text


def _parsed(text: str) -> datetime | None:
    """The time in UTC, a missing zone taken as UTC."""
    for form in _FORMATS:
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is looked at below
            if found.tzinfo is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        # Far enough from the ends of the calendar for any zone.
        return found.replace(tzinfo=UTC) if 1 < found.year < 9999 else None
    return None


def when(text: str | None) -> datetime | None:
    """The time in UTC, where `text` is one."""
    return moment(text)[0] if text else None


def latest(texts: Iterable[str]) -> tuple[datetime | None, str, bool]:
    """(the latest time among `texts`, as it was written, whether its zone was assumed)."""
    best: tuple[datetime | None, str, bool] = (None, "", False)
    for text in sorted(set(texts)):
        found, assumed = moment(text)
        if found is not None and (best[0] is None or found > best[0]):
            best = (found, text.strip(), assumed)
    return best
