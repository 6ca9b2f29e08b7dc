"""Ways from one AWS identity to the whole account: found where all rights are given, not found when one is missing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.prioritization import knowledge
from tests.prioritization.aws_worlds import ADMIN, Account, allow, of_path, policy, trusting
from tests.prioritization.test_directory_rules import World as _Premises
from tests.prioritization.test_directory_rules import plain as written

from foreshore import policy as policies
from foreshore.discovery.readers import _aws_actions, _aws_records
from foreshore.discovery.readers._aws_shapes import World
from foreshore.facts import Record, Relation, Skipped
from foreshore.policy.rulebook import Rule, Rulebook, Term, Text

PATHS = "environments/pathfinding.cloud/data/paths"
SAMPLE = "environments/aws-iam-authorization-details/examples/files/example.json"
HOME, OTHER = "111122223333", "444455556666"


@cache
def book() -> Rulebook:
    return policies.load().rulebook


def read(documents: Sequence[Any]) -> list[Record]:
    world = World()
    world.take(list(documents))
    return list(_aws_records.records(world))


class Held:
    """What whoever holds an identity comes to hold."""

    def __init__(self, documents: Sequence[Any]) -> None:
        self.records = read(documents)
        self.known = knowledge.told([self.records])
        steps = [one for one in knowledge.steps(self.known, book()) if one.rule != "tie"]
        self.search = knowledge.Search(steps)
        self.sure = knowledge.Search([one for one in steps if not one.assumed])

    def leads(self, start: str, goal: str, *, sure: bool = False) -> bool:
        search = self.sure if sure else self.search
        held = search.forward([("admin", self.known.rows[start])])
        return ("admin", self.known.rows[goal]) in held

    def takes(self, account: Account, start: str = "user/start", *, sure: bool = False) -> bool:
        return self.leads(f"arn:aws:iam::{account.number}:{start}", f"aws:account:{account.number}", sure=sure)


def held(*accounts: Account) -> Held:
    return Held([one for account in accounts for one in account.documents()])


# -- described paths --------------------------------------------------------------------------------------


def described(shared_data: Path) -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml", reason="needs a reader of YAML")
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((shared_data / PATHS).glob("*/*.yaml"))]


def needed(path: dict[str, Any]) -> list[str]:
    return [one["permission"] for one in path["permissions"]["required"]]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_described_paths_are_found_and_not_without_any_of_their_rights(
    shared_data: Path, listed: bool, wide: bool
) -> None:
    paths = described(shared_data)
    assert len(paths) >= 44
    cases: list[tuple[str, str, list[str], Account]] = []
    numbers = itertools.count(100_000_000_000)
    for path in paths:
        for gone in ["", *needed(path)]:
            rights = [one for one in needed(path) if one != gone]
            account = of_path(path, str(next(numbers)), rights, listed=listed, wide=wide)
            cases.append((path["id"], gone, rights, account))
    found = held(*(account for *_, account in cases))
    wrong = []
    for name, gone, rights, account in cases:
        start = "role/start" if any(one["RoleName"] == "start" for one in account.roles) else "user/start"
        reached = found.takes(account, start)
        # What is left may be another described path, which may be found.
        other = gone and any(set(needed(one)) <= set(rights) for one in paths)
        if reached != (not gone) and not (other and reached):
            wrong.append((name, gone, reached))
    assert not wrong


def test_the_table_of_the_reader_is_what_the_rules_name() -> None:
    named = {note for rule in book().rules if rule.family == "aws" for note in notes(rule)}
    plain = {note for note in named if " " not in note} - {"sts:assumerole"}
    table = {action.lower() for action in _aws_actions.ACTIONS}
    assert plain <= table
    assert table <= plain | {note.lower() for note in book().idle}
    on_all = {note.removesuffix(" on all") for note in named if note.endswith(" on all")}
    assert on_all == {action.lower() for action in _aws_actions.ON_ALL}


def notes(rule: Rule) -> Iterable[str]:
    for term in rule.where:
        note = term.arguments[2] if term.name == "controls" and len(term.arguments) == 3 else None
        if isinstance(note, Text):
            yield from note.alternatives


def test_no_right_that_the_reader_tells_falls_to_the_rule_for_unknown_ones() -> None:
    account = crowded()
    known = knowledge.told([read(account.documents())])
    assert [one for one in knowledge.steps(known, book()) if one.rule == "tie"] == []


def crowded() -> Account:
    account = Account(HOME)
    account.user("start", allow([*_aws_actions.ACTIONS, "sts:AssumeRole"]))
    account.user("admin-user", managed=[ADMIN])
    account.group("admins", managed=[ADMIN])
    services = ("lambda.amazonaws.com", "config.amazonaws.com", "ec2.amazonaws.com")
    account.role("admin-role", trusting(*(("Service", one) for one in services)), managed=[ADMIN], profile=True)
    account.role("other", trusting(("AWS", OTHER), ("Federated", f"arn:aws:iam::{HOME}:saml-provider/x")))
    return account


# -- every rule of the family --------------------------------------------------------------------------------


class Premises(_Premises):
    """A made-up collection in which exactly one rule applies, for rules that ask for names too."""

    def add(self, term: Term) -> None:
        if term.name == "name":
            self.known.names[self.thing(term.arguments[0])] = written(term.arguments[1], self.choice)
        else:
            super().add(term)

    def without(self, term: Term) -> _Premises:
        other = super().without(term)
        if term.name == "name":
            other.known.names[self.thing(term.arguments[0])] = "something else"
        return other


def family() -> list[Rule]:
    return [one for one in policies.load().rulebook.rules if one.family in ("aws", "azure", "gcp")]


@pytest.mark.parametrize("rule", family(), ids=lambda rule: rule.name)
def test_each_rule_applies_where_its_premises_hold_and_not_without_any(rule: Rule) -> None:
    choices = max(
        [len(one.alternatives) for term in rule.where for one in term.arguments if isinstance(one, Text)] or [1]
    )
    alone = Rulebook((rule,), {})

    def applies(world: _Premises) -> bool:
        return any(one.rule == rule.name for one in knowledge.steps(world.known, alone))

    assert all(applies(Premises(rule, choice)) for choice in range(choices))
    for term in rule.where:
        if term.name != "differs":
            assert not applies(Premises(rule).without(term)), term


# -- evaluation, through to the account ------------------------------------------------------------------------


def plain(*statements: Any, **more: Any) -> Account:
    """An account with an administrator's role that Lambda may have, and a user with `statements`."""
    account = Account(HOME)
    account.role("admin-role", trusting(("Service", "lambda.amazonaws.com")), managed=[ADMIN])
    account.user("start", *statements, **more)
    return account


PASS = ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]


def to_service(name: str) -> dict[str, Any]:
    return {"StringEquals": {"iam:PassedToService": f"{name}.amazonaws.com"}}


def deny(actions: list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return allow(actions, resource, **more) | {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        ([allow(PASS)], "yes"),
        ([allow(["iam:Pass*", "LAMBDA:*"])], "yes"),
        ([allow(PASS), deny(["iam:*"])], "no"),
        ([allow(PASS), deny(["lambda:Create*"])], "no"),
        ([allow(PASS), deny(["iam:PassRole"], f"arn:aws:iam::{HOME}:role/admin-*")], "no"),
        ([allow(PASS), deny(["iam:PassRole"], f"arn:aws:iam::{HOME}:role/other")], "yes"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, deny(["iam:Put*", "iam:Attach*"])], "yes"),
        ([{"Effect": "Allow", "NotAction": ["iam:*", "sts:*", "ssm:*", "sso:*"], "Resource": "*"}], "assumed"),
        ([allow(PASS, Condition=to_service("lambda"))], "assumed"),
        ([allow(PASS[1:]), allow(PASS[:1], Condition=to_service("lambda"))], "yes"),
        ([allow(PASS[1:]), allow(PASS[:1], Condition=to_service("ec2"))], "no"),
        ([allow(PASS, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})], "assumed"),
        ([allow(PASS), deny(["*"], Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})], "assumed"),
        ([allow(["*"])], "yes"),
        ([allow(["*"]), deny(["ec2:*"])], "yes"),
        ([allow(["*"]), deny(["*"])], "no"),
        ([allow(["iam:*"], "arn:aws:iam::*:user/${aws:username}")], "yes"),
        ([allow(["iam:*"], f"arn:aws:iam::{HOME}:user/someone")], "no"),
    ],
)  # fmt: skip
def test_policies_are_evaluated_as_aws_does(statements: list[Any], wanted: str) -> None:
    account = plain(*statements)
    found = held(account)
    sure = found.takes(account, sure=True)
    assert ("yes" if sure else "assumed" if found.takes(account) else "no") == wanted


def test_rights_come_by_groups_and_a_denial_of_the_user_beats_them() -> None:
    for own, wanted in (((), True), ((deny(["lambda:CreateFunction"]),), False)):
        account = plain(*own, GroupList=["builders"])
        account.group("builders", allow(PASS))
        assert held(account).takes(account, sure=True) is wanted, own


def test_rights_of_two_groups_count_together() -> None:
    account = plain(GroupList=["one", "two"])
    account.group("one", allow(PASS[:1]))
    account.group("two", allow(PASS[1:]))
    assert held(account).takes(account, sure=True)


@pytest.mark.parametrize(
    ("boundary", "wanted"),
    [
        ([allow(["*"])], True), ([allow(["s3:*"])], False), ([allow(PASS)], True),
        ([allow(["*"]), deny(["iam:*"])], False),
    ],
)  # fmt: skip
def test_a_boundary_limits_what_policies_allow(boundary: list[Any], wanted: bool) -> None:
    edge = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{HOME}:policy/edge"}}
    account = plain(allow(PASS), **edge)
    account.managed("edge", *boundary)
    assert held(account).takes(account) is wanted


def test_who_may_change_its_policies_within_a_boundary_gains_nothing_until_it_may_remove_it() -> None:
    edge = {"PermissionsBoundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{HOME}:policy/edge"}}
    for more, wanted in (([], False), (["iam:DeleteUserPermissionsBoundary"], True)):
        rights = ["iam:PutUserPolicy", *more]
        account = plain(allow(["*"]), **edge)
        account.managed("edge", allow(rights))
        assert held(account).takes(account) is wanted, more


def test_control_policies_of_the_organization_limit_every_account_but_the_first() -> None:
    content = json.dumps(policy(deny(["lambda:CreateFunction"]), allow(["*"])))
    for target, wanted in ((HOME, False), (OTHER, True)):
        account = plain(allow(PASS))
        account.others.append({
            "Policy": {"PolicySummary": {"Id": "p-1", "Type": "SERVICE_CONTROL_POLICY"}, "Content": content,
                       "Targets": [{"TargetId": target, "Type": "ACCOUNT"}]}})  # fmt: skip
        assert held(account).takes(account) is wanted, target
    account.others[-1]["Policy"]["Targets"][0]["TargetId"] = HOME
    account.others.append({"Organization": {"Id": "o-1", "MasterAccountId": HOME}})
    assert held(account).takes(account)


def test_only_versions_that_give_everything_are_worth_setting() -> None:
    for other, wanted in ((allow(["*"]), True), (allow(["s3:*"]), False)):
        account = Account(HOME)
        rights = allow(["iam:SetDefaultPolicyVersion"])
        account.user("start", managed=[account.managed("own", rights, others=[policy(other)])])
        assert held(account).takes(account) is wanted, other


def test_a_document_that_is_not_here_is_said_to_be_missing_but_the_administrators_is_known() -> None:
    account = Account(HOME)
    account.user("start", managed=[ADMIN])
    account.user("else", managed=["arn:aws:iam::aws:policy/Unheard"])
    found = held(account)
    assert found.takes(account, sure=True)
    assert [one.why for one in found.records if isinstance(one, Skipped)] == [
        "the documents of its policies are not here: Unheard"
    ]


@pytest.mark.parametrize(
    ("trust", "rights", "wanted"),
    [
        (trusting(("AWS", f"arn:aws:iam::{HOME}:root")), True, "yes"),
        (trusting(("AWS", HOME)), True, "yes"),
        (trusting(("AWS", f"arn:aws:iam::{HOME}:root")), False, "no"),
        (trusting(("AWS", f"arn:aws:iam::{HOME}:user/start")), False, "yes"),
        (trusting(("AWS", f"arn:aws:iam::{HOME}:user/other")), True, "no"),
        (trusting(("AWS", "*")), True, "yes"),
        (trusting(("Service", "ec2.amazonaws.com")), True, "no"),
        (trusting(("AWS", HOME), Condition={"StringEquals": {"sts:ExternalId": "x"}}), True, "assumed"),
    ],
)  # fmt: skip
def test_both_sides_have_to_let_an_identity_act_as_a_role(trust: Any, rights: bool, wanted: str) -> None:
    account = Account(HOME)
    account.role("target", trust, managed=[ADMIN])
    account.user("start", *([allow(["sts:AssumeRole"])] if rights else []))
    found = held(account)
    sure = found.takes(account, sure=True)
    assert ("yes" if sure else "assumed" if found.takes(account) else "no") == wanted


def test_a_denial_in_the_trust_policy_counts() -> None:
    account = Account(HOME)
    trust = trusting(("AWS", HOME))
    trust["Statement"].append(
        {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{HOME}:user/start"}, "Action": "sts:*"}
    )
    account.role("target", trust, managed=[ADMIN])
    account.user("start", allow(["sts:AssumeRole"]))
    assert not held(account).takes(account)


@pytest.mark.parametrize("together", [True, False])
def test_trust_between_accounts_needs_both_whether_read_at_once_or_apart(together: bool) -> None:
    for rights, trusted, wanted in ((True, True, True), (False, True, False), (True, False, False)):
        home, other = Account(HOME), Account(OTHER)
        other.role(
            "target", trusting(("AWS", f"arn:aws:iam::{HOME}:root" if trusted else "999988887777")), managed=[ADMIN]
        )
        home.user("start", *([allow(["sts:AssumeRole"], other.arn("role", "target"))] if rights else []))
        if together:
            found = held(home, other)
            reached = found.leads(home.arn("user", "start"), f"aws:account:{OTHER}")
        else:
            reports = [resolved(read(one.documents())) for one in (home, other)]
            known = knowledge.told(reports)
            search = knowledge.Search(knowledge.steps(known, book()))
            states = search.forward([("admin", known.rows[home.arn("user", "start")])])
            reached = ("admin", known.rows[f"aws:account:{OTHER}"]) in states
        assert reached is wanted, (rights, trusted)


def resolved(records: list[Record]) -> list[Record]:
    """As importing settles ends that another report knows."""
    return [
        Relation(kind=one.kind, source=one.source, target=one.target.replace("identity:", "asset:"), note=one.note)
        if isinstance(one, Relation) else one for one in records
    ]  # fmt: skip


def test_what_runs_there_is_known_or_assumed_or_known_not_to_be() -> None:
    account = plain(allow(["lambda:UpdateFunctionCode"]))
    assert (held(account).takes(account), held(account).takes(account, sure=True)) == (True, False)
    account.listing("lambda")
    assert held(account).takes(account, sure=True)
    account.others[-1]["Functions"][0].pop("Role")
    assert not held(account).takes(account)


def test_the_metadata_of_a_machine_gives_its_role_to_any_code_there() -> None:
    account = plain()
    account.roles[0]["InstanceProfileList"] = [
        {"InstanceProfileName": "admin-role", "Arn": f"arn:aws:iam::{HOME}:instance-profile/admin-role", "Roles": []}
    ]
    account.listing("ec2")
    for tokens, rule in (("optional", "aws_metadata"), ("required", "aws_metadata_token")):
        account.others[-1]["Reservations"][0]["Instances"][0]["MetadataOptions"] = {"HttpTokens": tokens}
        found = held(account)
        host = next(row for key, row in found.known.rows.items() if ":instance/" in key)
        assert ("admin", found.known.rows[f"aws:account:{HOME}"]) in found.search.forward([("user", host)])
        assert rule in {one.rule for one in found.search.steps}


def test_an_administrator_needs_no_single_rights() -> None:
    account = plain(allow(["*"]))
    ties = [one for one in read(account.documents()) if isinstance(one, Relation) and ":user/start" in one.source]
    assert [(one.kind, one.note) for one in ties] == [("admin_of", "every action on every resource")]


def test_known_answers_of_the_public_sample(shared_data: Path) -> None:
    found = Held([json.loads((shared_data / SAMPLE).read_text(encoding="utf-8"))])
    number = "200611803367"
    users = {key.rpartition("/")[2] for key in found.known.rows if f"{number}:user/" in key}
    reached = {name for name in users if found.takes(Account(number), f"user/{name}")}
    # A policy set on a role is of use only to who holds it too; a policy of one version has no other to set;
    # the user that begins the chain of roles is named by none of them.
    out = {"privesc9-AttachRolePolicy-user", "privesc12-PutRolePolicy-user", "privesc-AssumeRole-start-user",
           "privesc2-SetExistingDefaultPolicyVersion-user"}  # fmt: skip
    assert {name for name in users - reached if not name.startswith("fp")} == out
    assert {name for name in reached if name.startswith("fp")} <= {"fp5-nonExploitableConditionConstraint-user"}


@pytest.mark.parametrize(
    ("operator", "value", "wanted"),
    [
        ("DateLessThan", "2024-01-01T00:00:00Z", "no"),
        ("DateLessThan", "2031-01-01T00:00:00Z", "assumed"),
        ("DateGreaterThan", "2024-01-01T00:00:00Z", "yes"),
        ("DateGreaterThan", "2031-01-01T00:00:00Z", "assumed"),
        ("DateGreaterThan", "no date at all", "assumed"),
        ("DateGreaterThan", "1704067200", "yes"),
    ],
)
def test_a_date_is_decided_where_the_export_is_younger(operator: str, value: str, wanted: str) -> None:
    account = Account(HOME)
    account.user("start", allow(["iam:AttachUserPolicy"], Condition={operator: {"aws:CurrentTime": value}}))
    documents = [one if not isinstance(one, dict) else dated(one) for one in account.documents()]
    known = Held(documents)
    sure, ever = known.takes(account, sure=True), known.takes(account)
    assert ("yes" if sure else "assumed" if ever else "no") == wanted


def dated(document: dict[str, Any]) -> dict[str, Any]:
    """The export with a day on which an identity was made."""
    text = json.dumps(document)
    return dict(json.loads(text.replace('"UserName":', '"CreateDate": "2025-06-01T00:00:00Z", "UserName":')))
