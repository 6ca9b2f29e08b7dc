"""A key of AWS that a secret scanner found leads to its owner where an export names whose it is, and nowhere else."""

from __future__ import annotations

import json

import pytest
from tests.prioritization import knowledge
from tests.prioritization.aws_worlds import Account
from tests.prioritization.test_aws_paths import HOME, book, read

from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick

KEY = "AKIANOTAREALKEYATALL"
OTHER = "AKIANOTTHATKEYEITHER"
REPOSITORY = "https://github.com/example/shop"
LEAK = [{
    "RuleID": "aws-access-token", "Description": "AWS key", "StartLine": 3, "File": "deploy.sh", "Secret": KEY,
    "Entropy": 3.1, "Commit": "0123abc", "Link": f"{REPOSITORY}/blob/0123abc/deploy.sh#L3",
}]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "status", "wanted"), [(KEY, "Active", True), (KEY, "Inactive", False), (OTHER, "Active", False)]
)
def test_a_leaked_key_leads_to_its_owner(name: str, status: str, wanted: bool) -> None:
    account = Account(HOME)
    account.user("deployer")
    keys = {"AccessKeyMetadata": [{"UserName": "deployer", "AccessKeyId": name, "Status": status}]}
    report = FileReport("leaks.json", json.dumps(LEAK).encode())
    found = pick(report)[1]
    known = knowledge.told([list(found.read(report)), read([*account.documents(), keys])])
    places = [key for key in known.rows if "example/shop" in key]
    held = knowledge.Search(knowledge.steps(known, book())).forward([("user", known.rows[places[0]])])
    assert (("admin", known.rows[f"arn:aws:iam::{account.number}:user/deployer"]) in held) is wanted
