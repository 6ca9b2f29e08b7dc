"""backup and restore: everything comes back, a damaged file is refused whole, and it works while the service runs."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from tests.company import Cli


def test_what_was_backed_up_says_the_same(cli: Cli, copy: Path, tmp_path: Path) -> None:
    where = ("--workspace", str(copy))
    first = cli("exposures", "--json", *where).json()
    assert (
        cli("decide", first[0]["id"], "--as", "false-positive", "--because", "Not installed at all.", *where).code == 0
    )
    target = tmp_path / "b.tar"
    made = cli("backup", str(target), "--json", *where).json()
    assert made["files"] > 5
    assert target.stat().st_mode & 0o077 == 0
    cli("restore", str(target), str(tmp_path / "again"), "--json").json()
    again = ("--workspace", str(tmp_path / "again"))
    assert cli("exposures", "--json", *again).json() == cli("exposures", "--json", *where).json()
    assert not [one for one in cli("doctor", "--json", *again).json() if one["state"] == "bad"]
    assert cli("cycle", *again).code == 0  # the restored one goes on by itself


def test_nothing_is_overwritten(cli: Cli, copy: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    assert cli("backup", str(target), "--workspace", str(copy)).code == 0
    assert cli("backup", str(target), "--workspace", str(copy)).code == 2
    assert cli("restore", str(target), str(copy)).code == 2
    assert cli("backup", str(copy / "inside.tar"), "--workspace", str(copy)).code == 2


@pytest.mark.parametrize("harm", ["cut", "changed", "added", "climbing", "empty"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(cli: Cli, copy: Path, tmp_path: Path, harm: str) -> None:
    target, bad = tmp_path / "b.tar", tmp_path / "bad.tar"
    cli("backup", str(target), "--workspace", str(copy))
    whole = target.read_bytes()
    if harm == "cut":
        bad.write_bytes(whole[: len(whole) // 2])
    elif harm == "empty":
        bad.write_bytes(b"")
    elif harm == "changed":
        at = whole.index(b"Card payments")
        bad.write_bytes(whole[:at] + b"Card payment5" + whole[at + 13 :])
    else:
        bad.write_bytes(whole)
        (tmp_path / "extra").write_text("not-a-real-secret")
        with tarfile.open(bad, "a") as archive:
            archive.add(tmp_path / "extra", arcname="../climbed" if harm == "climbing" else "policy/extra.toml")
    said = cli("restore", str(bad), str(tmp_path / "again"))
    assert said.code == 1
    assert "backup" in said.err
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "climbed").exists()
    assert not list(tmp_path.glob(".restore-*"))
