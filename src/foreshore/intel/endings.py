"""End of support: until when makers repair a release, matched to operating systems and to components."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from foreshore.intel import releases
from foreshore.intel.signals import naive

Ask = Callable[..., pa.Table]

# How endoflife.date calls the systems that `releases.slug` names otherwise.
_SYSTEMS = {
    "redhat": "rhel", "rocky": "rocky-linux", "alma": "almalinux", "amazon": "amazon-linux", "oracle": "oracle-linux",
    "alpine": "alpine-linux", "suse-linux-enterprise-server": "sles",
}  # fmt: skip
_WINDOWS_SERVER = re.compile(r"windows server (20\d\d)( r2)?")
_WINDOWS = re.compile(r"windows (xp|vista|7|8\.1|8|10|11)\b[^0-9]{0,60}(\d\dh\d|1[5-9]\d\d|2004)?")
_VERSION = re.compile(r"\d+(?:\.\d+)*")
_SAID = """
    SELECT weakness, kind, arg_max(text, {day: observed_at, known: known_at, text: text}) AS text,
        CASE WHEN kind = 'product' THEN text END AS point
    FROM signals WHERE weakness LIKE 'eol:%' AND kind IN ('end_of_life', 'product')
        AND observed_at <= TIMESTAMP '$as_of' GROUP BY weakness, kind, point
"""


@dataclass(frozen=True)
class Ending:
    """Until when a release is supported: `day` where one is named, else `ended` alone."""

    product: str
    cycle: str
    day: date | None
    ended: bool

    def sentence(self) -> str:
        """Return it in words."""
        name = f"{self.product} {self.cycle}"
        if self.day is None:
            return f"support of {name} has ended" if self.ended else f"{name} is supported"
        return f"support of {name} {'ended' if self.ended else 'ends'} on {self.day}"

    def years(self, today: date) -> float:
        """Return how many years support is over; 0 where it is not, or no day is named."""
        return max(0.0, (today - self.day).days / 365.25) if self.day and self.ended else 0.0


@dataclass(frozen=True)
class Endings:
    """All cycles by product, and products by the identifiers that the feed gives them, as of `today`."""

    today: date
    cycles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)

    def of_system(self, os: str) -> Ending | None:
        """Return the end of support of an operating system by its name, None where no cycle is known."""
        text = os.lower()
        if found := _WINDOWS_SERVER.search(text):
            return self._of("windows-server", f"{found[1]}{'-r2' if found[2] else ''}")
        if found := _WINDOWS.search(text):
            return self._windows(found[1], found[2] or "")
        slug = releases.slug(os)
        name, _, release = slug.partition("-")
        if slug.startswith("suse-"):
            name, release = "suse-linux-enterprise-server", slug.removeprefix("suse-linux-enterprise-server-")
            release = release.replace("-sp", ".")
        return self._of(_SYSTEMS.get(name, name), release) if slug else None

    def of_software(self, component: str, name: str, version: str) -> Ending | None:
        """Return the end of support of a component, by its purl or CPE, else by its name."""
        plain = re.sub(r"[\s_]+", "-", name.strip().lower())
        product = self.named.get(component.lower()) or (plain if plain in self.cycles else "")
        return self._of(product, version) if product and version else None

    def in_title(self, title: str) -> Ending | None:
        """Return the end of support of the product that a title names together with a version."""
        words = re.findall(r"[a-z][a-z+#.-]*|\d+(?:\.\d+)*", title.lower())
        for at, word in enumerate(words[:-1]):
            if word in self.cycles:
                version = next((one for one in words[at + 1 : at + 4] if one[0].isdigit()), "")
                if version and (found := self._of(word, version)):
                    return found
        return None

    def _of(self, product: str, version: str) -> Ending | None:
        """The cycle that is the version or the longest beginning of it."""
        cycles = self.cycles.get(product, {})
        text = version.lower().lstrip("v")
        parts = text.split(".")
        for length in range(len(parts), 0, -1):
            cycle = ".".join(parts[:length])
            if cycle in cycles:
                return self._ending(product, cycle, cycles[cycle])
        found = _VERSION.match(text.split(":", 1)[-1])
        return self._of(product, found[0]) if found and found[0] != text else None

    def _windows(self, name: str, build: str) -> Ending | None:
        """The cycle of a build, or of the newest build where all have the same end of support word."""
        cycles = self.cycles.get("windows", {})
        fitting = [one for one in cycles if one == name or one.startswith(f"{name}-")]
        fitting = [one for one in fitting if build and build in one] or ([] if build else fitting)
        endings = [self._ending("windows", one, cycles[one]) for one in fitting]
        if len(endings) > 1 and len({one.ended for one in endings}) > 1:
            return None  # which build it is decides
        return max(endings, key=lambda one: one.day or date.min, default=None)

    def _ending(self, product: str, cycle: str, text: str) -> Ending:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return Ending(product, cycle, None, text == "yes")
        return Ending(product, cycle, day, day <= self.today)


def endings_at(ask: Ask, as_of: datetime) -> Endings:
    """Return what is known of ends of support as of a day; empty where no such feed was read."""
    when = naive(as_of)
    cycles: dict[str, dict[str, str]] = {}
    named: dict[str, str] = {}
    rows: list[dict[str, Any]] = ask(_SAID.replace("$as_of", when.isoformat(sep=" "))).to_pylist()
    for row in rows:
        _, product, *cycle = row["weakness"].split(":", 2)
        if row["kind"] == "end_of_life" and cycle:
            cycles.setdefault(product, {})[cycle[0].lower()] = row["text"]
        elif row["kind"] == "product":
            named.setdefault(_plain(row["text"]), product)
    return Endings(when.date(), cycles, named)


def _plain(identifier: str) -> str:
    """An identifier as components of findings are written: purls and CPEs without version."""
    text = identifier.lower()
    if text.startswith("pkg:"):
        return text.split("?")[0].split("@")[0]
    if text.startswith("cpe:/"):
        text = "cpe:2.3:" + text[5:]
    return "cpe:" + ":".join(text.split(":")[3:5]) if text.startswith("cpe:2.3:") else text
