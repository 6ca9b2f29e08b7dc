"""AWS's own library signs, the door sends: every client of a session is made to ask through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from foreshore.discovery.connectors._asking import Busy, retry_after
from foreshore.discovery.connectors._collection import NotAllowed, StaleToken
from foreshore.errors import ForeshoreError, UsageError
from foreshore.http import DownloadFailed, Line

BUSY = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
    "ProvisionedThroughputExceededException", "SlowDown", "PriorRequestNotComplete", "TransactionInProgressException",
    "EC2ThrottledException", "InternalError", "InternalFailure", "InternalServerError", "InternalServerException",
    "InternalServiceError", "ServiceUnavailable", "ServiceUnavailableException", "Unavailable", "RequestTimeout",
})  # fmt: skip
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
STALE = frozenset({
    "InvalidNextToken", "InvalidNextTokenException", "InvalidPaginationToken", "InvalidPaginationTokenException",
    "InvalidMarker", "InvalidToken", "InvalidPagination", "ExpiredNextTokenException", "ExpiredPaginationToken",
})  # fmt: skip
_BUSY_STATUS = (429, 500, 502, 503, 504)
Client = Any


class _Raw:
    """The body of an answer in the form in which botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self._body = self._body, b""
        return body


class _Sending:
    """What botocore calls its HTTP session, sending through the door."""

    def __init__(self, phone: Line) -> None:
        self._phone = phone

    def send(self, request: Any) -> AWSResponse:
        """Send a prepared (signed) request once."""
        headers = {
            str(name): value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body
        if body is not None and not isinstance(body, bytes):
            body = body.encode() if isinstance(body, str) else body.read()
        found = self._phone.send(request.method, request.url, headers, body)
        # The body is unpacked already.
        kept: Any = {name: value for name, value in found.headers.items() if name != "content-encoding"}
        return AWSResponse(request.url, found.status, kept, _Raw(found.body))

    def close(self) -> None:
        """The pool belongs to the line."""


class Session(botocore.session.Session):
    """A session whose clients, those that fetch credentials too, ask through `phone`, once each, and never retry."""

    def __init__(self, phone: Line, region: str, profile: str = "", endpoint: str = "") -> None:
        super().__init__(profile=profile or None)
        self.set_config_variable("region", region)  # for clients that name none, such as those for credentials
        self._region = region
        self._phone = phone
        self._endpoint = endpoint

    def create_client(self, service_name: str, *args: Any, **named: Any) -> Client:
        """As botocore's, with the door plugged in."""
        ours = Config(
            retries={"total_max_attempts": 1}, user_agent_extra="foreshore", parameter_validation=True,
            inject_host_prefix=not self._endpoint, s3={"addressing_style": "path"} if self._endpoint else None,
        )  # fmt: skip
        given = named.pop("config", None)
        named["config"] = given.merge(ours) if given is not None else ours
        if self._endpoint:
            named["endpoint_url"] = self._endpoint
        client: Client = super().create_client(service_name, *args, **named)
        client._endpoint.http_session = _Sending(self._phone)
        return client

    def assuming(self, role: str, external_id: str = "") -> Session:
        """A session that acts under `role`, whose credentials are renewed when they run out."""
        extra = {"RoleSessionName": "foreshore-collect"} | ({"ExternalId": external_id} if external_id else {})
        credentials = self.get_credentials()
        if credentials is None:
            raise UsageError("there are no credentials", where="aws", hint="set them as for the AWS command line")
        fetcher = AssumeRoleCredentialFetcher(self.create_client, credentials, role, extra_args=extra)
        found = Session(self._phone, self._region, endpoint=self._endpoint)
        # Where botocore itself keeps the credentials that it found.
        found._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
            fetcher.fetch_credentials, "assume-role"
        )
        return found


def asked(
    client: Client, operation: str, parameters: Mapping[str, Any], absent: tuple[str, ...] = ()
) -> Mapping[str, Any] | None:
    """Ask once; None where AWS says by one of the codes `absent` that there is no such thing.

    Raises Busy, StaleToken and NotAllowed as the desk wants them, and ForeshoreError for what ends a run.
    """
    try:
        answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
    except ClientError as error:
        if _code(error) in absent:
            return None
        raise _judged(error) from error
    except DownloadFailed as error:
        if "name cannot be resolved" in error.what:
            raise NotAllowed("the service has no endpoint there") from error
        raise Busy(error.what) from error
    except ForeshoreError:
        raise
    except BotoCoreError as error:
        raise UsageError(
            f"AWS's library cannot ask ({error})", where=operation,
            hint="set credentials as for the AWS command line: the environment, a profile, or a role",
        ) from error  # fmt: skip
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _judged(error: ClientError) -> Exception:
    code, data = _code(error), error.response.get("ResponseMetadata", {})
    status = data.get("HTTPStatusCode", 0)
    if code in STALE:
        return StaleToken(code)
    if code in EXPIRED:
        return UsageError("the credentials have run out", where="AWS", hint="renew them and collect again: it goes on")
    if code in BUSY or status in _BUSY_STATUS:
        return Busy(code or f"status {status}", retry_after(data.get("HTTPHeaders", {})))
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:200]
    return NotAllowed(f"{code}: {said}" if said and code != said else code or "no reason given")
