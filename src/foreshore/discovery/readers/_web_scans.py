"""What web-application scanners share: origins as assets, URLs without values, plain texts, their dates."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.facts import ExposureKind, PortSeen, Record, Severity, Sighting

MOST_PROOF = 500  # characters of proof that are kept: responses hold whole pages and sessions

# Weaknesses of how a site is set up (headers, cookies, transport, listings), as CWE numbers.
SETUP_CWES = frozenset(
    {
        2, 4, 11, 12, 13, 15, 16, 295, 296, 297, 298, 310, 311, 319, 326, 327, 345, 346, 353, 523, 524, 525, 548, 598,
        614, 644, 650, 693, 749, 757, 829, 942, 1004, 1021, 1032, 1035, 1104, 1275, 1349,
    }
)  # fmt: skip

_TAG = regex(r"<[^<>]{1,1000}>")
_BREAK = regex(r"</(?:p|div|li|tr|h[1-6]|ul|ol|pre)>|<br ?/?>", re.IGNORECASE)
_BLANKS = regex(r"[ \t\r\f\v\xa0]+")
_LINES = regex(r"\n{2,}")
_PATH_PARAMETER = regex(r";([^=;/?]{1,100})=[^;/?]*")
_HREF = regex(r"""href=["']([^"'<>\s]{1,2000})["']""", re.IGNORECASE)
_PASSWORD = regex(r"""(?i)\b((?:password|passwd|pass|pwd|pw)(?: ?[=:] ?["']?| ["']))[^\s"'&,;)]{1,200}""")
_COOKIE = regex(r"(?i)\b((?:set-)?cookie2?: {0,4}[^=;\s]{1,200}=)[^;\s]+")


class Origin(NamedTuple):
    """Scheme, host and port of a web application; `key` is `https://host` or `https://host:8443`."""

    key: str
    scheme: str
    host: str
    port: int


@lru_cache(maxsize=65536)
def origin(url: str) -> Origin:
    """The origin of a URL or of `host:port`; a host without scheme is taken as http, or https at 443 and 8443."""
    host, port, _path = _naming.split_url(url)
    host = host.lower().rstrip(".")
    written = url.strip().partition("://")
    scheme = written[0].lower() if written[1] else ""
    if not scheme:
        scheme = "https" if port in (443, 8443) else "http"
    usual = {"http": 80, "https": 443}.get(scheme, 0)
    port = port or usual
    shown = f"[{host}]" if ":" in host else host
    return Origin(f"{scheme}://{shown}" + ("" if port == usual else f":{port}"), scheme, host, port)


class Applications:
    """The web applications of a report, each said once, with the port where it answers."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def at(self, url: str, *, called: str = "", address: str = "", server: str = "") -> tuple[str, list[Record]]:
        """The key of the application at `url`, and the records that must come before its findings.

        A URL without a host is an application under the name `called`, or under the text itself. `address`
        is what the host resolved to, `server` the banner of its web server.
        """
        found = origin(url)
        name = found.key if found.host else (called or url).strip() or "web application"
        if name in self._said:
            return name, []
        self._said.add(name)
        identifiers = _naming.host_identifiers(found.host) or (("artifact", name),)
        if resolved := _naming.address(address):
            identifiers = tuple(dict.fromkeys((*identifiers, ("ip", resolved))))
        records: list[Record] = [Sighting(key=name, name=name, kind="web_application", identifiers=identifiers)]
        if found.host and found.port:
            records.append(_port(name, found, server))
        return name, records


def _port(asset: str, found: Origin, server: str) -> PortSeen:
    product, _, rest = server.strip().partition("/")
    secure = found.scheme in ("https", "wss")
    return PortSeen(
        asset=asset,
        port=found.port,
        service="https" if secure else "http",
        product=product,
        version=rest.split(" ")[0],
        tls=secure,
    )


def joined(base: str, path: str) -> str:
    """The URL of `path` on the origin of `base`; `path` itself where it is a whole URL or `base` is none."""
    path = path.strip()
    found = origin(base)
    if "://" in path[:12] or not found.host:
        return path
    return found.key + (path if path.startswith("/") or not path else f"/{path}")


@lru_cache(maxsize=65536)
def bare_url(url: str) -> str:
    """The URL with the names of its parameters but not their values, and without a user's name and password.

    Parameters within the path (`;jsessionid=…`) lose their values too.
    """
    place, _, _fragment = url.strip().partition("#")
    place, mark, query = place.partition("?")
    scheme, colon, rest = place.partition("://")
    if colon and "@" in (authority := rest.partition("/")[0]):
        place = f"{scheme}://{authority.rpartition('@')[2]}{rest[len(authority) :]}"
    place = _PATH_PARAMETER.sub(r";\1", place)
    if not mark:
        return place
    names = dict.fromkeys(part.partition("=")[0] for part in query.split("&") if part)
    return f"{place}?{'&'.join(names)}" if names else place


@lru_cache(maxsize=2048)
def plain(text: str) -> str:
    """HTML as plain text, a line a paragraph; text without markup as it is."""
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    if "&" in text:
        text = html.unescape(text)
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _LINES.sub("\n", "\n".join(lines)).strip()


@lru_cache(maxsize=2048)
def links(*texts: str) -> tuple[str, ...]:
    """The addresses that HTML links to, each once."""
    return tuple(dict.fromkeys(html.unescape(one) for text in texts for one in _HREF.findall(text) if "://" in one))


def proof(*texts: str) -> str:
    """Short texts of proof, one a line, bounded; the values of cookies are taken out."""
    kept = [one for text in texts if (one := plain(text[: 8 * MOST_PROOF]))]
    return _COOKIE.sub(r"\1…", "\n".join(kept))[:MOST_PROOF].strip()


def without_passwords(text: str) -> str:
    """Text without what stands after `password=`, `PW '` and the like: guessed passwords are secrets."""
    return _PASSWORD.sub(r"\1…", text)


def kind_of(severity: Severity, cwes: Iterable[int]) -> ExposureKind:
    """A finding without severity is an observation; one of headers, cookies and transport is configuration."""
    if severity == "info":
        return "observation"
    return "misconfiguration" if not SETUP_CWES.isdisjoint(cwes) else "vulnerability"


@lru_cache(maxsize=16384)
def path_of(url: str) -> str:
    """The path of a URL, '/' where it has none."""
    try:
        return urlsplit(url.strip()).path or "/"
    except ValueError:
        return "/"


# -- dates that are written with slashes --------------------------------------------------------

_SLASHED = regex(
    r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,? +(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?: ?([AaPp])\.?[Mm]\.?)?)?"
    r"(?: *\(?(?:UTC|GMT) ?(?:([+-])(\d{1,2}):?(\d{2}))?\)?)?$",
    re.ASCII,
)
TWO_WAYS = "can be read as day-month or month-day, and nothing in the report decides it"


class Dates:
    """Times of one report whose writer chose day-month-year or month-day-year: all of them decide which.

    Times in ISO 8601 and epoch seconds are taken as they are.
    """

    def __init__(self, texts: Collection[str], *, day_first: bool | None = None) -> None:
        self.day_first = day_first
        if day_first is None:
            found = {(int(one[1]) > 12, int(one[2]) > 12) for text in texts if (one := _SLASHED.match(text.strip()))}
            if ((True, False) in found) != ((False, True) in found):
                self.day_first = (True, False) in found

    def read(self, text: str) -> tuple[datetime | None, bool]:
        """(the time in UTC, whether no zone was written); (None, False) where it is none or undecided."""
        found = _SLASHED.match(text.strip())
        if found is None:
            try:
                return _naming.moment(text)
            except (OverflowError, ValueError, OSError):
                return None, False
        first, second = int(found[1]), int(found[2])
        day_first = True if first == second else self.day_first
        if day_first is None:
            return None, False
        return _slashed(found, *((first, second) if day_first else (second, first)))

    def when(self, text: str) -> datetime | None:
        """The time in UTC, where `text` is one."""
        return self.read(text)[0] if text else None

    def undecided(self, text: str) -> bool:
        """Is `text` a date that nothing in the report decides?"""
        found = _SLASHED.match(text.strip())
        return found is not None and self.day_first is None and int(found[1]) != int(found[2])


def _slashed(found: re.Match[str], day: int, month: int) -> tuple[datetime | None, bool]:
    hour = int(found[4] or 0)
    if found[7] and hour <= 12:
        hour = hour % 12 + (12 if found[7] in "pP" else 0)
    zone = UTC
    written = "UTC" in found[0] or "GMT" in found[0]
    try:
        if found[8]:
            shift = timedelta(hours=int(found[9]), minutes=int(found[10]))
            zone = timezone(shift if found[8] == "+" else -shift)
        local = datetime(int(found[3]), month, day, hour, int(found[5] or 0), int(found[6] or 0), tzinfo=zone)
        return local.astimezone(UTC), not written
    except (ValueError, OverflowError):
        return None, False


def each_once(values: Iterable[str]) -> Iterator[str]:
    """The texts that are not empty, each once, in their order."""
    yield from dict.fromkeys(one for one in values if one)
