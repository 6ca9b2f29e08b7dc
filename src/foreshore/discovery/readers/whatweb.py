"""WhatWeb's JSON (`--log-json`), version 0.4 and 0.5."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery.readers import _decoding
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import first_row
from foreshore.discovery.readers._web_answers import answer
from foreshore.discovery.readers._web_scans import Applications, origin

Value = list[list[Scalar] | Scalar] | Scalar  # some plugins nest the parts of one text

# Plugins that tell of people, visits or places and not of the software
_NOT_SOFTWARE = frozenset({"Country", "Email", "Cookies", "IP", "Title", "HTTPServer", "HttpOnly", "PasswordField"})
# Plugins whose text names software
_NAMED = frozenset({"MetaGenerator", "X-Powered-By", "PoweredBy", "Powered-By"})


class _Plugin(msgspec.Struct, gc=False):
    string: Value = None
    version: Value = None


class _Target(msgspec.Struct, gc=False):
    target: Scalar = None
    http_status: Scalar = None
    plugins: dict[str, _Plugin | None] | None = None


_TARGET: msgspec.json.Decoder[_Target] = msgspec.json.Decoder(_Target)


@dataclass(frozen=True)
class WhatWeb:
    """Reads web applications with their ports; each target that answered is an observation with its software."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether the first row has a target and a table of plugins."""
        row = first_row(head)
        return isinstance(row.get("target"), str) and isinstance(row.get("plugins"), dict) and "http_status" in row

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then each application once, and one observation for each target."""
        skipped: list[facts.Skipped] = []
        yield facts.RunSeen(tool="whatweb")
        applications = Applications()
        for number, row in enumerate(_decoding.rows(report, _TARGET, skipped.append), 1):
            if row.target is None and row.plugins is None:
                continue  # older versions end their list with an empty object
            yield from _target(row, number, applications)
        yield from skipped


PLUGIN = WhatWeb()


def _target(row: _Target, number: int, applications: Applications) -> Iterator[facts.Record]:
    url = naming.text(row.target).strip()
    if not origin(url).host:
        yield facts.Skipped(f"target {number}", "names no URL")
        return
    plugins = {name: plugin for name, plugin in (row.plugins or {}).items() if plugin is not None}
    server = _first(plugins.get("HTTPServer"))
    asset, before = applications.at(url, address=_first(plugins.get("IP")), server=server)
    yield from before
    yield answer(
        asset, url, naming.text(row.http_status), (server, *_software(plugins)), title=_first(plugins.get("Title"))
    )


def _first(plugin: _Plugin | None) -> str:
    return next(iter(_texts(plugin.string)), "") if plugin is not None else ""


def _texts(value: Value) -> list[str]:
    found = []
    for one in value if isinstance(value, list) else [value]:
        text = " ".join(naming.text(part) for part in one) if isinstance(one, list) else naming.text(one)
        if text.strip():
            found.append(text.strip())
    return found


def _software(plugins: dict[str, _Plugin]) -> Iterator[str]:
    for name, plugin in plugins.items():
        if name not in _NOT_SOFTWARE:
            told = _texts(plugin.version) + (_texts(plugin.string) if name in _NAMED else [])
            yield f"{name} {', '.join(told)}".strip()
