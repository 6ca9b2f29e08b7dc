"""Rights by which one AWS identity can take another, or a machine or function, over."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from foreshore.discovery.readers._aws_assets import account_key, instance_key
from foreshore.discovery.readers._aws_identities import statements_of
from foreshore.discovery.readers._aws_shapes import Thing, World, document, listed, mapping, text, words
from foreshore.facts import Relation

# Rights whose holder gets more than it has, and the kind of what they take over. Sources: the actions' own
# entries in AWS's service authorization reference.
RIGHTS: Mapping[str, str] = {
    "iam:AddUserToGroup": "group", "iam:AttachGroupPolicy": "group", "iam:PutGroupPolicy": "group",
    "iam:AttachRolePolicy": "role", "iam:PutRolePolicy": "role", "iam:UpdateAssumeRolePolicy": "role",
    "iam:PassRole": "role", "sts:AssumeRole": "role", "iam:DeleteRolePermissionsBoundary": "role",
    "iam:AttachUserPolicy": "user", "iam:PutUserPolicy": "user", "iam:CreateAccessKey": "user",
    "iam:CreateLoginProfile": "user", "iam:UpdateLoginProfile": "user", "iam:DeleteUserPermissionsBoundary": "user",
    "iam:CreatePolicyVersion": "policy", "iam:SetDefaultPolicyVersion": "policy",
    "lambda:UpdateFunctionCode": "function", "lambda:UpdateFunctionConfiguration": "function",
    "ssm:SendCommand": "instance", "ssm:StartSession": "instance",
    "ec2-instance-connect:SendSSHPublicKey": "instance", "ec2:ModifyInstanceAttribute": "instance",
}  # fmt: skip
_MANY = 200  # a pattern that fits more than this is written as a right over the account


class Statement(NamedTuple):
    """One statement of an identity's policy; `actions` are in lower case, because AWS ignores it there."""

    allow: bool
    actions: tuple[str, ...]
    inverted: bool  # NotAction: everything but these
    resources: tuple[str, ...]
    beside: bool  # NotResource
    conditional: bool

    def speaks(self, action: str) -> bool:
        """Does it speak of `action`?"""
        return any(_fits_action(pattern, action) for pattern in self.actions) is not self.inverted

    def names(self, arn: str) -> bool:
        """Does it speak of the resource `arn`?"""
        return any(fits(pattern, arn) for pattern in self.resources) is not self.beside

    def among(self, arns: list[str]) -> list[str]:
        """Those of `arns`, which are sorted, that it speaks of."""
        if self.beside:
            return [arn for arn in arns if self.names(arn)]
        hit: dict[str, None] = {}
        for pattern in self.resources:
            start = re.split(r"[*?]", pattern, maxsplit=1)[0]
            for place in range(bisect_left(arns, start), len(arns)):
                if not arns[place].startswith(start):
                    break
                if fits(pattern, arns[place]):
                    hit[arns[place]] = None
        return list(hit)

    @property
    def everywhere(self) -> bool:
        """Does it speak of every resource?"""
        return "*" in self.resources and not self.beside


def statements(policy: Mapping[str, Any]) -> list[Statement]:
    """The statements of a policy of an identity."""
    found = []
    for one in statements_of(policy):
        inverted, beside = "NotAction" in one, "NotResource" in one
        found.append(Statement(
            text(one, "Effect") == "Allow",
            tuple(word.lower() for word in words(one.get("NotAction" if inverted else "Action"))), inverted,
            tuple(words(one.get("NotResource" if beside else "Resource"))), beside, bool(mapping(one, "Condition")),
        ))  # fmt: skip
    return found


def fits(pattern: str, value: str) -> bool:
    """Does `value` fit a pattern with `*` and `?`? Never slower than both lengths multiplied."""
    place = here = mark = 0
    star = -1
    while place < len(value):
        if here < len(pattern) and pattern[here] == "*":
            star, mark = here, place
            here += 1
        elif here < len(pattern) and pattern[here] in ("?", value[place]):
            here, place = here + 1, place + 1
        elif star >= 0:
            mark += 1
            here, place = star + 1, mark
        else:
            return False
    return not pattern[here:].strip("*")


@lru_cache(maxsize=65_536)
def _fits_action(pattern: str, action: str) -> bool:
    return fits(pattern, action.lower())


def rights(world: World, known: frozenset[str]) -> Iterator[Relation]:
    """Yield who has every right (`admin_of` its account), and else who `controls` what; `known` are assets' keys.

    Only policies of identities are weighed: no boundaries, organization policies or policies of resources.
    """
    policies = {text(one.body, "Arn"): _default(one) for one in world.of("policy")}
    groups = {(one.account, text(one.body, "GroupName")): _own(one, policies) for one in world.of("iam_group")}
    targets = _targets(world, known)
    for kind in ("user", "iam_group", "role"):
        for thing in world.of(kind):
            rules = list(_own(thing, policies))
            for name in words(thing.body.get("GroupList")):
                rules += groups.get((thing.account, name), [])
            if rules and text(thing.body, "Arn") in known and account_key(thing.account) in known:
                yield from _of_principal(thing, rules, targets)


def _default(policy: Thing) -> list[Statement]:
    for version in listed(policy.body, "PolicyVersionList"):
        if version.get("IsDefaultVersion") is True:
            return statements(document(version.get("Document")))
    return []


def _own(thing: Thing, policies: Mapping[str, list[Statement]]) -> list[Statement]:
    found: list[Statement] = []
    for name in ("UserPolicyList", "GroupPolicyList", "RolePolicyList"):
        for one in listed(thing.body, name):
            found += statements(document(one.get("PolicyDocument")))
    for one in listed(thing.body, "AttachedManagedPolicies"):
        found += policies.get(text(one, "PolicyArn"), [])
    return found


def _targets(world: World, known: frozenset[str]) -> dict[str, list[str]]:
    """ARNs of what rights can be held over, by kind."""
    found = {
        "user": [text(one.body, "Arn") for one in world.of("user")],
        "group": [text(one.body, "Arn") for one in world.of("iam_group")],
        "role": [text(one.body, "Arn") for one in world.of("role")],
        "function": [text(one.body, "FunctionArn") for one in world.of("function")],
        "instance": [instance_key(one) for one in world.of("instance")],
    }
    return {kind: sorted({*values} & known) for kind, values in found.items()}


def _of_principal(thing: Thing, rules: list[Statement], targets: Mapping[str, list[str]]) -> Iterator[Relation]:
    """A statement that denies without condition takes away; one with a condition may not hold and takes nothing."""
    source, account = f"asset:{text(thing.body, 'Arn')}", f"asset:{account_key(thing.account)}"
    denied = [one for one in rules if not one.allow and not one.conditional]
    if not denied and any(_everything(one) for one in rules):
        yield Relation(kind="admin_of", source=source, target=account, note="every action on every resource")
        return
    seen: set[tuple[str, str]] = set()
    for action, kind in RIGHTS.items():
        forbidden = [one for one in denied if one.speaks(action)]
        if any(one.everywhere for one in forbidden):
            continue
        for rule in (one for one in rules if one.allow and one.speaks(action)):
            for target in _over(rule, targets.get(kind, []), forbidden):
                end = f"asset:{target}" if target else account
                if end != source and (end, action) not in seen:
                    seen.add((end, action))
                    more = ("" if target else " on all of the kind") + (
                        ", under a condition" if rule.conditional else ""
                    )
                    yield Relation(kind="controls", source=source, target=end, note=action + more)


def _everything(one: Statement) -> bool:
    whole = any(word == "*:*" or (word and not word.strip("*")) for word in one.actions)
    return one.allow and whole and not one.inverted and not one.conditional and one.everywhere


def _over(one: Statement, arns: list[str], forbidden: list[Statement]) -> list[str]:
    """The ARNs that a statement speaks of, or [""] for all of the kind."""
    if one.everywhere and not forbidden:
        return [""]
    hit = [arn for arn in one.among(arns) if not any(rule.names(arn) for rule in forbidden)]
    return [""] if len(hit) > _MANY else hit
