"""The only door to the network: bounded downloads from checked, pinned addresses.

A host name is resolved here, every address it has is checked, and the connection goes to the
address that was checked: a name cannot mean another machine between check and use. The host stays
in the request and in the TLS handshake, so that certificates are verified as always.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from foreshore.errors import ForeshoreError, Refused, UsageError

if TYPE_CHECKING:
    import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]
Began = Callable[[Mapping[str, str]], None]

AGENT = "foreshore (continuous threat exposure management)"
# Cloud metadata services; some of their addresses are not among the private ranges.
_METADATA = tuple(
    ipaddress.ip_network(one)
    for one in ("169.254.0.0/16", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")
)
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_REDIRECTS = (301, 302, 303, 307, 308)


class DownloadFailed(ForeshoreError):
    """The network gave no usable answer: no name, no connection, too slow, too large, an error status.

    `status` is the server's where it answered at all (else 0), `after` its Retry-After in its own words.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "", status: int = 0, after: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status
        self.after = after


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower-case name, body (b"" when it went to a file), final URL."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    size: int = 0

    @property
    def unchanged(self) -> bool:
        """Whether the server says that what we have is still current (304)."""
        return self.status == 304

    @property
    def etag(self) -> str:
        """The server's mark of this version, for the next request."""
        return self.headers.get("etag", "")

    @property
    def last_modified(self) -> str:
        """When the server says it changed last, in its own words, for the next request."""
        return self.headers.get("last-modified", "")


@dataclass(frozen=True)
class _Sink:
    """Where a body goes: to `target`, which holds `have` bytes of it already, else to memory."""

    target: BinaryIO | None = None
    have: int = 0
    began: Began | None = None

    def begin(self, status: int, headers: Mapping[str, str], where: str) -> int:
        """Make ready for the body of an answer; returns how many bytes of it are there already."""
        have = 0
        if self.target is not None and self.have:
            if status == 206 and headers.get("content-range", "").startswith(f"bytes {self.have}-"):
                have = self.have
            elif status == 206:
                raise DownloadFailed("the server sends another part than was asked for", where=where, status=206)
            else:
                self.target.seek(0)
                self.target.truncate()
        if self.began is not None and not have:
            self.began(headers)
        return have


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host`, as the system's resolver gives them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise DownloadFailed(f"the name cannot be resolved ({error})", where=host, hint="check the name") from error
    return list(dict.fromkeys(str(one[4][0]).split("%")[0] for one in found))


@dataclass(frozen=True)
class Door:
    """Settings of the door. `allowed` lists private networks (or addresses) that may be asked after all.

    `most` bounds the body in bytes after decompression, `seconds` the whole of a request with its
    redirects.
    """

    allowed: tuple[str, ...] = ()
    most: int = 2 << 30
    seconds: float = 300.0
    redirects: int = 5
    resolve: Resolve = field(default=resolve, repr=False)

    def get(
        self,
        url: str,
        *,
        target: BinaryIO | None = None,
        etag: str = "",
        last_modified: str = "",
        headers: Mapping[str, str] | None = None,
        resume: tuple[int, str] = (0, ""),
        began: Began | None = None,
    ) -> Answer:
        """Fetch `url`, following redirects with every check made anew at each hop.

        The body goes to `target` where one is given. With `etag` or `last_modified` of an earlier
        answer the result may be `unchanged`. `resume` is how many bytes `target` (then seekable, standing
        at its end) holds already, and the validator under which they came: the rest is asked for, and a
        server that begins anew finds the target emptied. `began` is called with the headers before the
        body is read. Raises UsageError for what is not a web address, Refused for a forbidden address,
        DownloadFailed for everything else.
        """
        import httpx

        deadline = time.monotonic() + self.seconds
        sent = {"user-agent": AGENT, "accept-encoding": "gzip, identity", **(headers or {})}
        sent |= {"if-none-match": etag} if etag else {}
        sent |= {"if-modified-since": last_modified} if last_modified else {}
        if resume[0]:
            sent |= {"range": f"bytes={resume[0]}-", "if-range": resume[1], "accept-encoding": "identity"}
        here = _parsed(url)
        with httpx.Client(trust_env=False, follow_redirects=False, verify=True) as client:
            for _ in range(self.redirects + 1):
                found = self._hop(client, here, sent, _Sink(target, resume[0], began), deadline)
                if isinstance(found, Answer):
                    return found
                if found.host != here.host or found.scheme != here.scheme:
                    sent = {name: value for name, value in sent.items() if name.lower() not in _SECRETS}
                here = found
        raise DownloadFailed(f"it redirects more than {self.redirects} times", where=url)

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Yield a line that is open, with one pool of connections, until the end of the block."""
        import httpx

        with httpx.Client(trust_env=False, follow_redirects=False, verify=True) as client:
            yield Line(self, client)

    def pin(self, host: str, port: int) -> str:
        """Return the first address of `host`, after checking all of them.

        One forbidden address among several refuses the host: which one would be used is otherwise
        up to whoever answers for the name.
        """
        found = [host] if _literal(host) else self.resolve(host, port)
        if not found:
            raise DownloadFailed("the name has no address", where=host, hint="check the name")
        for one in found:
            if reason := forbidden(one, self.allowed):
                raise Refused(
                    f"{one} is {reason}",
                    where=host,
                    hint="list the network among the allowed ones if it is meant",
                )
        return found[0]

    def _hop(
        self,
        client: httpx.Client,
        url: httpx.URL,
        headers: Mapping[str, str],
        sink: _Sink,
        deadline: float,
    ) -> Answer | httpx.URL:
        where = str(url)
        sent = {**headers, "host": url.netloc.decode("ascii")}
        with self._asked(client, "GET", url, sent, where=where, deadline=deadline) as answer:
            if answer.status_code in _REDIRECTS and "location" in answer.headers:
                return _parsed(str(url.join(answer.headers["location"])))
            if answer.status_code != 304 and not 200 <= answer.status_code < 300:
                raise DownloadFailed(
                    f"the server answers {answer.status_code} {answer.reason_phrase}", where=where,
                    status=answer.status_code, after=answer.headers.get("retry-after", ""),
                )  # fmt: skip
            return self._taken(answer, where, sink, deadline)

    @contextmanager
    def _asked(
        self,
        client: httpx.Client,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        where: str,
        deadline: float,
    ) -> Iterator[httpx.Response]:
        """Yield the answer to one request to the pinned address, its body not yet read; `where` is for errors."""
        import httpx

        address = self.pin(url.host, url.port or (443 if url.scheme == "https" else 80))
        left = deadline - time.monotonic()
        request = client.build_request(
            method, url.copy_with(host=address), headers=headers, content=body,
            timeout=httpx.Timeout(max(0.05, min(left, 60.0))), extensions={"sni_hostname": url.host},
        )  # fmt: skip
        try:
            answer = client.send(request, stream=True)
            try:
                yield answer
            finally:
                answer.close()
        except httpx.TimeoutException as error:
            raise self._slow(where) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadFailed(
                f"no answer ({str(error) or type(error).__name__})", where=where, hint="check the network and try again"
            ) from error

    def _taken(self, answer: httpx.Response, where: str, sink: _Sink, deadline: float) -> Answer:
        """Read the body within the limits of the door; into the sink's target where it has one."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code == 304:
            return Answer(304, headers, b"", where)
        size = sink.begin(answer.status_code, headers, where)
        announced = headers.get("content-length", "")
        if announced.isdigit() and size + int(announced) > self.most:
            raise self._large(where)
        kept, target = bytearray(), sink.target
        for block in answer.iter_bytes():
            size += len(block)
            if size > self.most:
                raise self._large(where)
            if time.monotonic() > deadline:
                raise self._slow(where)
            target.write(block) if target is not None else kept.extend(block)
        return Answer(answer.status_code, headers, bytes(kept), where, size)

    def _large(self, url: str) -> DownloadFailed:
        return DownloadFailed(f"it is larger than the limit of {self.most} bytes", where=url)

    def _slow(self, url: str) -> DownloadFailed:
        return DownloadFailed(f"it took longer than {self.seconds:g} seconds", where=url, hint="try again later")


@dataclass(frozen=True)
class Line:
    """An open line through a door: any method, the answer of any status, and never a redirect.

    A request that carries a signature or a token must not be sent on to whoever the answer names.
    """

    door: Door
    client: httpx.Client

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask once; the host header is the given one (it may be signed), else that of `url`.

        Raises UsageError for what is no web address, Refused for a forbidden one, DownloadFailed where no
        answer came; these show the address without its query, which may hold what should not be shown.
        """
        parsed = _parsed(url)
        given = {name.lower(): value for name, value in headers.items()}
        sent = {"host": parsed.netloc.decode("ascii"), **given}
        where, deadline = url.split("?")[0], time.monotonic() + self.door.seconds
        with self.door._asked(self.client, method, parsed, sent, body=body, where=where, deadline=deadline) as answer:
            return self.door._taken(answer, where, _Sink(), deadline)


_SECRETS = ("authorization", "cookie", "x-api-key", "apikey")


def forbidden(address: str, allowed: Iterable[str] = ()) -> str:
    """Say why `address` may not be asked ("a private address"), or "" if it may.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged as what they reach.
    """
    try:
        one = _inner(ipaddress.ip_address(address))
    except ValueError:
        return "not an address"
    if any(_within(one, network) for network in allowed):
        return ""
    checks = (
        ("a cloud metadata address", any(one.version == net.version and one in net for net in _METADATA)),
        ("a loopback address", one.is_loopback),
        ("a link-local address", one.is_link_local),
        ("no address of a single machine", one.is_multicast or one.is_unspecified or one.is_reserved),
        ("a private address", one.is_private or (one.version == 4 and one in _SHARED) or not one.is_global),
    )
    return next((reason for reason, holds in checks if holds), "")


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if inner := (address.ipv4_mapped or address.sixtofour):
            return inner
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: Address, network: str) -> bool:
    try:
        net = ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        raise UsageError(f"“{network}” is not a network", hint="for example 10.20.0.0/16") from error
    return address.version == net.version and address in net


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _parsed(url: str) -> httpx.URL:
    import httpx

    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UsageError(f"this is not a web address ({error})", where=url[:200]) from error
    if found.scheme not in ("http", "https") or not found.host:
        raise UsageError("only http and https addresses can be asked", where=url[:200])
    if found.userinfo:
        raise UsageError("a web address must not carry a password", where=found.host)
    return found
