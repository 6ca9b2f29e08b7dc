"""Settings of live sources: what is wrong is named with its line, and no credential may stand among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from foreshore.discovery.connectors import _sources
from foreshore.discovery.connectors.aws import AWS
from foreshore.errors import UsageError

GOOD = """\
# our clouds
[sources.cloud]
connector = "aws"
site = "aws"
regions = ["eu-west-1"]
allow = ["127.0.0.1"]
requests_per_second = 5

[sources."second-cloud"]
connector = "aws"
accounts = ["111122223333"]
role = "foreshore-read"
"""


def load(folder: Path, text: str) -> dict[str, _sources.Source]:
    (folder / "sources.toml").write_text(text, encoding="utf-8")
    return _sources.load(folder)


def test_settings_reach_the_connector_and_the_framework(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    first, second = found["cloud"], found["second-cloud"]
    assert (first.kind, first.site, first.allow, first.requests_per_second) == ("aws", "aws", ("127.0.0.1",), 5.0)
    assert first.connector == AWS(regions=("eu-west-1",))
    assert second.connector == AWS(accounts=("111122223333",), role="foreshore-read")
    assert second.site == ""


def test_no_file_is_no_source(tmp_path: Path) -> None:
    assert _sources.load(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[sources.cloud]\nconnector = "aws"\nregion = ["eu-west-1"]\n', 3, "“region” is no setting"),
        ('[sources.cloud]\nconnector = "azurre"\n', 2, "no connector “azurre”"),
        ("[sources.cloud]\nregions = []\n", 1, "names no connector"),
        ('[sources.cloud]\nconnector = "aws"\n\nregions = "eu-west-1"\n', 4, "list of texts"),
        ('[sources.cloud]\nconnector = "aws"\nregions = ["europe"]\n', 3, "“europe” cannot be one of regions"),
        ('[sources.cloud]\nconnector = "aws"\naccounts = ["12"]\nrole = "r"\n', 3, "“12” cannot be one of accounts"),
        ('[sources.cloud]\nconnector = "aws"\norganization = true\n', 3, "need a role"),
        ('[sources.cloud]\nconnector = "aws"\nservices = ["ec3"]\n', 3, "“ec3” cannot be one of services"),
        ('[sources.cloud]\nconnector = "aws"\nallow = ["loopback"]\n', 3, "“loopback” is not a network"),
        ('[sources.cloud]\nconnector = "aws"\ntries = 0\n', 3, "out of range"),
        ('[sources.cloud]\nconnector = "aws"\nrequests_per_second = "fast"\n', 3, "has to be a number"),
        ('[sources.cloud]\nconnector = "aws"\nendpoint_url = "here"\n', 3, "cannot be one of endpoint_url"),
        ('[sources.a]\nconnector = "aws"\n[sources.cloud]\nconnector = "aws"\nversions = 1\n', 5, "is no setting"),
        ('[source.cloud]\nconnector = "aws"\n', 1, "“source” is not known"),
        ('[sources.cloud]\nconnector = "aws"\nconnector = "aws"\n', 3, "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    sentence = caught.value.sentence()
    assert says in sentence
    assert f"line {line}" in sentence
    assert caught.value.hint


@pytest.mark.parametrize("setting", ["secret_access_key", "password", "aws_session_token", "api_key", "credentials"])
def test_credentials_are_refused_and_not_repeated(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, f'[sources.cloud]\nconnector = "aws"\n{setting} = "not-a-real-secret"\n')
    assert "must not stand here" in caught.value.sentence()
    assert "line 3" in caught.value.sentence()
    assert "not-a-real-secret" not in caught.value.sentence()


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", ""])
def test_a_name_can_be_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name"):
        load(tmp_path, f'[sources."{name}"]\nconnector = "aws"\n')
