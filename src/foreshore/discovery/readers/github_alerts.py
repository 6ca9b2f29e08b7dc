"""GitHub's REST alerts: on dependencies, of code scanning, and on secrets, of a repository or an organization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _github_alerts, _naming, _packages_values
from foreshore.discovery.readers._github_rows import Alert, code, dependency, secret
from foreshore.discovery.readers._host_scans import by_file
from foreshore.facts import Finding, Record, RunSeen, Skipped

_DEPENDENCY = regex(r'"security_(advisory|vulnerability)"\s*:\s*\{')
_CODE = regex(r'"most_recent_instance"\s*:')
_SECRET = regex(r'"secret_type(_display_name)?"\s*:')
_ALERT = regex(r'"(html_url|number|state)"\s*:')

_ROW: msgspec.json.Decoder[Alert] = msgspec.json.Decoder(Alert)
_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class GithubAlerts:
    """Reads alerts of all three kinds, one page or many; of a secret only where it is and of what kind."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins alerts of GitHub's REST interface."""
        opening = reports.decode_head(head).lstrip()
        if opening[:1] not in ("{", "[") or not _ALERT.search(opening):
            return False
        return bool(_DEPENDENCY.search(opening) or _CODE.search(opening) or _SECRET.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each repository once, and one finding for each alert."""
        skipped: list[Skipped] = []
        rows = list(_decoding.each(_ROW, list(_raws(report)), "alerts", skipped.append))
        tools = dict.fromkeys(f"github {_reading(row)[0]}" for row in rows if _reading(row)[0])
        yield RunSeen(tool=", ".join(tools) or "github", version=_version(rows))
        said: set[str] = set()
        unnamed = by_file("github repository", report.name)
        for number, row in enumerate(rows):
            _kind, finding = _reading(row)
            if finding is None:
                skipped.append(Skipped(f"alerts[{number}]", "is no alert of a kind that is known"))
                continue
            links = (_naming.text(row.html_url), _naming.text(row.url))
            sighting = _github_alerts.repository(row.repository or {}, *links, name=unnamed)
            if sighting.key not in said:
                said.add(sighting.key)
                yield sighting
            yield finding(sighting.key, row)
        yield from skipped


def _raws(report: facts.Report) -> Iterator[msgspec.Raw]:
    """The alerts of one list, of lists one after the other, of a list of lists, or each by itself."""
    for value in _packages_values.values(report):
        waiting = [msgspec.Raw(value)]
        for raw in waiting:
            if memoryview(raw)[:1].tobytes() != b"[":
                yield raw
                continue
            try:
                inner = _LIST.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise _decoding.broken(report, error) from error
            waiting.extend(inner)


def _reading(row: Alert) -> tuple[str, Callable[[str, Alert], Finding] | None]:
    """The kind of an alert, and how it is read."""
    if row.security_advisory is not None or row.security_vulnerability is not None:
        return "dependabot", dependency
    if row.most_recent_instance is not None or row.rule is not None:
        return "code scanning", code
    if row.secret_type is not None:
        return "secret scanning", secret
    return "", None


def _version(rows: list[Alert]) -> str:
    """Name and version of the scanner, where one alone made the alerts of code scanning."""
    seen = {(_naming.text(row.tool.name), _naming.text(row.tool.version)) for row in rows if row.tool is not None}
    return " ".join(part for part in next(iter(seen)) if part) if len(seen) == 1 else ""


PLUGIN = GithubAlerts()
