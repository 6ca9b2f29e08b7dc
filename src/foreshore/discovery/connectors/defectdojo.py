"""DefectDojo through its interface, version 2, reading only: products, findings, acceptances of risks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from foreshore.discovery.connectors._asking import Busy, retry_after
from foreshore.discovery.connectors._collection import NotAllowed
from foreshore.discovery.connectors._desk import Desk, Planned
from foreshore.errors import UsageError
from foreshore.http import DownloadFailed, Line

# Findings name their test, engagement and product, so that these need no calls of their own.
_NAMED = {"related_fields": "true", "prefetch": "endpoints"}
CALLS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("products", "", {}),
    ("risk_acceptance", "", {"prefetch": "owner"}),
    ("findings", "findings", _NAMED),
)
_BUSY = (429, 500, 502, 503, 504)
_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class DefectDojo:
    """Reads DefectDojo: products, findings with their hosts and the words people gave them, accepted risks.

    `server` is its address, `bearer_from` says where the API v2 key is: "env:NAME" or "file:/path".
    `products` are numbers of products to which findings are limited; without them all are asked for.
    `foreshore collect NAME --decisions` also takes over what was decided there.
    """

    version: int = 1
    server: str = ""
    bearer_from: str = "env:DEFECTDOJO_API_KEY"
    products: tuple[str, ...] = ()
    page_size: int = 100

    def check(self) -> None:
        """Raise UsageError, `where` naming the setting, for what cannot be."""
        if not re.fullmatch(r"https?://[^\s?#@]+", self.server):
            raise UsageError(
                "this is not a web address", where="server", hint='server = "https://defectdojo.example.com"'
            )
        if not re.fullmatch(r"(env:\w+|file:.+)", self.bearer_from):
            raise UsageError("this is no place", where="bearer_from", hint='"env:NAME" or "file:/path"')
        if self.server.startswith("http:") and urlsplit(self.server).hostname not in _HERE:
            raise UsageError("a credential is not sent without encryption", where="server", hint="use https")
        for one in self.products:
            if not re.fullmatch(r"[0-9]{1,12}", one):
                raise UsageError(f"“{one}” is no number", where="products", hint='products = ["12"]')
        if not 1 <= self.page_size <= 1000:
            raise UsageError(f"page_size = {self.page_size} is out of range", where="page_size", hint="from 1 to 1000")

    def plan(self) -> Iterator[Planned]:
        """Yield the calls that would be made."""
        for call, product, _report, _query in self._calls():
            yield Planned(call, self.server, "", f"product {product}" if product else "")

    def collect(self, desk: Desk) -> None:
        """Ask for all pages of every list; what the key may not see is kept as refused."""
        headers = {"accept": "application/json", "user-agent": "foreshore", "authorization": f"Token {self._bearer()}"}
        for call, product, report, query in self._calls():
            about = {"product": product} if product else None
            ask = self._asking(desk.phone, call, query, headers)
            count = sum(len(page["results"]) for page in desk.pages(call, {"account": self.server}, ask, about, report))
            desk.note(f"{call}{f' of product {product}' if product else ''}: {count}")

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield the findings of all pages as one page, as DefectDojo gives them."""
        linked: dict[str, dict[str, Any]] = {}
        opening = b'{"results":['
        for body in bodies:
            for one in body["results"]:
                yield opening + b"\n" + msgspec.json.encode(one)
                opening = b","
            for table, rows in (body.get("prefetch") or {}).items():
                linked.setdefault(table, {}).update(rows)
        if opening != b",":
            yield b'{"count":0,"next":null,"previous":null,"results":['
        yield b'\n],"prefetch":' + msgspec.json.encode(linked) + b"}\n"

    def _calls(self) -> Iterator[tuple[str, str, str, Mapping[str, str]]]:
        """(call, product or "", report, query) of each list."""
        for call, report, query in CALLS:
            if call != "findings" or not self.products:
                yield call, "", report, query
                continue
            for product in self.products:
                yield call, product, report, {**query, "test__engagement__product": product}

    def _bearer(self) -> str:
        kind, _, place = self.bearer_from.partition(":")
        try:
            found = os.environ.get(place, "") if kind == "env" else Path(place).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("the credential cannot be read", where=place, hint="see bearer_from") from error
        if not found.strip().isprintable() or not found.strip():
            raise UsageError("there is no credential", where=place, hint="set what bearer_from names")
        return found.strip()

    def _asking(
        self, phone: Line, call: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Callable[[str], tuple[Any, str]]:
        url = f"{self.server.rstrip('/')}/api/v2/{call}/"

        def ask(token: str) -> tuple[Any, str]:
            # In the order of their numbers: what comes in meanwhile lands behind, on a later page.
            offset = int(token or 0)
            asked = {"limit": str(self.page_size), "offset": str(offset), "o": "id", **query}
            try:
                answer = phone.send("GET", f"{url}?{urlencode(asked)}", headers)
            except DownloadFailed as error:
                raise Busy(error.what) from error
            if answer.status != 200:
                raise _judged(answer.status, answer.headers, answer.body)
            page = _page(answer.body, url)
            # `next` is only looked at, never followed: behind a proxy it names another machine.
            more = bool(page.get("next")) and bool(page["results"])
            return without_secrets(page), str(offset + len(page["results"])) if more else ""

        return ask


def _page(body: bytes, url: str) -> dict[str, Any]:
    try:
        page = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("it answers with something else than JSON", where=url, hint="is this DefectDojo?") from error
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise UsageError("it answers with something else than a page", where=url, hint="is this DefectDojo?")
    return page


# Requests and responses of findings hold sessions and passwords of those who tested.
_LEFT_OUT = frozenset({"request_response", "files"})


def without_secrets(page: dict[str, Any]) -> dict[str, Any]:
    """`page` without recorded requests and files of its rows."""
    rows = [
        {name: value for name, value in one.items() if name not in _LEFT_OUT} if isinstance(one, dict) else one
        for one in page["results"]
    ]
    linked = page.get("prefetch")
    return {"results": rows} | ({"prefetch": linked} if isinstance(linked, dict) else {})


def _judged(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """What an answer that is no page means for the collection."""
    if status in _BUSY:
        return Busy(f"status {status}", retry_after(headers))
    # It answers 403 where others say 401, for a key that it does not know.
    if status == 401 or (status == 403 and b"nvalid token" in body):
        return UsageError("the key is not accepted", where="bearer_from", hint="renew it; then collect again")
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = {}
    message = said.get("detail") or said.get("message") if isinstance(said, dict) else ""
    return NotAllowed(" ".join(str(message or f"status {status}").split())[:200])


PLUGIN = DefectDojo()
