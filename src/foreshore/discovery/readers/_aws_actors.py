"""AWS's principals with all that decides what each may do: policies, groups, boundary, control policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from foreshore.discovery.readers import _aws_organization
from foreshore.discovery.readers._aws_actions import MANAGED
from foreshore.discovery.readers._aws_policies import Mandate, Statement, bound, statements
from foreshore.discovery.readers._aws_shapes import Thing, World, clock, document, listed, mapping, text, words
from foreshore.facts import Skipped

Rules = list[Statement]


@dataclass(frozen=True)
class Actor:
    """One principal. `unbounded` says that no permissions boundary narrows it, `freed` is its mandate without one.

    `policies` are the ARNs of the managed policies that speak for it, `groups` of the groups it is in; `whole`
    says that its groups' own rights together are not all that is to be told of it.
    """

    arn: str
    account: str
    kind: str
    mandate: Mandate
    facts: Mapping[str, str]
    policies: frozenset[str]
    groups: tuple[str, ...]
    unbounded: bool
    freed: Mandate
    whole: bool


@dataclass(frozen=True)
class _Own:
    """What is attached to one identity itself."""

    rules: Rules
    policies: frozenset[str]
    missing: tuple[str, ...] = ()


class Policies:
    """All managed policies of a world: the default version of each, and the others."""

    def __init__(self, world: World) -> None:
        self.clock = clock(world)
        self._default: dict[str, Rules] = {}
        self.others: dict[str, list[Rules]] = {}
        for thing in world.of("policy"):
            arn = text(thing.body, "Arn")
            for version in listed(thing.body, "PolicyVersionList"):
                rules = statements(document(version.get("Document")))
                if version.get("IsDefaultVersion") is True:
                    self._default[arn] = rules
                else:
                    self.others.setdefault(arn, []).append(rules)

    def rules(self, arn: str) -> Rules | None:
        """The statements of a policy; None where its document is not known."""
        known = MANAGED.get(arn.rpartition("/")[2]) if ":iam::aws:policy/" in arn else None
        if arn in self._default:
            return self._default[arn]
        return [Statement(True, known, False, ("*",), False)] if known else None

    def own(self, thing: Thing) -> _Own:
        """What is attached to an identity itself, inline and managed."""
        rules: Rules = []
        for name in ("UserPolicyList", "GroupPolicyList", "RolePolicyList"):
            for one in listed(thing.body, name):
                rules += statements(document(one.get("PolicyDocument")))
        arns = [text(one, "PolicyArn") for one in listed(thing.body, "AttachedManagedPolicies")]
        found = {arn: self.rules(arn) for arn in arns}
        for known in found.values():
            rules += known or []
        return _Own(rules, frozenset(arns), tuple(arn for arn, known in found.items() if known is None))


def actors(world: World, policies: Policies) -> Iterator[Actor | Skipped]:
    """Yield every user, group and role with its mandate, and what is not known of one."""
    controls = _aws_organization.limits(world)
    groups = {(one.account, text(one.body, "GroupName")): one for one in world.of("iam_group")}
    owned = {id(one): policies.own(one) for one in groups.values()}
    for kind, name in (("user", "user"), ("iam_group", "group"), ("role", "role")):
        for thing in world.of(kind):
            if not text(thing.body, "Arn"):
                continue
            names = dict.fromkeys(words(thing.body.get("GroupList")))
            inside = [groups[thing.account, one] for one in names if (thing.account, one) in groups]
            own = policies.own(thing)
            if own.missing:
                shown = ", ".join(arn.rpartition("/")[2] for arn in own.missing[:5])
                yield Skipped(
                    f"{name} {text(thing.body, 'Arn')}", f"the documents of its policies are not here: {shown}"
                )
            yield _actor(thing, name, own, [(one, owned[id(one)]) for one in inside], policies, controls)


def _actor(
    thing: Thing, kind: str, own: _Own, inside: list[tuple[Thing, _Own]], policies: Policies,
    controls: Mapping[str, list[Rules]],
) -> Actor:  # fmt: skip
    arn = text(thing.body, "Arn")
    facts = dict(policies.clock)
    if kind != "group":
        facts |= {"aws:principalarn": arn, "aws:principalaccount": thing.account}
    if kind != "group":
        facts |= {"aws:username": text(thing.body, "UserName") if kind == "user" else ""}
    variables = {**facts, "aws:username": facts.get("aws:username", "")}
    rules = bound(own.rules + [rule for _, one in inside for rule in one.rules], variables)
    edge = text(mapping(thing.body, "PermissionsBoundary"), "PermissionsBoundaryArn")
    limits = [bound(policies.rules(edge) or [_unknown()], variables)] if edge else []
    bounded = bool(edge) and not Mandate(_those(limits[0], True), _those(limits[0], False)).unlimited(facts)
    above = len(limits)
    if "/aws-service-role/" not in arn:
        limits += [bound(one, variables) for one in controls.get(thing.account, [])]
    everything = [*rules, *(rule for limit in limits for rule in limit)]
    return Actor(
        arn, thing.account, kind,
        Mandate(_those(rules, True), _those(everything, False), tuple(_those(limit, True) for limit in limits)),
        {name: value for name, value in facts.items() if value},
        own.policies.union(*(one.policies for _, one in inside)),
        tuple(text(one.body, "Arn") for one, _ in inside), not bounded,
        Mandate(_those(rules, True), _those(rules, False), tuple(_those(limit, True) for limit in limits[above:])),
        _whole(own, [one for _, one in inside], bool(edge)),
    )  # fmt: skip


def _whole(own: _Own, inside: list[_Own], edge: bool) -> bool:
    """Is there more to say of an identity than that it is in its group?"""
    personal = any("${" in name for one in inside for rule in one.rules for name in rule.resources)
    return bool(own.rules) or edge or personal or len(inside) != 1


def _those(rules: Iterable[Statement], allow: bool) -> tuple[Statement, ...]:
    return tuple(rule for rule in rules if rule.allow is allow)


def _unknown() -> Statement:
    """A boundary whose document is not here: it may allow anything."""
    return Statement(True, ("*",), False, ("*",), False, unsure=True)
