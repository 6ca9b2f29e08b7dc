"""The authorization details of an AWS account, from their file to the ways through it, at the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.company import run
from tests.prioritization.aws_worlds import ADMIN, Account, allow, trusting

HOME = "111122223333"


def details(*rights: str) -> dict[str, object]:
    account = Account(HOME)
    account.role("pipeline-role", trusting(("Service", "codebuild.amazonaws.com")), managed=[ADMIN])
    account.user("kim", *([allow(rights)] if rights else []))
    return account.documents()[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("gone", "reachable"),
    [("", "yes"), ("iam:PassRole", "no"), ("codebuild:CreateProject", "assumed")],
)
def test_a_way_through_an_account_is_found_and_not_without_one_right(tmp_path: Path, gone: str, reachable: str) -> None:
    rights = [one for one in ("iam:PassRole", "codebuild:CreateProject", "codebuild:StartBuild") if one != gone]
    if gone == "iam:PassRole":
        rights.remove("codebuild:StartBuild")  # a build of a project that is there already is a way of its own
    report = tmp_path / "authorization.json"
    report.write_text(json.dumps(details(*rights)), encoding="utf-8")
    folder = str(tmp_path / "ws")
    for command in (("init", folder), ("import", str(report), "-w", folder), ("cycle", "-w", folder)):
        assert run(*command).code == 0
    ends = ("--from", f"arn:aws:iam::{HOME}:user/kim", "--to", HOME)
    found = run("paths", *ends, "-w", folder, "--json").json()
    if reachable == "no":
        assert found["paths"] == []
        return
    ways = [path["hops"] for path in found["paths"]]
    hops = next((way for way in ways if not any(hop["assumed"] for hop in way)), ways[0])
    assert any(hop["assumed"] for hop in hops) is (reachable == "assumed")
    assert {hop["rule"] for hop in hops} >= {"administrator"}
    assert any("pipeline-role" in hop["step"] for hop in hops)
    if reachable == "yes":
        assert "aws_pass_build" in {hop["rule"] for hop in hops}
        assert any("iam:PassRole" in hop["fact"] for hop in hops)
