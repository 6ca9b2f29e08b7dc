"""AWS's identities: users, groups and roles, who is in what, who may act as whom, and what acts under which role."""

from __future__ import annotations

from collections.abc import Iterator

from foreshore.discovery.readers import _aws_trust, _aws_workloads, _pipelines
from foreshore.discovery.readers._aws_actors import Policies
from foreshore.discovery.readers._aws_assets import account_key, instance_key
from foreshore.discovery.readers._aws_policies import Mandate
from foreshore.discovery.readers._aws_shapes import Thing, World, clock, listed, mapping, tags, text, words
from foreshore.facts import Record, Relation, Sighting, Skipped

NARROWED = "within limits of its own"


def identities(world: World) -> Iterator[Sighting]:
    """Yield users, groups and roles as assets."""
    policies, keys = Policies(world), _access_keys(world)
    for kind, name in (("user", "UserName"), ("iam_group", "GroupName"), ("role", "RoleName")):
        for thing in world.of(kind):
            arn = text(thing.body, "Arn")
            said = (
                ("provider", "aws"), ("account", thing.account), ("identity_type", kind.removeprefix("iam_")),
                ("unique_id", text(thing.body, f"{name[:-4]}Id")), ("created", text(thing.body, "CreateDate")),
                ("last_used", text(mapping(thing.body, "RoleLastUsed"), "LastUsedDate")),
                ("boundary", _boundary(thing, policies)), ("instance_profile", _profile(thing)),
                ("trusts_anyone", _anyone(thing) if kind == "role" else ""),
            )  # fmt: skip
            yield Sighting(
                key=arn, name=text(thing.body, name), kind="identity", identifiers=(("arn", arn), *keys.get(arn, ())),
                tags=tags(thing.body), attributes=tuple((word, value) for word, value in said if value),
            )  # fmt: skip


def _access_keys(world: World) -> dict[str, list[tuple[str, str]]]:
    """The names of the access keys of each user that are not turned off: a key that leaks is known by its name."""
    users: dict[tuple[str, str], str] = {}
    for one in world.of("user"):
        name, arn = text(one.body, "UserName"), text(one.body, "Arn")
        users[one.account, name] = arn
        users["", name] = arn if ("", name) not in users else ""  # where no account is told, one of the name only
    found: dict[str, list[tuple[str, str]]] = {}
    for one in world.of("access_key"):
        owner = users.get((one.account, text(one.body, "UserName")), "")
        if owner and text(one.body, "Status") == "Active":
            found.setdefault(owner, []).append(_pipelines.access_key(text(one.body, "AccessKeyId")))
    return found


def _boundary(thing: Thing, policies: Policies) -> str:
    """Does a permissions boundary narrow the identity? ("yes", "no", or "unknown" where its policy is not here)"""
    arn = text(mapping(thing.body, "PermissionsBoundary"), "PermissionsBoundaryArn")
    rules = policies.rules(arn) if arn else None
    if not arn:
        return "no" if "GroupPolicyList" not in thing.body else ""
    if rules is None:
        return "unknown"
    whole = Mandate(tuple(one for one in rules if one.allow), tuple(one for one in rules if not one.allow))
    return "no" if whole.unlimited({}) else "yes"


def _profile(thing: Thing) -> str:
    """Is there an instance profile by which machines may have a role?"""
    held = thing.body.get("InstanceProfileList")
    return "" if not isinstance(held, list) else "yes" if held else "no"


def _anyone(role: Thing) -> str:
    return "yes" if "*" in _aws_trust.trust(role).accounts else "no"


def ties(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Yield memberships, trusts, and what acts under which role; `known` are assets' keys."""
    yield from _memberships(world, known)
    yield from _trusts(world, known)
    yield from _pipelines.of_roles(world.of("role"), known)
    yield from _running(world, known)


def _end(arn: str, known: frozenset[str]) -> str:
    return f"asset:{arn}" if arn in known else f"identity:{arn}"


def _memberships(world: World, known: frozenset[str]) -> Iterator[Relation]:
    """Who is in which group; the note tells that denials or a boundary of its own narrow what the group gives."""
    groups = {(one.account, text(one.body, "GroupName")): text(one.body, "Arn") for one in world.of("iam_group")}
    policies = Policies(world)
    for user in world.of("user"):
        source = text(user.body, "Arn")
        narrowed = bool(mapping(user.body, "PermissionsBoundary"))
        narrowed = narrowed or any(not rule.allow for rule in policies.own(user).rules)
        for name in dict.fromkeys(words(user.body.get("GroupList"))):
            arn = groups.get((user.account, name)) or f"arn:aws:iam::{user.account}:group/{name}"
            if source in known:
                note = NARROWED if narrowed else ""
                yield Relation(kind="member_of", source=f"asset:{source}", target=_end(arn, known), note=note)


def _trusts(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Whom each role trusts, by kind in the note; a service is a tie to the role's account under its own name."""
    known_time = clock(world)
    for role in world.of("role"):
        arn, value = text(role.body, "Arn"), _aws_trust.trust(role, known_time)
        if arn not in known:
            continue
        own = account_key(role.account)
        for service, sure in value.services.items():
            if own in known:
                note = _aws_trust.unsure(service, sure)
                yield Relation(kind="trusts", source=f"asset:{arn}", target=f"asset:{own}", note=note)
        for kind, name, sure in _aws_trust.ends(value):
            end = "any" if name == "*" else _end(account_key(name) if kind == "account" else name, known)
            note = _aws_trust.unsure(f"trusted {kind}", sure)
            if end != f"asset:{arn}":
                yield Relation(kind="trusts", source=f"asset:{arn}", target=end, note=note)


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
    yield from _aws_workloads.running(world, known)
    for thing in world.of("function"):
        arn, key = text(thing.body, "Role"), text(thing.body, "FunctionArn")
        if arn and key in known:
            yield Relation(kind="runs_as", source=f"asset:{key}", target=_end(arn, known))
