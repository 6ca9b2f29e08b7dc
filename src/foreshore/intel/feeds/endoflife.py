"""endoflife.date: products' pages with front matter, the same as JSON, and answers of both its interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.documents import items, yaml_texts
from foreshore.intel.documents import parse as parse_json
from foreshore.intel.rows import Rows, Wanted, moment

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_WORDS = {"true": "yes", "false": "no"}
_NUMBERED = re.compile(r"\A\d+-(?=[a-z])")  # what a download puts before a file's name


@dataclass(frozen=True)
class EndOfLife:
    """endoflife.date: when support of each release cycle of a product ends (MIT)."""

    url: str = "https://endoflife.date/api/v1/products/full"
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this is a product's page or an answer about products."""
        start = head[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
        if start.startswith(b"---"):
            return (
                b"\npermalink:" in head and b"\ntitle:" in head and (b"releaseCycle:" in head or b"\ncategory:" in head)
            )
        if start.startswith(b"{"):
            version_1 = b'"schema_version"' in start and (b'"isEol"' in head or b'"versionCommand"' in head)
            return version_1 or b'"releaseCycle"' in head
        return start.startswith(b"[") and b'"cycle"' in start and b'"eol"' in head and b'"releaseDate"' in head

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield, for every product whatever is wanted, `end_of_life` by cycle, its `name`, and `product` identifiers.

        The older interface does not say the product: there the file's name does, as in its address
        `/api/PRODUCT.json`.
        """
        rows = Rows("endoflife.date")
        content = body.read().removeprefix(b"\xef\xbb\xbf").lstrip()
        if content.startswith(b"---"):
            page = _front_matter(content, body.name)
            name = str(page.get("permalink") or "").strip("/") or _stem(body.name)
            _product(rows, name, page, None, body.seen())
        else:
            _answer(rows, parse_json(content, body.name), body)
        rows.mark("endoflife")
        yield rows.table()


def _stem(name: str) -> str:
    return _NUMBERED.sub("", name.rpartition("/")[2].partition(".")[0])


def _front_matter(content: bytes, where: str) -> dict[str, Any]:
    parts = re.split(rb"^---[ \t]*\r?$", content, maxsplit=2, flags=re.MULTILINE)
    page = yaml_texts(parts[1], where) if len(parts) > 2 else None
    if not isinstance(page, dict) or not isinstance(page.get("releases"), list):
        raise BadFeed("its front matter lists no releases, or is cut off", where=where, hint="download it again")
    return page


def _answer(rows: Rows, answer: Any, body: Body) -> None:
    if isinstance(answer, list):
        _product(rows, _stem(body.name), {"releases": answer}, None, body.seen())
        return
    if isinstance(answer, dict) and "result" in answer:
        listed = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
        products = [(one.get("name"), one) for one in listed if isinstance(one, dict)]
    else:
        products = [*answer.items()] if isinstance(answer, dict) else []
    stamp = moment(answer.get("generated_at")) if isinstance(answer, dict) else None
    found = [(name, one) for name, one in products if name and isinstance(one, dict) and "releases" in one]
    if not found:
        raise BadFeed("it holds no product with releases", where=body.name, hint="the answer of /api/v1/products/full")
    for name, one in found:
        _product(rows, str(name), one, stamp, body.seen())


def _product(rows: Rows, name: str, about: dict[str, Any], stamp: datetime | None, seen: datetime | None) -> None:
    releases = [one for one in items(about.get("releases")) if isinstance(one, dict)]
    when = stamp or _newest(releases, seen) or seen
    rows.date(when)
    weakness = f"eol:{name}"
    label = about.get("title") or about.get("label")
    if label:
        rows.add(weakness, "name", when, text=str(label))
    for one in items(about.get("identifiers")):
        for identifier in _identifiers(one):
            rows.add(weakness, "product", when, text=identifier)
    for one in releases:
        cycle = next((str(one[key]) for key in ("releaseCycle", "cycle", "name") if one.get(key) not in (None, "")), "")
        if cycle and (text := _ends(one)):
            rows.add(f"{weakness}:{cycle}", "end_of_life", when, text=text)


def _identifiers(one: Any) -> list[str]:
    if not isinstance(one, dict):
        return []
    pairs = [(one["type"], one["id"])] if "type" in one and "id" in one else list(one.items())
    return [str(text) if kind in ("purl", "cpe") else f"{kind}:{text}" for kind, text in pairs if text]


def _newest(releases: list[dict[str, Any]], seen: datetime | None) -> datetime | None:
    """Return the newest date of release by the time the file was written: how new the page's content is."""
    dates = [_latest(one) for one in releases] + [moment(one.get("releaseDate")) for one in releases]
    return max((date for date in dates if date and (seen is None or date <= seen)), default=None)


def _latest(release: dict[str, Any]) -> datetime | None:
    return moment(release.get("latestReleaseDate"))


def _ends(release: dict[str, Any]) -> str:
    """Return the day on which support ends, else yes or no, else nothing."""
    if "isEol" in release or "eolFrom" in release:
        day, ended = release.get("eolFrom"), release.get("isEol")
    else:
        day = ended = release.get("eol")
    if isinstance(day, str) and _DAY.match(day):
        return day
    return _WORDS.get(str(ended).lower(), "")


PLUGIN = EndOfLife()
