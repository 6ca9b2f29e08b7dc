"""What readers of host scanners share: prose in XML, coverage by listed checks, places that hold no address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from lxml import etree

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import Covered

_SPACES = regex(r"\s+")
_BARE_MAC = regex(r"^[0-9A-Fa-f]{12}$")


def local(element: etree._Element) -> str:
    """The name of `element` without its namespace."""
    return str(element.tag).rpartition("}")[2]


def prose(element: etree._Element | None, breaks: frozenset[str]) -> str:
    """The text within `element`; each element named in `breaks` begins a line, runs of space are one space."""
    if element is None:
        return ""
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if not isinstance(inner.tag, str):
            continue
        if local(inner) in breaks:
            parts.append("\n")
        text = inner.text if event == "start" else (inner.tail if inner is not element else "")
        parts.append(_SPACES.sub(" ", text or ""))
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def covered(tool: str, asset: str, checks: Iterable[str], authenticated: bool | None = None) -> Covered | None:
    """The statement that exactly `checks` looked at `asset`; None where there are none."""
    listed = tuple(sorted(set(checks)))
    if not listed:
        return None
    digest = sha256("\n".join(listed).encode("utf-8", "replace")).hexdigest()[:16]
    return Covered(asset=asset, checks=f"{tool}:{digest}", check_list=listed, authenticated=authenticated)


def macs(text: str) -> list[tuple[str, str]]:
    """Identifiers for the hardware addresses in `text`, which may be written without separators."""
    value = text.strip()
    if _BARE_MAC.match(value):
        value = ":".join(value[place : place + 2] for place in range(0, 12, 2))
    return [("mac", mac) for mac in hosts.macs(value)]


def addresses(texts: Iterable[str]) -> hosts.Identifiers:
    """Identifiers for those of `texts` that are addresses, also with a port behind them."""
    found: list[tuple[str, str]] = []
    for text in texts:
        value = text.strip()
        if not naming.address(value) and "://" not in value and "/" not in value:
            value = naming.split_url(value)[0]
        found.extend(hosts.named("ip", value))
    return tuple(dict.fromkeys(found))


def local_agent(tool: str, number: str) -> list[tuple[str, str]]:
    """The identifier of an agent by its UUID or long hexadecimal name; short numbers are of one console only."""
    value = number.strip().lower()
    if hosts.uuid(value):
        return [hosts.agent(tool, value)]
    return [("agent_id", f"{tool}:{value}")] if re.fullmatch(r"[0-9a-f]{24,64}", value) else []


_DATES = regex(r"(?<!\d)\d{4}[-_.]?\d{2}[-_.]?\d{2}([T_-]?\d{2}[-_.:]?\d{2}([-_.:]?\d{2})?Z?)?(?!\d)")


def by_file(tool: str, name: str) -> str:
    """What to call the asset of a report that names none: the tool and the file, without dates in its name.

    Two such files are more likely of two machines than of one, and their findings must not join.
    """
    stem = re.split(r"[/\\!:]", name)[-1].partition(".")[0]
    stem = _DATES.sub("", stem).strip(" -_.")
    return f"{tool} {stem}".strip()
