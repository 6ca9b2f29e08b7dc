"""Where intelligence comes from: each feed's own address, or what `foreshore.toml` says in its place.

[intel.kev]
url = "https://mirror.example.com/kev.json"    # an address, a file or a folder
allow = ["10.20.0.0/16"]                       # only where the mirror has a private address

[intel.nvd]                                    # answers in pages; asked only when named here
key_from = "env:NVD_API_KEY"                   # or "file:/path"; the key itself never stands here
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore.errors import UsageError
from foreshore.workspace import SETTINGS

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

NVD = "https://services.nvd.nist.gov/rest/json/cves/2.0"
VULNCHECK = "https://api.vulncheck.com/v3/backup/vulncheck-kev"
EPSS_DAY = "https://epss.empiricalsecurity.com/epss_scores-{day}.csv.gz"
# Sources that are asked in a way of their own, and only when they are named.
_WAYS = {"nvd": ("nvd", NVD), "vulncheck": ("backup", VULNCHECK), "vulncheck_kev": ("backup", VULNCHECK)}
_KNOWN = ("url", "key_from", "allow", "since", "days_url", "off")
_EXAMPLE = '[intel.kev] with url = "https://mirror.example.com/kev.json" below it'
_CREDENTIAL = re.compile(r"passw|secret|token|bearer|api_?key|^key$", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One source. `way` is plain (one file), days (a file a day), nvd (pages by date of change) or backup.

    `where` is an address, a file or a folder; of `days` an address with `{day}` in it, asked from `since` on.
    """

    name: str
    where: str
    way: str = "plain"
    key_from: str = ""
    allow: tuple[str, ...] = ()
    since: date | None = None

    @property
    def remote(self) -> bool:
        """Whether it lies on the network."""
        return self.where.lower().startswith(("http://", "https://"))

    def key(self) -> str:
        """Return the key that `key_from` points at, "" where there is none; raises UsageError."""
        if not self.key_from:
            return ""
        kind, _, place = self.key_from.partition(":")
        try:
            text = os.environ.get(place, "") if kind == "env" else Path(place).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("the key cannot be read", where=place, hint="see key_from") from error
        if not text.strip():
            raise UsageError("there is no key", where=place, hint="set what key_from names")
        if self.where.lower().startswith("http:") and not _loopback(self.where):
            raise UsageError("a key is not sent without encryption", where=self.name, hint="use https")
        return text.strip()


def named(texts: Sequence[str | Path]) -> list[Source]:
    """Return sources for what a person named: addresses, files, folders."""
    return [Source(str(one), str(one), "nvd" if _is_nvd(str(one)) else "plain") for one in texts]


def configured(workspace: Workspace, feeds: Mapping[str, Any]) -> list[Source]:
    """Return the sources of a workspace: each feed's own address, with the settings of `foreshore.toml`.

    Raises UsageError, naming file and section, for what cannot be a setting.
    """
    path = workspace.root / SETTINGS
    tables = tomllib.loads(path.read_text("utf-8")).get("intel", {})
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise UsageError("“intel” has to be tables, one a source", where=str(path), hint=_EXAMPLE)
    found: list[Source] = []
    for name, feed in feeds.items():
        if name not in tables:
            found += [Source(name, one) for one in _addresses(feed) if name not in _WAYS]
    for name, table in tables.items():
        _check(name, table, str(path))
        if not table.get("off", False):
            found += _sources(name, table, feeds.get(name), str(path))
    return found


def _addresses(feed: Any) -> tuple[str, ...]:
    url = getattr(feed, "url", "")
    return tuple(url) if isinstance(url, (tuple, list)) else (url,) if url else ()


def _sources(name: str, table: Mapping[str, Any], feed: Any, where: str) -> list[Source]:
    way, own = _WAYS.get(name, ("plain", ""))
    addresses = (table["url"],) if "url" in table else (own,) if own else _addresses(feed)
    if not addresses:
        raise UsageError("it has no address of its own", where=f"{where}, intel.{name}", hint=_EXAMPLE)
    rest: dict[str, Any] = {"key_from": table.get("key_from", ""), "allow": tuple(table.get("allow", ()))}
    if way == "backup" and "url" not in table and not rest["key_from"]:
        raise UsageError("it answers only with a key", where=f"{where}, intel.{name}", hint='key_from = "env:NAME"')
    found = [Source(name, one, way if one.lower().startswith("http") else "plain", **rest) for one in addresses]
    since = table.get("since")
    if since is not None:
        days = table.get("days_url", EPSS_DAY)
        found.append(Source(f"{name}-days", days, "days", since=_day(since, f"{where}, intel.{name}"), **rest))
    return found


def _check(name: str, table: Mapping[str, Any], path: str) -> None:
    where = f"{path}, intel.{name}"
    for setting, value in table.items():
        if setting not in _KNOWN:
            if _CREDENTIAL.search(setting):
                raise UsageError(
                    f"“{setting}” looks like a credential, which must not stand here", where=where,
                    hint='key_from = "env:NAME" or "file:/path"',
                )  # fmt: skip
            raise UsageError(f"“{setting}” is no setting", where=where, hint=f"known: {', '.join(_KNOWN)}")
        kind = {"allow": list, "off": bool, "since": (date, str)}.get(setting, str)
        if not isinstance(value, kind):  # type: ignore[arg-type]
            raise UsageError(f"{setting} is of the wrong kind", where=where, hint=_EXAMPLE)
    if "key_from" in table and not re.fullmatch(r"(env:\w+|file:.+)", table["key_from"]):
        raise UsageError("this is no place", where=f"{where}, key_from", hint='"env:NAME" or "file:/path"')
    if "days_url" in table and "{day}" not in table["days_url"]:
        raise UsageError("the address has no {day} in it", where=f"{where}, days_url", hint=EPSS_DAY)
    for network in table.get("allow", ()):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise UsageError(f"“{network}” is not a network", where=where, hint='allow = ["10.20.0.0/16"]') from None


def _day(value: Any, where: str) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError:
        raise UsageError(f"“{value}” is not a day", where=f"{where}, since", hint="since = 2025-01-01") from None


def _is_nvd(text: str) -> bool:
    return text.lower().startswith("http") and "/rest/json/cves/2.0" in text


def _loopback(url: str) -> bool:
    return bool(re.match(r"http://(127\.\d+\.\d+\.\d+|\[::1\]|localhost)[:/]", url.lower()))
