"""The only door to the network, against a server on the loopback address."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.errors import Refused, UsageError
from foreshore.http import Door, DownloadFailed, forbidden

STOP = threading.Event()


class _Server(BaseHTTPRequestHandler):
    """Answers each path in its own (mis)behaviour."""

    seen: list[dict[str, str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
        answer = getattr(self, "path_" + self.path.strip("/").replace("-", "_"), None)
        if answer is None:
            self._send(404, b"nothing here")
        else:
            answer()

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def path_plain(self) -> None:
        if self.headers.get("if-none-match") == '"one"':
            self._send(304, b"")
        else:
            self._send(200, b"hello", etag='"one"', last_modified="Mon, 25 Aug 2025 17:04:19 GMT")

    def path_redirect(self) -> None:
        self._send(302, b"", location="/plain")

    def path_loop(self) -> None:
        self._send(302, b"", location="/loop")

    def path_to_metadata(self) -> None:
        self._send(302, b"", location="http://169.254.169.254/latest/meta-data/")

    def path_to_file(self) -> None:
        self._send(302, b"", location="file:///etc/passwd")

    def path_elsewhere(self) -> None:
        port = self.headers["host"].rsplit(":", 1)[1]
        self._send(302, b"", location=f"http://other.test:{port}/plain")

    def path_large(self) -> None:
        self._send(200, b"x" * 50_000)

    def path_large_unannounced(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 50_000)

    def path_bomb(self) -> None:
        self._send(200, gzip.compress(b"\0" * 5_000_000), content_encoding="gzip")

    def path_slow(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        while not STOP.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def path_silent(self) -> None:
        STOP.wait(30)

    def path_broken(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b"short")

    def path_error(self) -> None:
        self._send(503, b"later")

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    STOP.clear()
    _Server.seen.clear()
    own = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=own.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{own.server_address[1]}"
    STOP.set()
    own.shutdown()
    own.server_close()


def door(**settings: object) -> Door:
    return Door(**{"allowed": ("127.0.0.0/8",), "seconds": 20.0, **settings})  # type: ignore[arg-type]


def test_a_page_comes_with_its_version(server: str) -> None:
    answer = door().get(f"{server}/plain")
    assert (answer.status, answer.body, answer.size) == (200, b"hello", 5)
    assert answer.etag == '"one"'
    assert answer.last_modified.startswith("Mon, 25 Aug 2025")
    again = door().get(f"{server}/plain", etag=answer.etag, last_modified=answer.last_modified)
    assert again.unchanged
    assert again.body == b""
    assert _Server.seen[-1]["if-modified-since"] == answer.last_modified


def test_the_body_goes_to_the_given_file(server: str) -> None:
    target = io.BytesIO()
    answer = door().get(f"{server}/large", target=target)
    assert answer.body == b""
    assert answer.size == len(target.getvalue()) == 50_000


def test_redirects_are_followed_to_allowed_addresses(server: str) -> None:
    answer = door().get(f"{server}/redirect")
    assert answer.body == b"hello"
    assert answer.url == f"{server}/plain"


@pytest.mark.parametrize("settings", [{"allowed": ()}, {"allowed": ("10.0.0.0/8",)}])
def test_loopback_is_refused_unless_listed(server: str, settings: dict[str, object]) -> None:
    with pytest.raises(Refused, match="loopback"):
        door(**settings).get(f"{server}/plain")
    assert _Server.seen == []


def test_a_redirect_to_a_refused_address_is_not_followed(server: str) -> None:
    with pytest.raises(Refused, match="metadata"):
        door().get(f"{server}/to-metadata")


def test_a_redirect_to_another_scheme_is_not_followed(server: str) -> None:
    with pytest.raises(UsageError, match="http and https"):
        door().get(f"{server}/to-file")


def test_a_circle_of_redirects_ends(server: str) -> None:
    with pytest.raises(DownloadFailed, match="redirects more than 5"):
        door().get(f"{server}/loop")


def test_the_name_is_kept_and_the_checked_address_used(server: str) -> None:
    port = server.rsplit(":", 1)[1]
    asked: list[str] = []

    def resolve(host: str, number: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    answer = door(resolve=resolve).get(f"http://feeds.test:{port}/plain")
    assert answer.body == b"hello"
    assert _Server.seen[-1]["host"] == f"feeds.test:{port}"
    assert asked == ["feeds.test"]  # resolved once: what was checked is what was asked


def test_credentials_stay_with_the_host_they_were_meant_for(server: str) -> None:
    port = server.rsplit(":", 1)[1]
    own = door(resolve=lambda host, number: ["127.0.0.1"])
    own.get(f"http://feeds.test:{port}/elsewhere", headers={"Authorization": "Bearer not-a-real-one"})
    first, second = _Server.seen
    assert first["authorization"] == "Bearer not-a-real-one"
    assert second["host"] == f"other.test:{port}"
    assert "authorization" not in second


def test_one_forbidden_address_among_several_refuses_the_name() -> None:
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        Door(resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"]).pin("feeds.test", 443)


@pytest.mark.parametrize("path", ["large", "large-unannounced", "bomb"])
def test_what_is_too_large_is_not_taken(server: str, path: str) -> None:
    with pytest.raises(DownloadFailed, match="larger than the limit of 10000 bytes"):
        door(most=10_000).get(f"{server}/{path}")


@pytest.mark.parametrize("path", ["slow", "silent"])
def test_what_is_too_slow_is_given_up(server: str, path: str) -> None:
    with pytest.raises(DownloadFailed, match=r"longer than 0\.4 seconds"):
        door(seconds=0.4).get(f"{server}/{path}")


@pytest.mark.parametrize(
    ("path", "words"), [("broken", "no answer"), ("error", "503 Service Unavailable"), ("nowhere", "404")]
)
def test_failures_are_sentences(server: str, path: str, words: str) -> None:
    with pytest.raises(DownloadFailed, match=words):
        door().get(f"{server}/{path}")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://feeds.test/x", "feeds.test", "http://", "http://u:p@feeds.test/"]
)
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(UsageError):
        Door().get(url)


def test_a_bad_network_among_the_allowed_is_named() -> None:
    with pytest.raises(UsageError, match=r"10\.0\.0\.0/99"):
        forbidden("10.0.0.1", ("10.0.0.0/99",))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "nonsense",
    ],
)
def test_addresses_of_ones_own_network_are_forbidden(address: str) -> None:
    assert forbidden(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_public_addresses_are_not_forbidden(address: str) -> None:
    assert forbidden(address) == ""


@given(st.ip_addresses(network="10.0.0.0/8"), st.ip_addresses(network="192.168.0.0/16"))
def test_listing_a_network_allows_it_and_no_other(own: object, other: object) -> None:
    assert forbidden(str(own), ("10.0.0.0/8",)) == ""
    assert forbidden(str(other), ("10.0.0.0/8",)) == "a private address"
