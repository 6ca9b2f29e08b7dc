"""Inventories of clouds: real answers counted anew from their JSON, and forms that must say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.readers import azure_inventory, cmdb, entra, gcp_inventory
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Record, Relation, Sighting, Skipped

HERE = Path(__file__).parent
ROOT = HERE.resolve().parents[2].parent / "shared" / "data" / "environments" / "cartography-fixtures"
GOLDEN = HERE / "golden"
AZURE = sorted((ROOT / "azure").glob("*.json"))
GCP = sorted((ROOT / "gcp").glob("*.json"))
# Answers that name neither themselves nor their service.
NOT_GCP = {"apikeys.json", "bigquery.json", "bigtable.json", "dns.json"}


def read(plugin: Any, data: Any) -> list[Record]:
    raw = data if isinstance(data, (bytes, Path)) else json.dumps(data).encode()
    return list(plugin.read(FileReport("inventory", raw)))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping anywhere in a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def listed(document: dict[str, Any]) -> set[str]:
    """Ids of the members of a document's own lists that are ids of Azure's resources."""
    lists = [value if isinstance(value, list) else [value] for value in document.values()]
    given_ = [one.get("id", "") for value in lists for one in value if isinstance(one, dict)]
    return {one.lower() for one in given_ if one.lower().startswith(("/subscriptions/", "/providers/"))}


@pytest.mark.corpus
@pytest.mark.parametrize("path", AZURE, ids=lambda path: path.stem)
def test_every_resource_of_a_real_answer_of_azure_is_an_asset(path: Path) -> None:
    assert pick(FileReport(path.name, path))[0] == "azure_inventory"
    found = read(azure_inventory.PLUGIN, path)
    keys = {one.key for one in found if isinstance(one, Sighting)}
    wanted = {
        one
        for one in listed(json.loads(path.read_text(encoding="utf-8")))
        if "/microsoft.authorization/role" not in one
    }
    assert wanted <= keys
    # What else is sighted holds one of them, is held by one, or is a principal or scope of a role.
    text = path.read_text(encoding="utf-8").lower()
    assert all(one in text or one.removeprefix("entra:") in text for one in keys)


@pytest.mark.corpus
def test_role_assignments_of_a_real_answer_are_all_accounted_for() -> None:
    path = ROOT / "azure" / "rbac.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    stated = {one["id"]: one for one in objects(document) if "/roleAssignments/" in str(one.get("id", ""))}
    reading = {one["id"] for one in stated.values() if one["role_definition_id"].endswith(("ba81ae7", "definition-1"))}
    ruling = {
        (one["principal_id"], one["role_definition_id"], one["scope"])
        for one in stated.values()
        if one["id"] not in reading
    }
    found = read(azure_inventory.PLUGIN, path)
    rights = [one for one in found if isinstance(one, Relation) and one.source.startswith("asset:entra:")]
    looking = [one for one in found if isinstance(one, Skipped) and one.where.startswith("role ")]
    assert len(ruling) == 3
    # A role is told as its single actions, each over what it is for; Owner stays one right.
    assert {one.source for one in rights} <= {f"asset:entra:{one['principal_id']}" for one in stated.values()}
    assert any(one.kind == "admin_of" for one in rights)
    assert sum(int(one.why.split()[0]) for one in looking) <= len(reading) == 4


@pytest.mark.corpus
@pytest.mark.parametrize("path", [one for one in GCP if one.name not in NOT_GCP], ids=lambda path: path.stem)
def test_every_machine_and_bucket_of_a_real_answer_of_google_is_an_asset(path: Path) -> None:
    assert pick(FileReport(path.name, path))[0] == "gcp_inventory"
    found = read(gcp_inventory.PLUGIN, path)
    document = json.loads(path.read_text(encoding="utf-8"))
    links = [str(one.get("selfLink", "")) for one in objects(document)]
    machines = {one.partition("/v1/")[2].lower() for one in links if re.search(r"/zones/[^/]+/instances/[^/]+$", one)}
    hosts = {
        one.key.removeprefix("//compute.googleapis.com/")
        for one in found
        if isinstance(one, Sighting) and one.kind == "host"
    }
    assert hosts == machines
    buckets = {one["name"] for one in objects(document) if one.get("kind") == "storage#bucket"}
    stores = {
        one.name
        for one in found
        if isinstance(one, Sighting) and "storage.googleapis.com/Bucket" in repr(one.attributes)
    }
    assert buckets <= stores


@pytest.mark.corpus
def test_firewalls_of_a_real_answer_are_all_accounted_for() -> None:
    path = ROOT / "gcp" / "compute.json"
    rules = {one["name"]: one for one in objects(json.loads(path.read_text())) if one.get("kind") == "compute#firewall"}
    reach = [one for one in read(gcp_inventory.PLUGIN, path) if isinstance(one, Relation) and one.kind == "may_reach"]
    assert {one.note for one in reach} == set(rules)
    for name, rule in rules.items():
        pairs = {(one.source, one.protocol, one.allowed, one.position) for one in reach if one.note == name}
        for word, allowed in (("allowed", True), ("denied", False)):
            for entry in rule.get(word, ()):
                for cidr in rule["sourceRanges"]:
                    source = "any" if cidr == "0.0.0.0/0" else cidr
                    assert (source, entry["IPProtocol"], allowed, rule["priority"]) in pairs


@pytest.mark.parametrize("data", [[], {}, {"value": []}, [{"id": "no id of a resource"}], "text", 7, None])
def test_a_document_without_resources_is_refused(data: Any) -> None:
    for plugin in (azure_inventory.PLUGIN, gcp_inventory.PLUGIN):
        with pytest.raises(BadReport, match="holds no resource"):
            read(plugin, data)


# -- forms --


def said(found: list[Record]) -> set[str]:
    return {repr(one) for one in found if isinstance(one, (Relation, Sighting))}


def snaked(value: Any) -> Any:
    """The same document as a software kit for Python prints it: names with underscores, nothing below properties."""
    if isinstance(value, list):
        return [snaked(one) for one in value]
    if not isinstance(value, dict):
        return value
    flat = {**{name: held for name, held in value.items() if name != "properties"}, **value.get("properties", {})}
    return {
        name if name.startswith("/") else re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower(): snaked(held)
        for name, held in flat.items()
    }


def network() -> dict[str, Any]:
    held: dict[str, Any] = json.loads((GOLDEN / "azure_inventory+network" / "network.json").read_text(encoding="utf-8"))
    return held


def test_the_spellings_of_azures_tools_say_the_same() -> None:
    document = network()
    rest = said(read(azure_inventory.PLUGIN, document))
    assert said(read(azure_inventory.PLUGIN, snaked(document["value"]))) == rest
    assert said(read(azure_inventory.PLUGIN, {"data": document["value"], "count": 11})) == rest
    assert said(read(azure_inventory.PLUGIN, {"SOME": document["value"][:5], "MORE": document["value"][5:]})) == rest


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_resources_changes_nothing(data: st.DataObject) -> None:
    document = network()
    mixed = {"value": data.draw(st.permutations(document["value"]))}

    def told(found: list[Record]) -> set[Any]:
        return {
            (one.kind, one.source, one.target, one.ports, one.allowed, one.position)
            for one in found
            if isinstance(one, Relation)
        } | {(one.key, one.internet, one.name) for one in found if isinstance(one, Sighting)}

    assert told(read(azure_inventory.PLUGIN, mixed)) == told(read(azure_inventory.PLUGIN, document))


def test_the_forms_of_googles_lists_say_the_same() -> None:
    rows = json.loads((GOLDEN / "gcp_inventory" / "compute.json").read_text(encoding="utf-8"))
    plain = said(read(gcp_inventory.PLUGIN, rows))
    lines = "".join(json.dumps(one) + "\n" for one in rows).encode()
    assert said(read(gcp_inventory.PLUGIN, lines)) == plain
    machines, rules = rows[:2], rows[2:]
    nested = {"items": {"zones/europe-west1-b": {"instances": machines}}, "kind": "compute#instanceAggregatedList"}
    both = [nested, {"kind": "compute#firewallList", "items": rules}]
    assert said(read(gcp_inventory.PLUGIN, both)) == plain


def test_a_plain_policy_says_that_it_is_not_known_of_what_it_is() -> None:
    document = {
        "policies": [
            {"bindings": [{"role": "roles/owner", "members": ["user:a@example.com"]}]},
            {
                "resource": "//storage.googleapis.com/b",
                "policy": {"bindings": [{"role": "roles/owner", "members": ["user:a@example.com"]}]},
            },
        ]
    }
    found = read(gcp_inventory.PLUGIN, document)
    assert [one.target for one in found if isinstance(one, Relation)] == ["asset://storage.googleapis.com/b"]
    assert [one.where for one in found if isinstance(one, Skipped)] == ["policies[0]"]


# -- registers --


@pytest.mark.corpus
def test_every_asset_of_a_real_register_has_its_serial_number_and_owner() -> None:
    path = ROOT / "snipeit" / "assets.json"
    assert pick(FileReport(path.name, path))[0] == "cmdb"
    stated = {one["serial"]: one for one in objects(json.loads(path.read_text("utf-8"))) if one.get("asset_tag")}
    gone = {serial for serial, one in stated.items() if "Lost" in one["status_label"]["name"]}
    found = read(cmdb.PLUGIN, path)
    owners = {dict(one.identifiers)["serial"]: one.owner for one in found if isinstance(one, Sighting)}
    assert owners == {
        serial: (one["assigned_to"] or {}).get("email", "") for serial, one in stated.items() if serial not in gone
    }
    assert sum(isinstance(one, Skipped) for one in found) == len(gone) == 1


@pytest.mark.parametrize(
    ("header", "is_register"),
    [
        ("Asset Name,Asset Tag,Serial,Checked Out To", True),
        ("name;serial_number;owned_by", True),
        ("Hostname\tSerial Number\tDepartment", True),
        ("name,owner", False),
        ("name,serial,owner,severity", False),
        ("Plugin ID,Host,Serial,Owner", False),
    ],
)
def test_a_register_is_known_by_its_columns(header: str, is_register: bool) -> None:
    assert cmdb.PLUGIN.sniff(f"{header}\n".encode()) is is_register


@settings(max_examples=50, deadline=None)
@given(
    names=st.lists(st.from_regex(r"[a-z]{3,8}-[0-9]{1,4}", fullmatch=True), min_size=1, max_size=8, unique=True),
    owner=st.from_regex(r"[A-Z][a-z]{1,8} team", fullmatch=True),
)
def test_csv_and_json_of_a_register_say_the_same(names: list[str], owner: str) -> None:
    rows = [{"name": name, "serial_number": f"SN-{name}", "owned_by": owner, "sys_id": name} for name in names]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    as_csv = read(cmdb.PLUGIN, "\n".join(lines).encode() + b"\n")
    assert said(as_csv) == said(read(cmdb.PLUGIN, {"result": rows}))
    assert {one.owner for one in as_csv if isinstance(one, Sighting)} == {owner}
    assert sum(isinstance(one, Sighting) for one in as_csv) == len(names)


@pytest.mark.corpus
def test_every_managed_device_and_person_of_real_answers_of_graph_is_an_asset() -> None:
    devices = ROOT / "microsoft" / "intune" / "managed_devices.json"
    stated = [one for one in objects(json.loads(devices.read_text("utf-8"))) if "device_name" in one]
    found = [one for one in read(entra.PLUGIN, devices) if isinstance(one, Sighting) and one.kind == "host"]
    assert [(one.name, one.owner, dict(one.identifiers)["serial"]) for one in found] == [
        (one["device_name"], one["user_principal_name"], one["serial_number"]) for one in stated
    ]
    users = ROOT / "microsoft" / "entra" / "users.json"
    people = {one["id"] for one in objects(json.loads(users.read_text("utf-8"))) if one.get("user_principal_name")}
    seen = {one.key.removeprefix("entra:") for one in read(entra.PLUGIN, users) if isinstance(one, Sighting)}
    assert seen == people
