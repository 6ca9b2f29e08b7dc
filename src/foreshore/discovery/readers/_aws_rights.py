"""Rights by which one AWS identity can take another, or a workload, over: one relation for each action and target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from foreshore.discovery.readers import _aws_workloads
from foreshore.discovery.readers._aws_actions import ACTIONS, IDENTITIES, ITSELF, KINDS, ON_ALL, ON_NEW
from foreshore.discovery.readers._aws_actors import Actor, Policies, actors
from foreshore.discovery.readers._aws_assets import account_key
from foreshore.discovery.readers._aws_policies import MAYBE, NO, YES, Mandate
from foreshore.discovery.readers._aws_shapes import World, text
from foreshore.discovery.readers._aws_trust import ASSUME, Trust, trust, unsure
from foreshore.facts import Record, Relation, Skipped

_MANY = 200  # who can take the account over anyhow is not told each of more things than this
_KEPT = ("/aws-service-role/", "/aws-reserved/")  # roles that only AWS itself changes
_PASS = "iam:PassRole"  # noqa: S105


@dataclass(frozen=True)
class _Places:
    """What rights can be held over: ARNs by (kind, account), whom roles trust, what policies speak for whom."""

    known: frozenset[str]
    targets: Mapping[tuple[str, str], list[str]]
    seen: frozenset[tuple[str, str]]
    trusts: Mapping[str, Trust]
    accounts: Mapping[str, str]
    trusting: Mapping[str, list[str]]  # account, principal or "*" -> roles, sorted
    attached: Mapping[str, list[str]]
    policies: Policies


def rights(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Yield who has every right (`admin_of` its account), and else who `controls` what; `known` are assets' keys.

    A right whose conditions cannot be known, or that is held over something nobody has listed, ends in
    ", under a condition". A right over all of a kind, or to make something new, is one over the account.
    """
    policies = Policies(world)
    everyone: list[Actor] = []
    for one in actors(world, policies):
        if isinstance(one, Skipped):
            yield one
        elif one.arn in known and account_key(one.account) in known:
            everyone.append(one)
    places = _places(world, known, policies, everyone)
    for actor in everyone:
        yield from _of_actor(actor, places)


def _places(world: World, known: frozenset[str], policies: Policies, everyone: list[Actor]) -> _Places:
    targets: dict[tuple[str, str], list[str]] = {}
    for kind, account, arn in (*_identities(world), *_aws_workloads.targets(world)):
        if arn in known:
            targets.setdefault((kind, account), []).append(arn)
    attached: dict[str, list[str]] = {}
    for actor in everyone:
        for arn in actor.policies:
            attached.setdefault(arn, []).append(actor.arn)
    roles = world.of("role")
    trusts = {text(one.body, "Arn"): trust(one, policies.clock) for one in roles}
    trusting: dict[str, list[str]] = {}
    for arn, value in sorted(trusts.items()):
        for name in (*value.accounts, *value.principals):
            trusting.setdefault(name, []).append(arn)
    return _Places(
        known, {key: sorted(set(arns)) for key, arns in targets.items()}, _aws_workloads.listed_kinds(world),
        trusts, {text(one.body, "Arn"): one.account for one in roles},
        trusting, attached, policies,
    )  # fmt: skip


def _identities(world: World) -> Iterator[tuple[str, str, str]]:
    for kind in ("user", "iam_group", "role"):
        for one in world.of(kind):
            yield kind.removeprefix("iam_"), one.account, text(one.body, "Arn")


# -- one principal --------------------------------------------------------------------------------------


def _of_actor(actor: Actor, places: _Places) -> Iterator[Relation]:
    """Everything, or what it can do to itself, to others, and to workloads; what its only group can is the group's."""
    own = dict(_to_itself(actor, places))
    whole = _everything(actor, own)
    if whole:
        note = unsure("every action on every resource", whole)
        yield Relation(kind="admin_of", source=_end(actor.arn), target=_account(actor), note=note)
        if whole == YES:
            return
    for note, sure in own.items():
        yield Relation(kind="controls", source=_end(actor.arn), target=_account(actor), note=unsure(note, sure))
    yield from _assumed(actor, places)
    if actor.whole and not whole:
        taken = actor.unbounded and YES in own.values()
        for action, kind in ACTIONS.items():
            yield from _over(actor, action, kind, places, taken)


def _end(key: str) -> str:
    return f"asset:{key}"


def _account(actor: Actor) -> str:
    return _end(account_key(actor.account))


def _everything(actor: Actor, own: Mapping[str, int]) -> int:
    """Has it every right? Denials of some things leave an administrator who can still change what it may do."""
    mandate = actor.mandate
    free = Mandate(mandate.allows, (), mandate.limits).unlimited(actor.facts)
    if not free or not mandate.denials:
        return free
    kept = max(own.values(), default=NO) if actor.unbounded else NO
    return min(free, max(mandate.unlimited(actor.facts), kept))


def _to_itself(actor: Actor, places: _Places) -> Iterator[tuple[str, int]]:
    """Yield (note, how sure) of actions that give it every right: on itself, on a group or policy of its own."""
    mandate, facts = actor.mandate, actor.facts
    if not actor.unbounded:
        yield from _bounded(actor)
        return
    for kind, arns in ((actor.kind, (actor.arn,)), ("group", actor.groups)):
        for action in ITSELF[kind]:
            sure = max((mandate.answer(action, arn, facts) for arn in arns), default=NO)
            if sure:
                yield f"{action} on itself", sure
    for action in ITSELF["policy"]:
        found = (mandate.answer(action, arn, facts) for arn in actor.policies if _gives(action, arn, places))
        if sure := max(found, default=NO):
            yield f"{action} on itself", sure


def _bounded(actor: Actor) -> Iterator[tuple[str, int]]:
    """What a permissions boundary keeps down: rights of its own that allow everything, and the right to remove it."""
    action = f"iam:Delete{actor.kind.capitalize()}PermissionsBoundary"
    if sure := actor.mandate.answer(action, actor.arn, actor.facts):
        yield f"{action} on itself", sure
    if sure := actor.freed.unlimited(actor.facts):
        yield "every action but for its boundary", sure


def _gives(action: str, arn: str, places: _Places) -> bool:
    """Does changing the policy give every right? AWS's own cannot be changed, and a version has to be there."""
    if ":iam::aws:" in arn:
        return False
    if action == "iam:CreatePolicyVersion":
        return True
    return any(
        Mandate(tuple(one for one in rules if one.allow)).unlimited({}) for rules in places.policies.others.get(arn, [])
    )


# -- one action -----------------------------------------------------------------------------------------


def _over(actor: Actor, action: str, kind: str, places: _Places, taken: bool) -> Iterator[Relation]:
    if not any(one.speaks(action) for one in actor.mandate.allows):
        return
    pattern = KINDS[kind].format(account=actor.account)
    wide = actor.mandate.everywhere(action, pattern, actor.facts) if action in ON_ALL else NO
    if wide:
        yield _tie(actor, _account(actor), f"{action} on all", wide)
    new = actor.mandate.somewhere(action, pattern, actor.facts) if action in ON_NEW else NO
    if new:
        yield _tie(actor, _account(actor), f"{action} on a new one", new)
    found = [] if wide == YES and kind in ("bucket", "object") else _found(actor, action, kind, pattern, places)
    if len(found) > _MANY and taken:
        return
    for target, note, sure in found:
        if target != _end(actor.arn):
            yield _tie(actor, target, note, sure)


def _found(actor: Actor, action: str, kind: str, pattern: str, places: _Places) -> list[tuple[str, str, int]]:
    """(end, note, how sure) of what the actor may do `action` to."""
    if kind == "policy":
        return _policies(actor, action, places)
    if action == _PASS:
        return _passed(actor, places)
    if kind == "object" and ("bucket", actor.account) in places.seen:
        return _inside(actor, action, places.targets.get(("bucket", actor.account), []))
    if kind in IDENTITIES or (kind, actor.account) in places.seen:
        return _each(actor, action, places.targets.get((kind, actor.account), []))
    sure = min(actor.mandate.somewhere(action, pattern, actor.facts), YES if kind == "any" else MAYBE)
    return [(_account(actor), action, sure)] if sure else []


def _tie(actor: Actor, target: str, note: str, sure: int) -> Relation:
    return Relation(kind="controls", source=_end(actor.arn), target=target, note=unsure(note, sure))


def _among(actor: Actor, action: str, arns: list[str]) -> Iterator[tuple[str, int]]:
    """Those of `arns` that the actor may do `action` to, and how surely."""
    hit: dict[str, None] = {}
    for one in actor.mandate.allows:
        if one.speaks(action):
            hit.update(dict.fromkeys(one.among(arns)))
    for arn in hit:
        if sure := actor.mandate.answer(action, arn, actor.facts):
            yield arn, sure


def _each(actor: Actor, action: str, arns: list[str]) -> list[tuple[str, str, int]]:
    free = [arn for arn in arns if not any(part in arn for part in _KEPT)]
    return [(_end(arn), action, sure) for arn, sure in _among(actor, action, free)]


def _inside(actor: Actor, action: str, arns: list[str]) -> list[tuple[str, str, int]]:
    """Buckets something in which it may do `action` to."""
    found = ((arn, actor.mandate.somewhere(action, f"{arn}/*", actor.facts)) for arn in arns)
    return [(_end(arn), action, sure) for arn, sure in found if sure]


def _policies(actor: Actor, action: str, places: _Places) -> list[tuple[str, str, int]]:
    """A right over a policy is one over every other identity that the policy speaks for."""
    best: dict[str, int] = {}
    arns = sorted(arn for arn in places.attached if _gives(action, arn, places))
    for policy, sure in _among(actor, action, arns):
        for arn in places.attached[policy]:
            best[arn] = max(best.get(arn, NO), sure)
    return [(_end(arn), action, sure) for arn, sure in best.items()]


def _passed(actor: Actor, places: _Places) -> list[tuple[str, str, int]]:
    """Roles that it may hand to a service that they trust; a condition on the service is weighed for each."""
    arns = [arn for arn in places.targets.get(("role", actor.account), []) if _KEPT[0] not in arn]
    found: list[tuple[str, str, int]] = []
    for arn in {arn: None for rule in actor.mandate.allows if rule.speaks(_PASS) for arn in rule.among(arns)}:
        services = places.trusts[arn].services or {"": YES}
        said = {one: actor.mandate.answer(_PASS, arn, {**actor.facts, "iam:passedtoservice": one}) for one in services}
        if len(set(said.values())) == 1:
            found += [(_end(arn), _PASS, sure) for sure in list(said.values())[:1] if sure]
        else:
            found += [(_end(arn), f"{_PASS} to {one}", sure) for one, sure in said.items() if sure]
    return found


# -- acting as a role ------------------------------------------------------------------------------------


def _assumed(actor: Actor, places: _Places) -> Iterator[Relation]:
    """Roles that trust the actor: by its name, or by its account where its own policies allow it too."""
    rules = [one for one in actor.mandate.allows if one.speaks(ASSUME)]
    pools = [places.trusting.get(one, []) for one in (actor.account, "*")] if rules else []
    found = dict.fromkeys(places.trusting.get(actor.arn, []) + places.trusting.get("*", []))
    found.update(dict.fromkeys(arn for pool in pools for rule in rules for arn in rule.among(pool)))
    for arn in found:
        if arn == actor.arn or arn not in places.known:
            continue
        sure = _may_assume(actor, arn, places.accounts[arn], places.trusts[arn], bool(rules))
        if sure:
            note = unsure("sts:AssumeRole", sure)
            yield Relation(kind="controls", source=_end(actor.arn), target=_end(arn), note=note)
    yield from _elsewhere(actor, places)


def _may_assume(actor: Actor, arn: str, home: str, value: Trust, speaks: bool) -> int:
    denied = max(
        (one.holds(actor.facts) for one in actor.mandate.denials if one.speaks(ASSUME) and one.names(arn)), default=NO
    )
    own = actor.mandate.answer(ASSUME, arn, actor.facts) if speaks else NO
    direct = value.direct(actor.arn, actor.account, home) if home == actor.account else NO
    return max(min(direct, YES - denied), min(own, value.through_account(actor.arn, actor.account)))


def _elsewhere(actor: Actor, places: _Places) -> Iterator[Relation]:
    """Roles by name of which only the actor's side is known here."""
    names = {
        name for one in actor.mandate.allows if one.speaks(ASSUME) and not one.beside for name in one.resources
        if ":role/" in name and not set("*?$") & set(name) and name not in places.trusts
    }  # fmt: skip
    for name in sorted(names):
        if sure := actor.mandate.answer(ASSUME, name, actor.facts):
            note = unsure("sts:AssumeRole elsewhere", sure)
            yield Relation(kind="controls", source=_end(actor.arn), target=f"identity:{name}", note=note)
