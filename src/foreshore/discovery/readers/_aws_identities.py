"""AWS's identities: users, groups and roles, who is in what, who may act as whom, and what acts under which role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from foreshore.discovery.readers._aws_assets import account_key, instance_key
from foreshore.discovery.readers._aws_shapes import World, document, listed, mapping, tags, text, words
from foreshore.facts import Record, Relation, Sighting, Skipped


def identities(world: World) -> Iterator[Sighting]:
    """Yield users, groups and roles as assets."""
    for kind, name in (("user", "UserName"), ("iam_group", "GroupName"), ("role", "RoleName")):
        for thing in world.of(kind):
            arn = text(thing.body, "Arn")
            said = (
                ("provider", "aws"), ("account", thing.account), ("identity_type", kind.removeprefix("iam_")),
                ("unique_id", text(thing.body, f"{name[:-4]}Id")), ("created", text(thing.body, "CreateDate")),
                ("last_used", text(mapping(thing.body, "RoleLastUsed"), "LastUsedDate")),
            )  # fmt: skip
            yield Sighting(
                key=arn, name=text(thing.body, name), kind="identity", identifiers=(("arn", arn),),
                tags=tags(thing.body), attributes=tuple((word, value) for word, value in said if value),
            )  # fmt: skip


def ties(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Yield memberships, trusts, and what acts under which role; `known` are assets' keys."""
    yield from _memberships(world, known)
    yield from _trusts(world, known)
    yield from _running(world, known)


def _end(arn: str, known: frozenset[str]) -> str:
    return f"asset:{arn}" if arn in known else f"identity:{arn}"


def _memberships(world: World, known: frozenset[str]) -> Iterator[Relation]:
    groups = {(one.account, text(one.body, "GroupName")): text(one.body, "Arn") for one in world.of("iam_group")}
    for user in world.of("user"):
        source = text(user.body, "Arn")
        for name in dict.fromkeys(words(user.body.get("GroupList"))):
            arn = groups.get((user.account, name)) or f"arn:aws:iam::{user.account}:group/{name}"
            if source in known:
                yield Relation(kind="member_of", source=f"asset:{source}", target=_end(arn, known))


def _trusts(world: World, known: frozenset[str]) -> Iterator[Record]:
    for role in world.of("role"):
        arn = text(role.body, "Arn")
        seen: set[str] = set()
        for one in statements_of(document(role.body.get("AssumeRolePolicyDocument"))):
            if text(one, "Effect") == "Deny":
                yield Skipped(f"role {arn}", "its trust policy also denies, which is not weighed")
                continue
            note = "under a condition" if mapping(one, "Condition") else ""
            for target in _principals(one, known):
                if target not in seen and arn in known:
                    seen.add(target)
                    yield Relation(kind="trusts", source=f"asset:{arn}", target=target, note=note)


def statements_of(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The statements of a policy: a list, or one alone."""
    value = policy.get("Statement")
    return [value] if isinstance(value, dict) else listed(policy, "Statement")


def _principals(statement: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    principal = statement.get("Principal")
    if principal == "*":
        yield "any"
        return
    for kind, values in principal.items() if isinstance(principal, dict) else ():
        for value in words(values):
            account = re.fullmatch(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", value)
            if value == "*":
                yield "any"
            elif kind == "AWS" and account:
                key = account_key(account.group(1))
                yield f"asset:{key}" if key in known else f"identity:{key}"
            elif value:
                yield _end(value, known)


def _running(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Instances and functions with the roles that they act under."""
    roles = {}
    for role in world.of("role"):
        for one in listed(role.body, "InstanceProfileList"):
            roles[text(one, "Arn")] = text(role.body, "Arn")
    for profile in world.of("profile"):
        for each in listed(profile.body, "Roles"):
            roles.setdefault(text(profile.body, "Arn"), text(each, "Arn"))
    for thing in world.of("instance"):
        arn, key = text(mapping(thing.body, "IamInstanceProfile"), "Arn"), instance_key(thing)
        if not arn or key not in known:
            continue
        if arn not in roles:
            yield Skipped(f"instance {text(thing.body, 'InstanceId')}", f"the role of {arn} is not in the answers")
            continue
        yield Relation(kind="runs_as", source=f"asset:{key}", target=_end(roles[arn], known))
    for thing in world.of("function"):
        arn, key = text(thing.body, "Role"), text(thing.body, "FunctionArn")
        if arn and key in known:
            yield Relation(kind="runs_as", source=f"asset:{key}", target=_end(arn, known))
