"""Readers of directories: a real collection counted anew from its JSON, and laws that hold for any collection."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.readers import azurehound, bloodhound, opengraph
from foreshore.discovery.readers._directory import identifiers, key_of
from foreshore.discovery.reports import FileReport, reports
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Relation, RunSeen, Sighting, Skipped

HERE = Path(__file__).parent
ROOT = HERE.resolve().parents[2].parent / "shared" / "data" / "environments" / "bloodhound"
ARCHIVE = ROOT / "sample-data" / "ad_sampledata.zip"
GOLDEN = HERE / "golden"


@cache
def members() -> dict[str, dict[str, Any]]:
    """Every file of the real collection, by a way of our own."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        return {name: json.loads(archive.read(name).decode("utf-8-sig")) for name in sorted(archive.namelist())}


NAMES = sorted(zipfile.ZipFile(ARCHIVE).namelist()) if ARCHIVE.is_file() else []


@cache
def read(name: str) -> tuple[Record, ...]:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return tuple(bloodhound.PLUGIN.read(FileReport(name, archive.read(name))))


def rights(document: dict[str, Any]) -> Counter[str]:
    """Each right once for each holder and each time that its object stands in the file."""
    found: Counter[str] = Counter()
    for one in document["data"]:
        aces = list(one.get("Aces") or [])
        aces += ((one.get("CARegistryData") or {}).get("CASecurity") or {}).get("Data") or []
        held = {(ace["PrincipalSID"], ace["RightName"]) for ace in aces}
        found.update(right for sid, right in held if sid != one["ObjectIdentifier"])
    return found


@pytest.mark.corpus
@pytest.mark.parametrize("name", NAMES)
def test_every_object_and_every_right_of_a_real_collection(name: str) -> None:
    document, found = members()[name], read(name)
    keys = {one.key for one in found if isinstance(one, Sighting)}
    assert {one["ObjectIdentifier"].upper() for one in document["data"]} <= keys
    wanted = rights(document)
    notes = Counter(one.note for one in found if isinstance(one, Relation) and one.kind == "controls")
    assert {right: notes[right] for right in wanted} == dict(wanted)
    twice = len(document["data"]) - len({one["ObjectIdentifier"] for one in document["data"]})
    assert sum(isinstance(one, Skipped) for one in found) == twice


@pytest.mark.corpus
@pytest.mark.parametrize("name", NAMES)
def test_every_end_of_a_real_collection_is_sighted_before(name: str) -> None:
    known: set[str] = set()
    for one in read(name):
        if isinstance(one, Sighting):
            assert one.key not in known
            known.add(one.key)
        elif isinstance(one, Relation):
            assert {end.removeprefix("asset:") for end in (one.source, one.target)} <= known


@pytest.mark.corpus
def test_the_whole_collection_by_its_numbers() -> None:
    every = [(document["meta"]["type"], one) for document in members().values() for one in document["data"]]
    found = [one for name in members() for one in read(name)]
    relations = Counter(one.kind for one in found if isinstance(one, Relation))
    computers = [one for kind, one in every if kind == "computers"]
    sessions = {
        (kind, one["UserSID"], one["ComputerSID"])
        for computer in computers
        for kind in ("Sessions", "PrivilegedSessions", "RegistrySessions")
        for one in computer[kind]["Results"]
    }
    assert relations["logged_on"] == len(sessions)
    systems = {one.key: one.os for one in found if isinstance(one, Sighting) and one.os and one.kind == "host"}
    assert systems == {
        one["ObjectIdentifier"]: one["Properties"]["operatingsystem"]
        for one in computers
        if one["Properties"]["operatingsystem"]
    }
    of_groups = sum(
        len({held["ObjectIdentifier"] for held in one["Members"]}) for kind, one in every if kind == "groups"
    )
    primary = sum(1 for kind, one in every if kind in ("users", "computers") and one["PrimaryGroupSID"])
    local = sum(len(group["Results"]) for one in computers for group in one["LocalGroups"])
    every_account = 2 * sum(
        1 for kind, one in every
        if kind == "groups" and one["ObjectIdentifier"].startswith("S-1-5-21-")
        and one["ObjectIdentifier"].endswith(("-513", "-515", "-516", "-521"))
    )  # fmt: skip
    assert relations["member_of"] == of_groups + primary + local + every_account
    trusts = [one for kind, domain in every if kind == "domains" for one in domain["Trusts"]]
    said = 0  # a relation each way, and one more where numbers of accounts are not filtered
    for one in trusts:
        kinds = 1 if one["TrustType"] == "ParentChild" or one["SidFilteringEnabled"] else 2
        said += kinds * (2 if one["TrustDirection"] == "Bidirectional" else 1)
    roots = sum(1 for kind, _ in every if kind == "rootcas")
    signing = sum(1 + len(one["Properties"]["certthumbprints"]) for kind, one in every if kind == "ntauthstores")
    assert relations["trusts"] == said + 2 * roots + signing


@pytest.mark.corpus
def test_the_archive_is_read_as_it_is() -> None:
    found = [pick(one)[0] for one in reports([ARCHIVE]) if isinstance(one, FileReport)]
    assert found == ["bloodhound"] * len(NAMES)


@pytest.mark.corpus
def test_the_real_graph_of_persons_gives_assets_and_an_edge_that_leads_nowhere() -> None:
    path = ROOT / "opengraph" / "opengraph-minimal.json"
    found = list(opengraph.PLUGIN.read(FileReport(path.name, path)))
    assert [one.name for one in found if isinstance(one, Sighting)] == ["BOB", "ALICE"]
    assert [(one.kind, one.note) for one in found if isinstance(one, Relation)] == [("controls", "edge Knows")]
    assert not [one for one in found if isinstance(one, Skipped)]


# -- laws --


def collection(folder: str) -> dict[str, Any]:
    path = next(one for one in (GOLDEN / folder).iterdir() if one.name != "records.json")
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held


def ties(plugin: Any, document: dict[str, Any]) -> set[tuple[str, ...]]:
    found = list(plugin.read(FileReport("collection", json.dumps(document).encode())))
    assert isinstance(found[0], RunSeen)
    return {(one.kind, one.source, one.target, one.note, one.ports) for one in found if isinstance(one, Relation)} | {
        ("finding", one.asset, one.rule, one.resource) for one in found if isinstance(one, Finding)
    }


@settings(max_examples=25, deadline=None)
@given(data=st.data(), folder=st.sampled_from(["bloodhound", "bloodhound+computers", "azurehound"]))
def test_the_order_of_objects_changes_nothing(data: st.DataObject, folder: str) -> None:
    plugin = azurehound.PLUGIN if folder == "azurehound" else bloodhound.PLUGIN
    document = collection(folder)
    mixed = document | {"data": data.draw(st.permutations(document["data"]))}
    assert ties(plugin, mixed) == ties(plugin, document)


@settings(max_examples=50, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3),
    number=st.integers(500, 10**6),
    domain=st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,10}\.[a-z]{2,5}", fullmatch=True),
)
def test_a_principal_has_one_key_in_whichever_file_it_stands(numbers: list[int], number: int, domain: str) -> None:
    sid = f"S-1-5-21-{'-'.join(map(str, numbers))}-{number}"
    assert key_of(sid.lower(), domain) == key_of(sid) == sid
    everyone = key_of("S-1-1-0", domain)
    assert everyone == key_of(everyone, domain) == f"{domain.upper()}-S-1-1-0"
    assert identifiers(sid) == (("sid", sid),)
    assert identifiers(key_of("S-1-1-0"))[0][0] == "artifact"


def test_a_password_in_the_directory_is_a_finding_without_the_password() -> None:
    path = GOLDEN / "bloodhound" / "users.json"
    assert "not-a-real-secret" in path.read_text(encoding="utf-8")
    found = list(bloodhound.PLUGIN.read(FileReport("users.json", path)))
    assert [one.resource for one in found if isinstance(one, Finding) and one.kind == "secret"] == ["userpassword"]
    assert "not-a-real-secret" not in repr(found)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"data": [], "meta": {"type": "users", "version": 3, "methods": 0}}, "version 3"),
        ({"users": [], "meta": {"type": "users", "version": 5, "methods": 0}}, "no list"),
        ({"data": [], "meta": {"type": "unicorns", "version": 6, "methods": 0}}, "unicorns"),
    ],
)
def test_what_is_no_collection_that_we_read_is_refused(document: dict[str, Any], word: str) -> None:
    with pytest.raises(BadReport, match=word):
        list(bloodhound.PLUGIN.read(FileReport("x.json", json.dumps(document).encode())))


@pytest.mark.parametrize("kind", bloodhound.KINDS)
def test_an_empty_collection_of_any_kind_is_a_run_and_no_error(kind: str) -> None:
    data = json.dumps({"data": [], "meta": {"methods": 0, "type": kind, "count": 0, "version": 6}}).encode()
    report = FileReport("empty.json", data)
    assert pick(report)[0] == "bloodhound"
    assert [type(one) for one in bloodhound.PLUGIN.read(report)] == [RunSeen]
