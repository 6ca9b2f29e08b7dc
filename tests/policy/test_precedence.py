"""The table of whose word counts: a team's own replaces ours and is checked row by row."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from foreshore import policy
from foreshore.errors import BadPolicy
from foreshore.policy.checks import ATTRIBUTES

HEAD = "attribute,source,rank,why\n"
ALL = "".join(f"{name},*,50,the others\n" for name in ATTRIBUTES)


def own(folder: Path, text: str) -> policy.Policy:
    (folder / "precedence.csv").write_text(text, encoding="utf-8")
    return policy.load(folder)


def test_a_teams_table_replaces_ours(tmp_path: Path) -> None:
    rows = own(tmp_path, HEAD + ALL + "owner,Our CMDB,1,we keep it by hand\n").table("precedence")
    assert len(rows) == len(ATTRIBUTES) + 1
    assert rows[-1] == {"attribute": "owner", "source": "Our CMDB", "rank": "1", "why": "we keep it by hand"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("owners,cmdb,1,why not", "“owners” is not known here"),
        ("owner,,1,why not", "the source is empty"),
        ("owner,cmdb,first,why not", "“first” is not a rank"),
        ("owner,cmdb,-1,why not", "“-1” is not a rank"),
        ("owner,cmdb,101,why not", "“101” is not a rank"),
        ("owner,cmdb,1.5,why not", "“1.5” is not a rank"),
        ("owner,cmdb,1, ", "the reason is empty"),
        ("owner,@fqdn,1,why not", "“@fqdn” is not known here"),
        ("name,@agents,1,why not", "“@agents” is not known here"),
        ("owner,*,1,why not", "the same attribute and source"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(BadPolicy, match=re.escape(said)) as caught:
        own(tmp_path, HEAD + ALL + row + "\n")
    assert f"precedence.csv:{len(ATTRIBUTES) + 2}" in str(caught.value)


def test_each_attribute_needs_a_row_for_all_others(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"os has no row for the source \*"):
        own(tmp_path, HEAD + ALL.replace("os,*", "os,nmap"))


def test_an_older_copy_of_the_policy_is_completed_with_the_shipped_table() -> None:
    content = policy.load().content()
    del content["tables"]["precedence"]
    text = (resources.files("foreshore.policy") / "precedence.csv").read_text(encoding="utf-8")
    assert len(policy.restore(content).table("precedence")) == text.count("\n") - 1
