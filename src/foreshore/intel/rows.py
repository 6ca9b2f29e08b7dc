"""Signals as rows on their way into the lake, and how source dates become UTC times."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeGuard

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("weakness", pa.string()),
        ("kind", pa.string()),
        ("value", pa.float64()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("model", pa.string()),
        ("observed_at", pa.timestamp("us")),
    ]
)
CVE = re.compile(r"CVE-\d{4}-\d{4,}\Z")
# Names under which databases publish what may have no CVE: the prefixes registered with the OSV schema.
_ADVISORY = re.compile(
    r"GHSA(-[23456789cfghjmpqrvwx]{4}){3}\Z"
    r"|(A|AL[BES]A|ALPINE|ASB-A|AZL|BELL|BIT|CGA|CURL|DEBIAN|DLA|DRUPAL|DSA|DTSA|ECHO|EEF|ELA|GO|GSD|HSEC|JLSEC|KUBE"
    r"|LBSEC|LSN|MAL|MGASA|MINI|OESA|OSEC|OSV|PHSA|PSF|PUB-A|PYSEC|R[HLX][BES]A|ROOT|RSEC|RUSTSEC|SNYK|UBUNTU|USN|V8|VSV"
    r"|(SUSE|openSUSE)-[A-Z]U)-[\w.:-]+\Z"
)
Wanted = frozenset[str] | None
_DATE = re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})")


class Rows:
    """Collects signals of one source; `table` hands them over and starts anew."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.latest: datetime | None = None
        self.earliest: datetime | None = None
        self._rows: list[tuple[str, str, float | None, str, str, str, datetime | None]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        weakness: str,
        kind: str,
        observed_at: datetime | None,
        *,
        value: float | None = None,
        text: str = "",
        model: str = "",
        source: str = "",
    ) -> None:
        """Take one signal; `observed_at` is the source's own date, UTC without zone."""
        self._rows.append((weakness, kind, value, text, source or self.source, model, observed_at))

    def date(self, moment: datetime | None) -> None:
        """Note a date of the source, for its marker."""
        if moment is not None:
            self.latest = moment if self.latest is None else max(self.latest, moment)
            self.earliest = moment if self.earliest is None else min(self.earliest, moment)

    def mark(self, feed: str, *, model: str = "", history: bool = False) -> None:
        """Add the marker that `feed` was read up to its latest date.

        With `history`, the source dates each entry, so that it also covers the time back to its
        earliest one.
        """
        for moment in dict.fromkeys((self.earliest, self.latest) if history else (self.latest,)):
            self.add("*", f"feed:{feed}", moment, model=model)

    def table(self) -> pa.Table:
        """Return what was collected as an Arrow table of `SCHEMA`, and forget it."""
        columns: list[Any] = list(zip(*self._rows, strict=True)) if self._rows else [[] for _ in SCHEMA]
        self._rows = []
        return pa.table(
            [pa.array(column, kind.type) for column, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )


def moment(text: object) -> datetime | None:
    """Return the UTC time that `text` names (ISO 8601 in the spellings feeds use), or None.

    A time without a zone is taken as UTC; a day is its midnight; impossible dates are None.
    """
    if not isinstance(text, str) or len(text) < 8:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return _loose(text)
    try:
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except OverflowError:
        return None


def _loose(text: str) -> datetime | None:
    match = _DATE.search(text)
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None


def wants(weakness: object, wanted: Wanted) -> TypeGuard[str]:
    """Say whether `weakness` is a CVE name and among the wanted ones (None: all)."""
    return isinstance(weakness, str) and CVE.match(weakness) is not None and (wanted is None or weakness in wanted)


def is_public(name: str) -> bool:
    """Say whether `name` is a CVE or the identifier of a public advisory (GHSA, PYSEC, RHSA, DSA …)."""
    return CVE.match(name) is not None or _ADVISORY.match(name) is not None


def only(names: Iterable[str]) -> Wanted:
    """Return the public names (CVE, GHSA and other advisories) among `names`: the set that feeds filter by."""
    return frozenset(name for name in names if is_public(name))
