"""Service control policies of an AWS organization: what limits every principal of an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from foreshore.discovery.readers._aws_policies import Statement, statements
from foreshore.discovery.readers._aws_shapes import Thing, World, document, listed, mapping, text

Rules = list[Statement]


def limits(world: World) -> Mapping[str, list[Rules]]:
    """For each account: the statements of the policies of each level above it, and of its own.

    A policy belongs to the targets that the answer to `list-targets-for-policy` names, in the object itself or in
    an answer about it. Where an account stands below the root is known from `list-parents`; without it, a policy
    of an organizational unit may hold for every account, and its denials are unsure.
    """
    accounts = {one.account for things in world.things.values() for one in things if one.account}
    at: dict[str, Rules] = {}
    root: set[str] = set()
    for thing in world.of("scp"):
        if text(mapping(thing.body, "PolicySummary"), "Type") not in ("", "SERVICE_CONTROL_POLICY"):
            continue
        rules = statements(document(thing.body.get("Content")))
        for target in _targets(world, thing):
            at.setdefault(text(target, "TargetId"), []).extend(rules)
            root.update([text(target, "TargetId")] if text(target, "Type") == "ROOT" else [])
    above = _parents(world)
    chief = {text(one.body, "MasterAccountId") for one in world.of("organization")}
    return {account: _of_account(account, at, root, above) for account in accounts - chief} if at else {}


def _of_account(account: str, at: Mapping[str, Rules], root: set[str], above: Mapping[str, str]) -> list[Rules]:
    found = [at[account]] if account in at else []
    chain, here = [], account
    while here in above and above[here] not in chain:
        here = above[here]
        chain.append(here)
    found += [at[one] for one in chain if one in at]
    found += [at[one] for one in sorted(root - set(chain))]
    if account not in above:
        elsewhere = [one for one in at if one.startswith("ou-")]
        unsure = [replace(rule, unsure=True) for one in elsewhere for rule in at[one] if not rule.allow]
        found += [[*unsure, Statement(True, ("*",), False, ("*",), False)]] if unsure else []
    return found


def _targets(world: World, policy: Thing) -> list[Mapping[str, object]]:
    number = text(mapping(policy.body, "PolicySummary"), "Id")
    about = [one.body for one in world.of("scp_target") if one.about.get("PolicyId") == number and number]
    return [*listed(policy.body, "Targets"), *about]


def _parents(world: World) -> dict[str, str]:
    return {one.about["ChildId"]: text(one.body, "Id") for one in world.of("scp_parent") if one.about.get("ChildId")}
