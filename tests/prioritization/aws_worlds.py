"""Accounts of AWS made for tests: who starts where, with which rights, and what stands there to be taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# What runs under a role, by the service that it trusts, and how AWS's command line lists it.
_PROFILE = "arn:aws:iam::{a}:instance-profile/admin-role"
_ROLE = "arn:aws:iam::{a}:role/admin-role"
LISTED: Mapping[str, Mapping[str, Any]] = {
    "lambda": {"Functions": [{"FunctionName": "thing", "FunctionArn": "arn:aws:lambda:eu-west-1:{a}:function:thing",
                              "Role": _ROLE, "Runtime": "python3.12"}]},
    "ec2": {"Reservations": [{"OwnerId": "{a}", "Instances": [{
        "InstanceId": "i-0{a}", "InstanceType": "t3.micro", "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "IamInstanceProfile": {"Arn": _PROFILE}}]}]},
    "launch template": {"LaunchTemplateVersions": [{
        "LaunchTemplateId": "lt-0{a}", "VersionNumber": 1, "DefaultVersion": True,
        "CreatedBy": "arn:aws:iam::{a}:root", "LaunchTemplateData": {"IamInstanceProfile": {"Arn": _PROFILE}}}]},
    "cloudformation": {"Stacks": [{"StackName": "thing", "StackStatus": "CREATE_COMPLETE", "RoleARN": _ROLE,
                                   "StackId": "arn:aws:cloudformation:eu-west-1:{a}:stack/thing/1"}]},
    "codebuild": {"projects": [{"name": "thing", "arn": "arn:aws:codebuild:eu-west-1:{a}:project/thing",
                                "serviceRole": _ROLE}]},
    "glue endpoint": {"DevEndpoints": [{"EndpointName": "thing", "RoleArn": _ROLE, "AvailabilityZone": "eu-west-1a"}]},
    "glue job": {"Jobs": [{"Name": "thing", "Role": _ROLE, "Command": {"Name": "glueetl"}}]},
    "sagemaker": {"NotebookInstanceArn": "arn:aws:sagemaker:eu-west-1:{a}:notebook-instance/thing",
                  "NotebookInstanceName": "thing", "RoleArn": _ROLE},
    "apprunner": {"Service": {"ServiceName": "thing", "ServiceArn": "arn:aws:apprunner:eu-west-1:{a}:service/thing/1",
                              "InstanceConfiguration": {"InstanceRoleArn": _ROLE}}},
    "bedrock-agentcore": {"codeInterpreterArn":
                              "arn:aws:bedrock-agentcore:eu-west-1:{a}:code-interpreter-custom/thing-1",
                          "name": "thing", "executionRoleArn": _ROLE},
    "ecs": {"tasks": [{"taskArn": "arn:aws:ecs:eu-west-1:{a}:task/main/1", "group": "thing",
                       "taskDefinitionArn": "arn:aws:ecs:eu-west-1:{a}:task-definition/thing:1",
                       "overrides": {"taskRoleArn": _ROLE}}]},
}  # fmt: skip
SERVICE = {
    "lambda": "lambda.amazonaws.com", "ec2": "ec2.amazonaws.com", "launch template": "ec2.amazonaws.com",
    "cloudformation": "cloudformation.amazonaws.com", "codebuild": "codebuild.amazonaws.com",
    "glue endpoint": "glue.amazonaws.com", "glue job": "glue.amazonaws.com", "sagemaker": "sagemaker.amazonaws.com",
    "apprunner": "tasks.apprunner.amazonaws.com", "bedrock-agentcore": "bedrock-agentcore.amazonaws.com",
    "ecs": "ecs-tasks.amazonaws.com",
}  # fmt: skip


def allow(actions: Iterable[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusting(*principals: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A trust policy: (Service or AWS or Federated, its name) each in a statement of its own."""
    return policy(*({"Effect": "Allow", "Principal": {kind: name}, "Action": "sts:AssumeRole", **more}
                    for kind, name in principals))  # fmt: skip


@dataclass
class Account:
    """One account as `get-account-authorization-details` gives it, with other answers beside it."""

    number: str
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    roles: list[dict[str, Any]] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)

    def arn(self, kind: str, name: str) -> str:
        """The ARN of an identity or policy."""
        return f"arn:aws:iam::{self.number}:{kind}/{name}"

    def user(self, name: str, *statements: Mapping[str, Any], managed: Iterable[str] = (), **more: Any) -> str:
        """Add a user and return its ARN."""
        arn = self.arn("user", name)
        self.users.append({"UserName": name, "UserId": f"AIDA{self.number}{name}", "Arn": arn, "Path": "/",
                           **_attached("UserPolicyList", statements, managed), **more})  # fmt: skip
        return arn

    def group(self, name: str, *statements: Mapping[str, Any], managed: Iterable[str] = ()) -> str:
        """Add a group and return its ARN."""
        arn = self.arn("group", name)
        self.groups.append({"GroupName": name, "GroupId": f"AGPA{self.number}{name}", "Arn": arn, "Path": "/",
                            **_attached("GroupPolicyList", statements, managed)})  # fmt: skip
        return arn

    def role(self, name: str, trust: Mapping[str, Any], *statements: Mapping[str, Any], managed: Iterable[str] = (),
             profile: bool = False, **more: Any) -> str:  # fmt: skip
        """Add a role and return its ARN."""
        arn = self.arn("role", name)
        profiles = [{"InstanceProfileName": name, "Arn": self.arn("instance-profile", name), "Roles": []}]
        self.roles.append({"RoleName": name, "RoleId": f"AROA{self.number}{name}", "Arn": arn, "Path": "/",
                           "AssumeRolePolicyDocument": trust, "InstanceProfileList": profiles if profile else [],
                           **_attached("RolePolicyList", statements, managed), **more})  # fmt: skip
        return arn

    def managed(self, name: str, *statements: Mapping[str, Any], others: Iterable[Any] = ()) -> str:
        """Add a managed policy and return its ARN; `others` are documents of versions that are not the default."""
        arn = self.arn("policy", name)
        versions = [{"VersionId": "v1", "IsDefaultVersion": True, "Document": policy(*statements)}]
        versions += [{"VersionId": f"v{number}", "IsDefaultVersion": False, "Document": one}
                     for number, one in enumerate(others, start=2)]  # fmt: skip
        self.policies.append({"PolicyName": name, "Arn": arn, "PolicyVersionList": versions})
        return arn

    def listing(self, name: str, role: str = "admin-role") -> None:
        """Add what lists a workload that runs as `role`."""
        written = json.dumps(_filled(LISTED[name], self.number))
        self.others.append(json.loads(written.replace("admin-role", role)))

    def documents(self) -> list[Any]:
        """The answers, as they stand in a file of several."""
        return [{"UserDetailList": self.users, "GroupDetailList": self.groups, "RoleDetailList": self.roles,
                 "Policies": self.policies}, *self.others]  # fmt: skip


def _attached(inline: str, statements: Iterable[Mapping[str, Any]], managed: Iterable[str]) -> dict[str, Any]:
    return {
        inline: [{"PolicyName": "own", "PolicyDocument": policy(*statements)}] if statements else [],
        "AttachedManagedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in managed],
    }


def _filled(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return value.replace("{a}", number)
    if isinstance(value, dict):
        return {key: _filled(one, number) for key, one in value.items()}
    return [_filled(one, number) for one in value] if isinstance(value, list) else value


ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
# Actions on what runs there already, and which listing shows it.
_WHERE = (
    (r"lambda:Update", "lambda"), (r"ssm:|ec2-instance-connect:|ec2:ModifyInstanceAttribute", "ec2"),
    (r"ec2:CreateLaunchTemplateVersion", "launch template"),
    (r"cloudformation:(Update|CreateChangeSet)", "cloudformation"),
    (r"codebuild:StartBuild", "codebuild"), (r"glue:UpdateDevEndpoint", "glue endpoint"),
    (r"glue:UpdateJob", "glue job"), (r"sagemaker:(CreatePresigned|Update)", "sagemaker"),
    (r"apprunner:Update", "apprunner"), (r"bedrock-agentcore:Start", "bedrock-agentcore"),
    (r"ecs:ExecuteCommand", "ecs"),
)  # fmt: skip


def of_path(path: Mapping[str, Any], number: str, rights: Iterable[str], *, listed: bool, wide: bool) -> Account:
    """The account that a described path needs, in which `start` has `rights` and nothing else.

    `listed`: what runs there is shown too; `wide`: rights over everything instead of over what the path names.
    """
    account, rights = Account(number), list(rights)
    needed = [one["permission"] for one in path["permissions"]["required"]]
    before = path.get("prerequisites") or []
    said = " ".join(str(one) for one in (before.get("admin") or () if isinstance(before, dict) else before))
    services = re.findall(r"[\w.-]+\.amazonaws\.com", said)
    there = next((name for pattern, name in _WHERE for one in needed if re.match(pattern, one)), "")
    services += [SERVICE[there]] if there and not services else []
    _things(account, path, services, needed, said)
    for name in LISTED if listed else ():
        account.listing(name, "admin-role" if name == there else "plain-role")
    _start(account, path, needed, rights, said, wide)
    return account


def _things(account: Account, path: Mapping[str, Any], services: list[str], needed: list[str], said: str) -> None:
    """An administrator of every kind, and a plain user, role and group."""
    everything = allow(["*"])
    trusts = [("Service", name) for name in services if "administration role" not in said] or [("AWS", "444455556666")]
    if needed == ["sts:AssumeRole"]:
        trusts = [("AWS", f"arn:aws:iam::{account.number}:root")]
    account.user("admin-user", everything)
    account.group("admins", managed=[ADMIN])
    if "administration role" in said:
        administration = account.arn("role", "administration")
        account.role("administration", trusting(*(("Service", name) for name in services)),
                     allow(["sts:AssumeRole"], account.arn("role", "admin-role")))  # fmt: skip
        trusts = [("AWS", administration)]
    account.role("admin-role", trusting(*trusts), everything, profile=any(one.startswith("ec2.") for one in services))
    account.managed("theirs", allow(["s3:ListAllMyBuckets"]))
    account.role("plain-role", trusting(("AWS", f"arn:aws:iam::{account.number}:root")),
                 managed=[account.arn("policy", "theirs")])  # fmt: skip
    account.user("plain-user", managed=[account.arn("policy", "theirs")])


def _start(
    account: Account, path: Mapping[str, Any], needed: list[str], rights: list[str], said: str, wide: bool
) -> None:
    """The identity that begins, with its rights over what the path names."""
    alone = needed in (["iam:UpdateAssumeRolePolicy"], ["sts:AssumeRole"])
    of_role = len(needed) == 1 and needed[0] in ("iam:PutRolePolicy", "iam:AttachRolePolicy")
    kind = "role" if "must be a role" in said or of_role else "user"
    itself = account.arn(kind, "start")
    own = path["category"] == "self-escalation"
    weak = {"iam:PutUserPolicy", "iam:AttachUserPolicy"} & set(needed)
    strong = alone or "iam:PassRole" in needed
    over = {
        "user": itself if own else account.arn("user", "plain-user" if weak else "admin-user"),
        "role": itself if own else account.arn("role", "admin-role" if strong else "plain-role"),
        "group": account.arn("group", "own" if "GroupPolicy" in needed[0] else "admins"),
        "policy": account.arn("policy", "own" if own else "theirs"),
    }  # fmt: skip
    statements = [allow([one], "*" if wide else _resource(one, over)) for one in rights]
    managed = [account.managed("own", *statements)] if statements else []
    if kind == "role":
        account.role("start", trusting(("AWS", "444455556666")), managed=managed)
    elif "GroupPolicy" in needed[0]:
        account.group("own", managed=managed)
        account.user("start", GroupList=["own"])
    else:
        account.user("start", managed=managed)


def _resource(action: str, over: Mapping[str, str]) -> str:
    if action == "iam:PassRole" or re.match(r"(iam:.*Role|sts:AssumeRole)", action):
        return over["role"]
    if action.startswith("iam:") and "PolicyVersion" in action:
        return over["policy"]
    if action.startswith("iam:"):
        return over["group"] if "Group" in action else over["user"]
    return "*"
