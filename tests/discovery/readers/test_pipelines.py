"""Repositories whose pipelines a cloud's role trusts, and identities whose keys lie in one: told and followed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from tests.prioritization.knowledge import Search, steps, told

from foreshore import policy
from foreshore.discovery.readers import _packages, _pipelines, trufflehog
from foreshore.discovery.readers._aws_shapes import Thing
from foreshore.discovery.reports import FileReport
from foreshore.facts import Record, Relation, Sighting, Skipped
from foreshore.policy.rulebook import Rulebook

ROLE = "arn:aws:iam::111122223333:role/deploy"
GITHUB = "token.actions.githubusercontent.com"


@cache
def rulebook() -> Rulebook:
    """The rules of pipelines."""
    whole = policy.load().rulebook
    return Rulebook(tuple(one for one in whole.rules if one.family in ("common", "pipeline")), whole.idle)


def statement(
    subject: Any, issuer: str = GITHUB, operator: str = "StringLike", effect: str = "Allow"
) -> dict[str, Any]:
    """A statement of a trust policy."""
    return {
        "Effect": effect,
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {operator: {f"{issuer}:sub": subject}} if subject else {},
    }


def trusts(*statements: dict[str, Any]) -> list[Record]:
    """What is told of a role with these statements."""
    role = Thing({"Arn": ROLE, "AssumeRolePolicyDocument": {"Statement": list(statements)}}, "111122223333")
    return [
        Sighting(key=ROLE, name="deploy", kind="identity", identifiers=(("arn", ROLE),)),
        *_pipelines.of_roles([role], frozenset({ROLE})),
    ]


def reached(records: Iterable[Record], start: str, goal: str, how: str = "admin") -> bool:
    """Does `start`, held as `how` says, lead to control of `goal`?"""
    known = told([records])
    held = Search(steps(known, rulebook())).forward([(how, known.rows[start])])
    return ("admin", known.rows[goal]) in held


SHOP = "repository https://github.com/example/shop"


@pytest.mark.parametrize("operator", ["StringLike", "StringEquals", "ForAnyValue:StringEquals"])
def test_who_writes_to_a_trusted_repository_acts_as_the_role(operator: str) -> None:
    records = trusts(statement(["repo:example/shop:ref:refs/heads/main", "repo:example/shop:*"], operator=operator))
    assert [one.note for one in records if isinstance(one, Relation)] == ["GitHub Actions"]
    assert reached(records, SHOP, ROLE)
    assert not reached(records, SHOP, ROLE, "user")  # reading a repository runs nothing


def test_a_repository_that_the_role_does_not_name_leads_nowhere() -> None:
    other = _packages.project("example/other", "https://github.com/example/other")
    assert not reached([*trusts(statement("repo:example/shop:*")), other], other.key, ROLE)


def test_an_environment_may_ask_for_a_review() -> None:
    found = trusts(statement("repo:example/shop:environment:live"))
    assert [one.note for one in found if isinstance(one, Relation)] == ["GitHub Actions, under a condition"]
    known = told([found])
    assert [one.assumed for one in steps(known, rulebook()) if one.rule == "pipeline_deploy"] == [True]


def test_projects_of_gitlab_may_lie_in_groups() -> None:
    found = trusts(statement("project_path:example/team/shop:ref_type:branch:ref:main", "gitlab.com"))
    assert reached(found, "repository https://gitlab.com/example/team/shop", ROLE)


@pytest.mark.parametrize("subject", ["repo:example/*:ref:refs/heads/main", "", "*"])
def test_what_is_no_single_repository_is_named_and_not_taken(subject: str) -> None:
    found = trusts(statement(subject))
    assert not [one for one in found if isinstance(one, Relation)]
    assert [one for one in found if isinstance(one, Skipped)]


@pytest.mark.parametrize(
    "other",
    [statement("repo:example/shop:*", effect="Deny"), statement("repo:example/shop:*", issuer="token.example.com"),
     {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
)  # fmt: skip
def test_other_statements_say_nothing_of_repositories(other: dict[str, Any]) -> None:
    assert len(trusts(other)) == 1


def leak(arn: str, detector: str = "AWS") -> bytes:
    """One line of the scanner; the key in it is visibly no key."""
    row = {
        "SourceMetadata": {"Data": {"Github": {"repository": "https://github.com/example/shop.git", "file": "env"}}},
        "DetectorName": detector, "Verified": True, "Raw": "not-a-real-secret", "ExtraData": {"arn": arn},
    }  # fmt: skip
    return json.dumps(row).encode() + b"\n"


def test_a_key_in_a_repository_leads_to_the_identity_that_it_is_of() -> None:
    user = "arn:aws:iam::111122223333:user/ci"
    records = list(trufflehog.PLUGIN.read(FileReport("leaks.jsonl", leak(user) * 2)))
    assert len([one for one in records if isinstance(one, Relation)]) == 1
    assert reached(records, SHOP, user, "user")
    without = [one for one in records if type(one).__name__ != "Finding"]  # the key was taken out
    assert not reached(without, SHOP, user, "user")


@pytest.mark.parametrize(
    "arn", ["", "arn:aws:sts::111122223333:assumed-role/x/y", "not-a-real-secret", "arn:aws:iam::1:user/x y"]
)
def test_what_is_no_identity_is_not_told(arn: str) -> None:
    records = list(trufflehog.PLUGIN.read(FileReport("leaks.jsonl", leak(arn))))
    assert not [one for one in records if isinstance(one, Relation)]
