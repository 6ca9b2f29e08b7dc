"""Amazon Web Services: accounts and regions through the vendor's own interfaces, reading only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foreshore.discovery.connectors._aws_calls import CALLS, SERVICES, Call, without_secrets
from foreshore.discovery.connectors._desk import Desk, Planned
from foreshore.errors import ForeshoreError, UsageError

if TYPE_CHECKING:
    from foreshore.discovery.connectors._aws_session import Session

_HOME = "us-east-1"  # where calls for a whole account are asked, if no region is set


@dataclass(frozen=True)
class AWS:
    """Reads AWS accounts: machines, networks, load balancers, databases, buckets, images, identities, findings.

    Credentials are those of AWS's own chain: the environment, `profile`, or the machine's role. With
    `role`, that role is assumed in each of `accounts`; with `organization = true` in every active account
    of the organization. Without `regions`, all regions that are switched on are asked. `services` limits
    what is asked; `endpoint_url` is for a simulator.
    """

    version: int = 1
    accounts: tuple[str, ...] = ()
    organization: bool = False
    role: str = ""
    external_id: str = ""
    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    profile: str = ""
    endpoint_url: str = ""

    def check(self) -> None:
        """Raise UsageError, `where` naming the setting, for what cannot be."""
        for name, values, pattern, hint in (
            ("accounts", self.accounts, r"\d{12}", "twelve digits in quotes"),
            ("regions", self.regions, r"[a-z]{2,4}(-[a-z]+)+-\d", 'for example "eu-west-1"'),
            ("services", self.services, "|".join(SERVICES), f"some of {', '.join(SERVICES)}"),
            ("role", (self.role,), r"|[\w+=,.@/-]{1,576}", "its name, without account"),
            ("endpoint_url", (self.endpoint_url,), r"|https?://\S+", "http://127.0.0.1:5000"),
        ):
            for one in values:
                if not re.fullmatch(pattern, one):
                    raise UsageError(f"“{one}” cannot be one of {name}", where=name, hint=hint)
        if (self.accounts or self.organization) and not self.role:
            raise UsageError(
                "several accounts need a role to assume", where="accounts" if self.accounts else "organization",
                hint='role = "foreshore-read", the name of a role that each account has',
            )  # fmt: skip

    def plan(self) -> Iterator[Planned]:
        """Yield the calls that would be made."""
        yield Planned("sts:GetCallerIdentity", note="whose credentials these are")
        if self.organization:
            yield Planned("organizations:ListAccounts", note="the accounts of the organization")
        own = "all of the organization" if self.organization else "the credentials' own"
        for account in self.accounts or (own,):
            if self.role:
                yield Planned("sts:AssumeRole", account, note=self.role)
            if not self.regions:
                yield Planned("ec2:DescribeRegions", account, note="the regions that are switched on")
            for call in self.calls():
                note = f"for each answer of {call.each}" if call.each else ""
                for region in ("",) if call.everywhere else self.regions or ("all that are switched on",):
                    yield Planned(call.name, account, region, note)

    def collect(self, desk: Desk) -> None:
        """Ask every account, region and call."""
        try:
            from foreshore.discovery.connectors._aws_session import Session
        except ImportError as error:
            raise UsageError(
                "AWS's own library is not installed", where="aws", hint="pip install 'foreshore[aws]'"
            ) from error
        try:
            session = Session(desk.phone, self.home(), self.profile, self.endpoint_url)
            own = self._own(session, desk)
        except ForeshoreError:
            raise
        except (ValueError, OSError) as error:
            raise UsageError(f"AWS's settings cannot be used ({error})", where="aws", hint="check them") from error
        for account in self._accounts(session, desk, own):
            acting = session if not self.role else self._acting(session, account)
            desk.note(f"asking account {account}")
            _Account(self, desk, acting, account).collect()

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield the document of findings `name` in the form in which AWS's command line exports it."""
        import msgspec

        listed = "findings" if name.startswith("inspector2") else "Findings"
        yield f'{{"{listed}":['.encode()
        comma = b""
        for body in bodies:
            for one in body.get(listed) or ():
                yield comma + b"\n" + msgspec.json.encode(one)
                comma = b","
        yield b"\n]}\n"

    def calls(self) -> list[Call]:
        """The calls of the services that are asked."""
        return [call for call in CALLS if not self.services or call.service in self.services]

    def home(self) -> str:
        """The region where calls for a whole account are asked."""
        return self.regions[0] if self.regions else _HOME

    def _own(self, session: Session, desk: Desk) -> str:
        """The account of the credentials; a collection that goes on keeps to the account it began with."""
        from foreshore.discovery.connectors._aws_session import asked

        def ask(_token: str) -> tuple[Any, str]:
            client = session.create_client("sts", region_name=self.home())
            return {"Account": (asked(client, "get_caller_identity", {}) or {}).get("Account", "")}, ""

        found = list(desk.pages("sts:GetCallerIdentity", {}, ask))
        if not found or not found[0].get("Account"):
            raise UsageError(
                "AWS does not know these credentials", where="aws", hint="check them with: aws sts get-caller-identity"
            )
        return str(found[0]["Account"])

    def _accounts(self, session: Session, desk: Desk, own: str) -> list[str]:
        if not self.organization:
            return list(self.accounts or (own,))
        from foreshore.discovery.connectors._aws_session import asked

        client = session.create_client("organizations", region_name=_HOME)

        def ask(token: str) -> tuple[Any, str]:
            body = asked(client, "list_accounts", {"NextToken": token} if token else {}) or {}
            return without_secrets(body), str(body.get("NextToken") or "")

        pages = list(desk.pages("organizations:ListAccounts", {"account": own}, ask))
        listed = [one for page in pages for one in page.get("Accounts") or ()]
        if not listed:
            return list(self.accounts or (own,))
        active = [one["Id"] for one in listed if one.get("State", one.get("Status", "ACTIVE")) == "ACTIVE"]
        return [one for one in active if not self.accounts or one in self.accounts]

    def _acting(self, session: Session, account: str) -> Session:
        partition = session.get_partition_for_region(self.home())
        return session.assuming(f"arn:{partition}:iam::{account}:role/{self.role.strip('/')}", self.external_id)


class _Account:
    """The calls of one account."""

    def __init__(self, settings: AWS, desk: Desk, session: Session, account: str) -> None:
        self._settings = settings
        self._desk = desk
        self._session = session
        self._account = account
        self._clients: dict[tuple[str, str], Any] = {}

    def collect(self) -> None:
        """Ask all calls in every region, and those for the whole account once."""
        calls = self._settings.calls()
        for region in self._regions():
            self._clients.clear()
            self._all([call for call in calls if not call.everywhere], region)
        self._clients.clear()
        self._all([call for call in calls if call.everywhere], "")

    def _regions(self) -> list[str]:
        if self._settings.regions:
            return list(self._settings.regions)
        pages = list(self._pages(Call("ec2", "describe_regions"), "", {}, {}))
        return sorted(
            str(one["RegionName"]) for page in pages for one in page.get("Regions") or () if "RegionName" in one
        )

    def _all(self, calls: list[Call], region: str) -> None:
        """Make `calls` in one region; those that depend on another call's answers follow it."""
        for call in calls:
            if not call.each:
                self._with_dependents(call, calls, region, {}, dict(call.parameters or {}))

    def _with_dependents(
        self, call: Call, calls: list[Call], region: str, about: dict[str, str], parameters: dict[str, Any]
    ) -> None:
        after = [one for one in calls if one.each == call.operation and one.service == call.service]
        for page in self._pages(call, region, about, parameters):
            for one in after:
                for names, more in one.about(page) if one.about else ():
                    self._with_dependents(one, calls, region, names, more)

    def _pages(self, call: Call, region: str, about: dict[str, str], parameters: dict[str, Any]) -> Iterator[Any]:
        from foreshore.discovery.connectors._aws_session import asked

        if call.service == "s3control":
            parameters = {"AccountId": self._account}
        sent, got = call.token

        def ask(token: str) -> tuple[Any, str]:
            client = self._client(call.service, region or self._settings.home())
            body = asked(client, call.operation, parameters | ({sent: token} if token else {}), call.absent)
            if body is None:
                return None, ""
            return without_secrets(body), str(body.get(got) or "") if got else ""

        scope = {"account": self._account} | ({"region": region} if region else {})
        report = f"{call.report}-{self._account}-{region}" if call.report else ""
        for page in self._desk.pages(call.name, scope, ask, about, report):
            yield page or {}

    def _client(self, service: str, region: str) -> Any:
        found = self._clients.get((service, region))
        if found is None:
            found = self._clients[service, region] = self._session.create_client(service, region_name=region)
        return found


PLUGIN = AWS()
