"""Whom AWS's roles trust: services, accounts, principals, other providers; and who may act as a role for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from foreshore.discovery.readers._aws_policies import MAYBE, NO, YES, Statement, statements, statements_of
from foreshore.discovery.readers._aws_shapes import Thing, document, words

ASSUME = "sts:assumerole"
_ACCOUNT = re.compile(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?")
_SESSION = re.compile(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")


@dataclass
class Trust:
    """What one role's trust policy says; each answer is how sure it is.

    `accounts` are numbers, `principals` ARNs of users and roles, `providers` of SAML or OpenID Connect; "*" among
    the accounts is anybody. `denied` are principals, accounts or "*" that may not.
    """

    services: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    principals: dict[str, int] = field(default_factory=dict)
    providers: dict[str, int] = field(default_factory=dict)
    denied: dict[str, int] = field(default_factory=dict)

    def direct(self, arn: str, account: str, home: str) -> int:
        """Does the policy itself name the principal? Within the account, anybody is such a name too."""
        anybody = self.accounts.get("*", NO) if account == home else NO
        return min(max(self.principals.get(arn, NO), anybody), self._left(arn, account))

    def through_account(self, arn: str, account: str) -> int:
        """Does it trust the principal's account, so that this may hand the right on?"""
        named = (self.principals.get(arn, NO), self.accounts.get(account, NO), self.accounts.get("*", NO))
        return min(max(named), self._left(arn, account))

    def _left(self, arn: str, account: str) -> int:
        return YES - max(self.denied.get(one, NO) for one in (arn, account, "*"))


def trust(role: Thing, clock: Mapping[str, str] | None = None) -> Trust:
    """Read the trust policy of a role; `clock` is what is known of the time of any request."""
    policy = document(role.body.get("AssumeRolePolicyDocument"))
    facts = {"aws:sourceaccount": role.account, "aws:principalaccount": ""}
    facts = {name: value for name, value in facts.items() if value} | dict(clock or {})
    found = Trust()
    for raw, one in zip(statements_of(policy), statements(policy), strict=True):
        principal = raw.get("Principal")
        named: Mapping[str, object] = (
            {"AWS": "*"} if principal == "*" else principal if isinstance(principal, dict) else {}
        )
        for kind, values in named.items():
            for value in words(values):
                _take(found, role, kind, value, one, one.holds(facts))
    return found


def _take(found: Trust, role: Thing, kind: str, value: str, one: Statement, sure: int) -> None:
    if not sure or not value:
        return
    if kind == "Service":
        _put(found.services if one.allow else {}, value.lower(), sure if one.speaks(ASSUME) else NO)
    elif kind == "Federated":
        _put(found.providers if one.allow else {}, value, sure)
        if value.endswith(".amazonaws.com"):
            _put(found.services if one.allow else {}, value.lower(), sure)
    elif kind == "AWS" and one.speaks(ASSUME):
        account = _ACCOUNT.fullmatch(value)
        name = account.group(1) if account else "*" if value == "*" else _principal(value)
        where = found.denied if not one.allow else found.accounts if account or value == "*" else found.principals
        _put(where, name, sure)


def _principal(value: str) -> str:
    """A session's role stands for it, though only that session is trusted: its name is anyone's to choose."""
    session = _SESSION.fullmatch(value)
    return f"arn:{session.group(1)}:iam::{session.group(2)}:role/{session.group(3)}" if session else value


def _put(where: dict[str, int], name: str, sure: int) -> None:
    if sure:
        where[name] = max(where.get(name, NO), sure)


def unsure(note: str, sure: int) -> str:
    """A note, with what says that it holds under a condition that is not known."""
    return f"{note}, under a condition" if sure == MAYBE else note


def ends(value: Trust) -> Iterator[tuple[str, str, int]]:
    """Yield (kind of the end, its name, how sure) of all that a role trusts, services left out."""
    for kind, named in (("account", value.accounts), ("principal", value.principals), ("provider", value.providers)):
        yield from ((kind, name, sure) for name, sure in named.items())
