"""Every feed, in each of its living forms, against rows that were checked by eye: samples/FEED+FORM/expected.json."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foreshore import plugins
from foreshore.errors import BadFeed
from foreshore.intel.body import Body, bodies
from foreshore.intel.rows import SCHEMA

FEEDS = plugins.load("foreshore.intel.feeds")
SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(one.name for one in SAMPLES.iterdir() if one.is_dir())
WRITTEN = datetime(2024, 9, 9, tzinfo=UTC)  # when the samples' files were written, for sources without dates
Row = dict[str, Any]


def copied(name: str, target: Path) -> Path:
    folder = target / name.replace("+", "-")
    shutil.copytree(SAMPLES / name, folder, ignore=shutil.ignore_patterns("expected.json"))
    for path in folder.rglob("*"):
        os.utime(path, (WRITTEN.timestamp(),) * 2)
    return folder


def rows_of(found: list[Body], name: str, wanted: frozenset[str] | None = None) -> list[Row]:
    rows: list[Row] = []
    for body in found:
        takers = [feed for feed, plugin in FEEDS.items() if plugin.sniff(body.head)]
        assert takers == [name.partition("+")[0]], body.name
        for table in FEEDS[takers[0]].parse(body, wanted):
            assert table.schema == SCHEMA
            rows += table.to_pylist()
    return rows


def plain(rows: list[Row]) -> list[list[Any]]:
    return [
        [*(row[key] for key in ("weakness", "kind", "value", "text", "source", "model")), str(row["observed_at"])]
        for row in rows
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_sample_gives_the_rows_that_are_expected(name: str, tmp_path: Path) -> None:
    found = plain(rows_of(list(bodies(copied(name, tmp_path))), name))
    expected = SAMPLES / name / "expected.json"
    if os.environ.get("FORESHORE_WRITE_EXPECTED"):
        expected.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found) + "\n]\n")
    assert found == json.loads(expected.read_text("utf-8"))


def test_every_feed_of_the_project_that_reads_documents_has_a_sample() -> None:
    assert {name.partition("+")[0] for name in NAMES} >= {
        "attack", "attack_mappings", "capec", "csaf", "cve5", "endoflife", "epss", "ghsa", "nuclei_templates", "nvd",
        "osv", "vulncheck_kev",
    }  # fmt: skip


def packed(folder: Path, kind: str, target: Path) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(folder))
    else:
        with tarfile.open(target, f"w:{kind}") as archive:  # type: ignore[call-overload]
            for path in files:
                archive.add(path, f"./{path.relative_to(folder)}")
    os.utime(target, (WRITTEN.timestamp(),) * 2)
    return target


@pytest.mark.parametrize("kind", ["zip", "", "gz", "bz2", "xz"])
def test_archives_of_samples_give_the_same_rows_as_folders(kind: str, tmp_path: Path) -> None:
    for name in NAMES:
        folder = copied(name, tmp_path)
        archive = packed(folder, kind, tmp_path / f"{name}.archive")
        assert plain(rows_of(list(bodies(archive)), name)) == plain(rows_of(list(bodies(folder)), name))


@pytest.mark.parametrize("name", NAMES)
def test_only_wanted_names_give_rows_and_names_that_are_no_advisories_always_do(name: str, tmp_path: Path) -> None:
    found = list(bodies(copied(name, tmp_path)))
    every = rows_of(found, name)
    none = rows_of(found, name, frozenset())
    public = ("CVE-", "GHSA-", "PYSEC-", "GO-", "MAL-", "RHSA-", "USN-", "DEBIAN-", "ALPINE-")
    assert none == [row for row in every if not row["weakness"].startswith(public)]
    for cve in {row["weakness"] for row in every if row["weakness"].startswith("CVE-")}:
        own = [row for row in rows_of(found, name, frozenset({cve})) if row["weakness"] == cve]
        assert own == [row for row in every if row["weakness"] == cve]


def test_a_record_is_wanted_by_any_of_its_names(tmp_path: Path) -> None:
    found = list(bodies(copied("osv+lines", tmp_path)))
    every = [row for row in rows_of(found, "osv") if row["source"] == "osv:GHSA-2222-3333-4444"]
    for name in ("CVE-2024-99901", "GHSA-2222-3333-4444"):
        rows = rows_of(found, "osv", frozenset({name}))
        assert [row for row in rows if row["weakness"] != "*"] == every


@pytest.mark.parametrize("name", NAMES)
def test_what_is_cut_off_gives_rows_or_a_refusal_and_never_another_error(name: str, tmp_path: Path) -> None:
    for number, body in enumerate(bodies(copied(name, tmp_path))):
        whole = body.read()
        for share in range(1, 40):
            path = tmp_path / f"{number}-{share}"
            path.write_bytes(whole[: len(whole) * share // 40])
            _tried(path, name)


# What nobody should write, in place of each value of a sample.
STRANGE: tuple[Any, ...] = (
    None,
    0,
    -1.5,
    True,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"x": []},
    "\x00",
    "9" * 500,
    "CVE-",
    ["CVE-1"],
)


@pytest.mark.parametrize("name", [one for one in NAMES if next((SAMPLES / one).glob("*.json"), None)])
def test_values_of_another_kind_give_rows_or_a_refusal(name: str, tmp_path: Path) -> None:
    for source in (SAMPLES / name).glob("*.json"):
        if source.name == "expected.json":
            continue
        text = source.read_text("utf-8")
        records = [json.loads(line) for line in text.splitlines()] if _is_lines(text) else json.loads(text)
        for number, changed in enumerate(_changed(records)):
            path = tmp_path / f"{source.name}-{number}.json"
            path.write_text(changed)
            _tried(path, name)


def _is_lines(text: str) -> bool:
    return text.count("\n{") > 0 and not text.startswith("[")


def _changed(record: Any) -> list[str]:
    """The document with each of its values replaced in turn, once for each place."""
    places: list[tuple[Any, Any]] = []
    waiting = [record]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            places.append((one, key))
            waiting.append(one[key])
    found = []
    for number, (inside, key) in enumerate(places):
        was = inside[key]
        for turn in range(4):
            inside[key] = STRANGE[(number + 5 * turn) % len(STRANGE)]
            found.append(json.dumps(record))
        inside[key] = was
    return found


def _tried(path: Path, name: str) -> None:
    feed = FEEDS[name.partition("+")[0]]
    for body in bodies(path):
        assert isinstance(feed.sniff(body.head), bool)
        with suppress(BadFeed):
            for table in feed.parse(body, None):
                assert table.schema == SCHEMA


def test_a_damaged_tar_archive_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a.json")
        entry.size = 4000
        archive.addfile(entry, io.BytesIO(os.urandom(4000)))
    path = tmp_path / "a.tgz"
    path.write_bytes(whole.getvalue()[:2000])
    with pytest.raises(BadFeed, match=r"a\.tgz"):
        list(bodies(path))
