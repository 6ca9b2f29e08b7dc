"""What acts in AWS under a role: machines, functions, and the many services that run code or calls for somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foreshore.discovery.readers._aws_assets import about, instance_key
from foreshore.discovery.readers._aws_shapes import Thing, World, listed, mapping, tags, text
from foreshore.facts import Record, Relation, Sighting, Skipped

_ARN = re.compile(r"arn:[\w-]+:[\w-]+:([\w-]*):(\d{12}):.+")
_ROLE = re.compile(r"arn:[\w-]+:iam::(\d{12}):(?:role|instance-profile)/(?:.*/)?([^/]+)")


class _Sort(NamedTuple):
    """One sort of workload: what it is called, where its ARN, name and role stand, how its ARN is made without one."""

    kind: str
    arn: str
    name: str
    role: tuple[str, ...]
    made: str = ""
    profile: bool = False


# By shape (see `_aws_shapes`), as the services' own API references give their answers.
SORTS: Mapping[str, _Sort] = {
    "launch_template": _Sort("launch template", "", "LaunchTemplateId", ("LaunchTemplateData", "IamInstanceProfile"),
                             "ec2:{region}:{account}:launch-template/{name}", profile=True),
    "stack": _Sort("stack", "StackId", "StackName", ("RoleARN",)),
    "stack_set": _Sort("stack set", "StackSetARN", "StackSetName", ("AdministrationRoleARN",)),
    "build_project": _Sort("build project", "arn", "name", ("serviceRole",)),
    "dev_endpoint": _Sort("development endpoint", "", "EndpointName", ("RoleArn",),
                          "glue:{region}:{account}:devEndpoint/{name}"),
    "glue_job": _Sort("glue job", "", "Name", ("Role",), "glue:{region}:{account}:job/{name}"),
    "notebook": _Sort("notebook", "NotebookInstanceArn", "NotebookInstanceName", ("RoleArn",)),
    "studio_user": _Sort("studio user", "UserProfileArn", "UserProfileName", ("UserSettings", "ExecutionRole")),
    "web_service": _Sort("web service", "ServiceArn", "ServiceName", ("InstanceConfiguration", "InstanceRoleArn")),
    "code_interpreter": _Sort("code interpreter", "codeInterpreterArn", "name", ("executionRoleArn",)),
    "agent_runtime": _Sort("agent runtime", "agentRuntimeArn", "agentRuntimeName", ("roleArn",)),
    "task_definition": _Sort("task definition", "taskDefinitionArn", "family", ("taskRoleArn",)),
    "task": _Sort("container task", "taskArn", "group", ("overrides", "taskRoleArn")),
    "data_cluster": _Sort("data cluster", "ClusterArn", "Name", ("Ec2InstanceAttributes", "IamInstanceProfile"),
                          profile=True),
    "state_machine": _Sort("state machine", "stateMachineArn", "name", ("roleArn",)),
    "batch_job": _Sort("batch job", "jobDefinitionArn", "jobDefinitionName", ("containerProperties", "jobRoleArn")),
    "delivery_pipeline": _Sort("delivery pipeline", "", "name", ("roleArn",), "codepipeline:{region}:{account}:{name}"),
    "workflow_environment": _Sort("workflow environment", "Arn", "Name", ("ExecutionRoleArn",)),
    "stream_application": _Sort("stream application", "ApplicationARN", "ApplicationName", ("ServiceExecutionRole",)),
}  # fmt: skip


def key_of(thing: Thing, sort: _Sort) -> str:
    """The ARN of a workload, or a name made of account and region where its ARN is not known."""
    found = text(thing.body, sort.arn) if sort.arn else ""
    made = sort.made.format(region=thing.region, account=account_of(thing, sort), name=text(thing.body, sort.name))
    return found or f"arn:aws:{made}" if made or found else ""


def account_of(thing: Thing, sort: _Sort) -> str:
    """The account that a workload belongs to: its own ARN's, or that of its role."""
    own = _ARN.fullmatch(text(thing.body, sort.arn)) if sort.arn else None
    role = _ROLE.fullmatch(_role(thing.body, sort))
    return (own.group(2) if own else "") or thing.account or (role.group(1) if role else "")


def sightings(world: World) -> Iterator[Sighting]:
    """Yield every workload that has no reader of its own as an asset."""
    for shape, sort in SORTS.items():
        for thing in world.of(shape):
            key = key_of(thing, sort)
            if key and text(thing.body, sort.name):
                own = Thing(thing.body, account_of(thing, sort), thing.region or _region(key), thing.about)
                yield Sighting(
                    key=key, name=text(thing.body, sort.name), kind="cloud_resource", tags=tags(thing.body),
                    identifiers=(("arn", key),), attributes=about(own, ("resource_type", sort.kind)),
                )  # fmt: skip


def _region(key: str) -> str:
    match = _ARN.fullmatch(key)
    return match.group(1) if match else ""


def _role(body: Mapping[str, Any], sort: _Sort) -> str:
    """The role or instance profile that a workload names, as ARN or name."""
    for name in sort.role[:-1]:
        body = mapping(body, name)
    value = body.get(sort.role[-1])
    if isinstance(value, dict):
        return text(value, "Arn") or text(value, "Name")
    return text(body, sort.role[-1])


def running(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Yield which role each workload acts under, and what names one that is not in the answers."""
    roles = {(one.account, text(one.body, "RoleName")): text(one.body, "Arn") for one in world.of("role")}
    definitions = {
        text(one.body, "taskDefinitionArn"): text(one.body, "taskRoleArn") for one in world.of("task_definition")
    }
    profiles = _profiles(world)
    for shape, sort in SORTS.items():
        for thing in world.of(shape):
            key, named = key_of(thing, sort), _role(thing.body, sort)
            if shape == "task" and not named:
                named = definitions.get(text(thing.body, "taskDefinitionArn"), "")
            if key not in known or not named:
                continue
            own = (account_of(thing, sort), named.rpartition("/")[2])
            arn = profiles.get(own, "") if sort.profile else named
            arn = arn if arn.startswith("arn:") else roles.get(own, arn)
            if not arn.startswith("arn:"):
                yield Skipped(
                    f"{sort.kind} {text(thing.body, sort.name)}", f"the role of {named} is not in the answers"
                )
                continue
            yield Relation(kind="runs_as", source=f"asset:{key}", target=_end(arn, known))


def _profiles(world: World) -> dict[tuple[str, str], str]:
    """Roles by account and name of their instance profile."""
    return {
        (role.account, text(one, "InstanceProfileName") or text(one, "Arn").rpartition("/")[2]): text(role.body, "Arn")
        for role in world.of("role") for one in listed(role.body, "InstanceProfileList")
    }  # fmt: skip


def _end(arn: str, known: frozenset[str]) -> str:
    return f"asset:{arn}" if arn in known else f"identity:{arn}"


# -- what rights can be held over --------------------------------------------------------------------------


def targets(world: World) -> Iterator[tuple[str, str, str]]:
    """Yield (kind of `_aws_actions.KINDS`, account, key) of everything that runs here."""
    for thing in world.of("instance"):
        yield "instance", thing.account, instance_key(thing)
    for thing in world.of("function"):
        yield "function", thing.account, text(thing.body, "FunctionArn")
    for thing in world.of("bucket"):
        yield "bucket", thing.account, f"arn:aws:s3:::{text(thing.body, 'Name')}"
    for shape, sort in SORTS.items():
        for thing in world.of(shape):
            yield sort.kind, account_of(thing, sort), key_of(thing, sort)


_CALLS = {"ec2:DescribeInstances": "instance", "lambda:ListFunctions": "function", "s3:ListBuckets": "bucket"}


def listed_kinds(world: World) -> frozenset[tuple[str, str]]:
    """(kind, account) of what was listed: somebody looked, so that what is not there is not there."""
    found = {(kind, account) for kind, account, _ in targets(world) if account}
    found |= {(_CALLS[call], account) for call, account, _ in world.answered - world.refused if call in _CALLS}
    return frozenset(found)


def lists(world: World, account: str) -> tuple[tuple[str, str], ...]:
    """Attributes of an account that say what of it was listed."""
    return tuple((f"lists {kind}", "yes") for kind, owner in sorted(listed_kinds(world)) if owner == account)
