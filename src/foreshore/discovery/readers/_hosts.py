"""What network scanners call things, in our words: identifiers of hosts, CPE names, times, CVSS vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from foreshore.discovery.readers import _naming as naming
from foreshore.facts import AssetKind

Identifiers = tuple[tuple[str, str], ...]

_MAC = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b|\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b")
_UUID = re.compile(r"^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$", re.IGNORECASE)

# Beginnings of addresses that many machines share: nothing, redundancy protocols, and virtual adapters
# that desktop virtualisation and VPN clients give to every computer in the same way.
_SHARED_MACS = (
    "00:00:00", "ff:ff:ff", "00:00:5e", "00:00:0c:07:ac", "00:00:0c:9f", "00:07:b4",
    "00:50:56:c0:00:01", "00:50:56:c0:00:08", "00:05:9a:3c:7", "00:09:0f:fe:00", "00:09:0f:aa:00",
    "00:1c:42:00:00:08", "00:1c:42:00:00:09", "00:ff:", "20:41:53:59:4e:ff", "33:50:6f:45:30:30",
)  # fmt: skip
# Firmware that was never given a number.
_SHARED_UUIDS = frozenset({"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009"})

_DEVICES: dict[str, AssetKind] = {
    word: "device"
    for word in (
        "router", "switch", "firewall", "printer", "print server", "webcam", "camera", "embedded",
        "load-balancer", "load balancer", "wireless-access-point", "wap", "voip phone", "voip adapter",
        "voip-phone", "phone", "mobile", "packet-shaper", "broadband router", "bridge", "hub", "media device",
        "power-device", "pbx", "storage-misc", "terminal", "terminal server", "remote management",
        "security-misc", "proxy server", "specialized", "unified-threat-management", "vpn",
    )
}  # fmt: skip
_DEVICES |= {"scada": "ot_device", "plc": "ot_device", "ics": "ot_device", "industrial-control": "ot_device"}
_DEVICES |= {"web_application": "web_application", "camera": "device"}


def kind_of(system_type: str) -> AssetKind:
    """The kind of asset for a scanner's word for the type of a system; a host where it says nothing."""
    return _DEVICES.get(system_type.strip().lower(), "host")


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


_INSTALLED = re.compile(
    r"^[ \t]*(?:[\w ()./-]{0,40}\s)?(?:installed version|version installed|file version|version|"
    r"installed package|remote package installed|product version|current version|reported version)"
    r"[ \t]*[:=][ \t]*(\S[^\r\n]{0,120}?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIXED = re.compile(
    r"^[ \t]*(?:[\w ()./-]{0,40}\s)?(?:fixed versions?|should be|fixed release|minimum version|"
    r"patched version|fixed package)"
    r"[ \t]*[:=][ \t]*(\S[^\r\n]{0,120}?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def versions(output: str) -> tuple[str, str]:
    """(installed, fixed) as the check's output states them on lines of their own; '' where it does not."""
    if ":" not in output:
        return "", ""
    installed, fixed = _INSTALLED.search(output), _FIXED.search(output)
    return (installed.group(1) if installed else "", fixed.group(1) if fixed else "")


_KB = re.compile(r"\bKB[ -]?(\d{6,8})\b", re.IGNORECASE)
_BULLETIN = re.compile(r"\b(MS\d{2}-\d{3}|(?:RHSA|RHBA|ELSA|CESA|ALSA|RLSA)-\d{4}[:-]\d{4,6}|DSA-\d{3,5}(?:-\d)?|USN-\d{3,5}-\d)\b")


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

_V2 = re.compile(r"(?:CVSS2#)?\(?(AV:[LAN]/AC:[HML]/Au:[MSN]/C:[NPC]/I:[NPC]/A:[NPC])")
_V3 = re.compile(r"(CVSS:[34]\.\d/[A-Z]{1,3}:[A-Z](?:/[A-Z]{1,3}:[A-Za-z]+)*)")
_V3_BARE = re.compile(r"(AV:[NALP]/AC:[LH]/PR:[NLH]/UI:[NR]/S:[UC]/C:[NLH]/I:[NLH]/A:[NLH])")


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
    ("%a %b %d %H:%M:%S %Y", False),
    ("%a, %d %b %Y %H:%M:%S %Z", False),
    ("%b %d, %Y %H:%M:%S %Z", False),
    ("%b %d, %Y %H:%M:%S", False),
    ("%d %b %Y %I:%M%p GMT%z", True),
    ("%d %b %Y %H:%M GMT%z", True),
    ("%m/%d/%Y %H:%M:%S", False),
    ("%m/%d/%Y %H:%M", False),
    ("%m/%d/%Y", False),
    ("%Y/%m/%d %H:%M", False),
    ("%Y/%m/%d", False),
    ("%d %b %Y", False),
)


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
    utc = text.endswith((" UTC", " GMT"))
    for form, zoned in _FORMATS:
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is put right below
        except ValueError:
            continue
        try:
            return (parsed.astimezone(UTC), False) if zoned else (parsed.replace(tzinfo=UTC), not utc)
        except OverflowError:
            return None, False
    return None, False


def when(text: str | None) -> datetime | None:
    """The time in UTC, where `text` is one."""
    return moment(text)[0] if text else None
