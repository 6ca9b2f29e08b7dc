"""Readers of cloud, infrastructure-as-code and Kubernetes scanners: what they close, join and never take."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers import _cloud_rows
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.facts import Covered, Finding, PortSeen, Record, RunSeen, Sighting, Skipped

ACCOUNT = "111122223333"
LOOSE = settings(max_examples=60, deadline=None)


def read(reader: str, document: object) -> list[Record]:
    """The records of `document` as JSON; it must be `reader` that is picked for it."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    name, found = pick(FileReport("report", data))
    assert name == reader
    return list(found.read(FileReport("report", data)))


def of(records: Iterable[Record], kind: type) -> list[Any]:
    return [one for one in records if isinstance(one, kind)]


def covered(records: Iterable[Record]) -> set[tuple[str, str]]:
    return {(one.asset, check) for one in of(records, Covered) for check in one.check_list}


# -- resources ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-0a1b2c3d", f"arn:aws:ec2:eu-west-1:{ACCOUNT}:i-0a1b2c3d"),
        (
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:pay",
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:pay:$LATEST",
        ),
        (ACCOUNT, f"AWS::::Account:{ACCOUNT}"),
        (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"),
    ],
)
def test_spellings_of_one_resource_are_one(one: str, other: str) -> None:
    assert _cloud_rows.resource(one).identifiers == _cloud_rows.resource(other).identifiers


@LOOSE
@given(st.text(max_size=60), st.sampled_from(["aws", "azure", "gcp", "oracle"]), st.sampled_from(["", ACCOUNT]))
def test_any_name_of_a_resource_gives_an_identifier(uid: str, provider: str, account: str) -> None:
    found = _cloud_rows.resource(uid, provider=provider, account=account)
    assert found.key
    assert found.name
    assert all(value and kind in (*facts.STRONG, *facts.NAMES) for kind, value in found.identifiers)


def test_short_names_of_two_accounts_are_two_resources() -> None:
    one = _cloud_rows.resource("app", provider="gcp", account="shop")
    assert one.identifiers != _cloud_rows.resource("app", provider="gcp", account="bank").identifiers


def test_an_address_that_says_nothing_is_no_identifier() -> None:
    assert _cloud_rows.addresses(["0.0.0.0", "127.0.0.1", "169.254.1.1", "x", 7, "10.1.2.3", "203.0.113.9"]) == (
        ["10.1.2.3", "203.0.113.9"],
        [],
    )


# -- what a report closes -----------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["openSSH", "flowLogs", "rootMfa"]),
        st.sampled_from(["arn:aws:s3:::a", f"arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc/v-1", "N/A"]),
        st.sampled_from(["OK", "FAIL", "WARN", "UNKNOWN"]),
    ),
    min_size=1,
    max_size=12,
)


@LOOSE
@given(ROWS)
def test_cloudsploit_covers_just_what_its_rows_looked_at(rows: list[tuple[str, str, str]]) -> None:
    document = [
        {
            "plugin": plugin,
            "category": "x",
            "title": plugin,
            "resource": resource,
            "region": "eu-west-1",
            "status": word,
        }
        for plugin, resource, word in rows
    ]
    records = read("cloudsploit", document)
    assert covered(records) == {(place, plugin) for plugin, place, word in rows if place != "N/A" and word != "UNKNOWN"}
    assert len(of(records, Finding)) == sum(word in ("FAIL", "WARN") for *_, word in rows)
    assert len(of(records, Skipped)) == sum(word == "UNKNOWN" for *_, word in rows)


def hub(control: str, status: str, uid: str, workflow: str = "NEW", state: str = "ACTIVE") -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08", "Id": "x", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "GeneratorId": f"security-control/{control}", "AwsAccountId": ACCOUNT, "Region": "eu-west-1", "Title": control,
        "Severity": {"Label": "HIGH"}, "Compliance": {"Status": status, "SecurityControlId": control},
        "Resources": [{"Type": "Other", "Id": uid, "Region": "eu-west-1"}], "Workflow": {"Status": workflow},
        "RecordState": state, "UpdatedAt": "2024-05-02T06:00:00Z",
    }  # fmt: skip


HUB = st.lists(
    st.tuples(
        st.sampled_from(["S3.1", "EC2.2"]),
        st.sampled_from(["PASSED", "FAILED", "WARNING", "NOT_AVAILABLE"]),
        st.sampled_from(["arn:aws:s3:::a", "arn:aws:s3:::b", f"AWS::::Account:{ACCOUNT}"]),
        st.sampled_from(["NEW", "RESOLVED", "SUPPRESSED"]),
        st.sampled_from(["ACTIVE", "ARCHIVED"]),
    ),
    min_size=1,
    max_size=10,
)


@LOOSE
@given(HUB)
def test_security_hub_covers_no_account_and_nothing_archived(rows: list[tuple[str, str, str, str, str]]) -> None:
    records = read("asff", {"Findings": [hub(*row) for row in rows]})
    looked = {
        (uid, control)
        for control, status, uid, _flow, state in rows
        if status in ("PASSED", "FAILED") and uid.startswith("arn:") and state == "ACTIVE"
    }
    assert covered(records) == looked
    assert all(one.word == "fixed" for one in of(records, Finding) if not _failed(one, rows))


def _failed(one: Finding, rows: list[tuple[str, str, str, str, str]]) -> bool:
    keys = {(control, _cloud_rows.resource(uid).key) for control, status, uid, *_ in rows if status != "PASSED"}
    return (one.rule, one.asset) in keys


@pytest.mark.parametrize(
    ("workflow", "state", "word"),
    [("NEW", "ACTIVE", "open"), ("NOTIFIED", "ACTIVE", "open"), ("SUPPRESSED", "ACTIVE", "suppressed"),
     ("RESOLVED", "ACTIVE", "fixed"), ("NEW", "ARCHIVED", "fixed"), ("SUPPRESSED", "ARCHIVED", "suppressed")],
)  # fmt: skip
def test_words_of_security_hub(workflow: str, state: str, word: str) -> None:
    (found,) = of(read("asff", [hub("S3.1", "FAILED", "arn:aws:s3:::a", workflow, state)]), Finding)
    assert found.word == word


def test_one_region_of_an_account_is_another_place_than_another() -> None:
    rows = [hub("Config.1", "FAILED", f"AWS::::Account:{ACCOUNT}") for _ in range(2)]
    rows[1]["Resources"][0]["Region"] = "us-east-1"
    found = of(read("asff", rows), Finding)
    assert {one.asset for one in found} == {f"aws:account:{ACCOUNT}"}
    assert len({one.resource for one in found}) == 2


def test_checkov_closes_nothing_where_the_folder_has_no_name() -> None:
    check = {"check_id": "CKV_AWS_18", "check_name": "x", "file_path": "/a.tf", "resource": "aws_s3_bucket.a"}
    document = {"check_type": "terraform", "results": {"passed_checks": [check], "failed_checks": []}}
    assert covered(read("checkov", document)) == set()
    check["file_abs_path"] = "/builds/shop/a.tf"
    assert covered(read("checkov", document)) == {("project /builds/shop", "CKV_AWS_18")}


# -- Inspector ----------------------------------------------------------------------------------


def reachable(component: str, first: int, last: int, status: str = "ACTIVE") -> dict[str, Any]:
    return {
        "findingArn": "arn:aws:inspector2:eu-west-1:1:finding/1", "awsAccountId": ACCOUNT, "status": status,
        "type": "NETWORK_REACHABILITY", "title": f"Port {first} is reachable", "severity": "MEDIUM",
        "resources": [{"type": "AWS_EC2_INSTANCE", "id": "i-0a1b2c3d", "region": "eu-west-1", "details": {}}],
        "networkReachabilityDetails": {
            "openPortRange": {"begin": first, "end": last}, "protocol": "TCP",
            "networkPath": {"steps": [{"componentId": "x", "componentType": component}]},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("finding", "internet"),
    [
        (reachable("AWS::EC2::InternetGateway", 22, 22), "yes"),
        (reachable("AWS::EC2::VPCPeeringConnection", 22, 22), "unknown"),
        (reachable("AWS::EC2::InternetGateway", 22, 22, "CLOSED"), "unknown"),
    ],
)
def test_only_an_open_path_from_an_internet_gateway_says_internet(finding: dict[str, Any], internet: str) -> None:
    (seen,) = of(read("aws_inspector2", {"findings": [finding]}), Sighting)
    assert seen.internet == internet


def test_a_range_of_ports_has_no_single_port() -> None:
    rows = [reachable("AWS::EC2::InternetGateway", 22, 22), reachable("AWS::EC2::InternetGateway", 1, 99)]
    one, many = of(read("aws_inspector2", {"findings": rows}), Finding)
    assert (one.port, one.resource) == (22, "")
    assert (many.port, many.resource) == (0, "tcp/1-99")


def test_security_hub_and_inspector_agree_on_reachability() -> None:
    row = hub("x", "", f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-0a1b2c3d")
    row |= {
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/inspector", "GeneratorId": "AWSInspector",
        "Types": ["Software and Configuration Checks/AWS Security Best Practices/Network Reachability"],
        "Title": "Port 22 is reachable from an Internet Gateway - TCP", "Compliance": {},
    }  # fmt: skip
    records = read("asff", [row])
    (theirs,) = of(read("aws_inspector2", {"findings": [reachable("AWS::EC2::InternetGateway", 22, 22)]}), Finding)
    (ours,) = of(records, Finding)
    assert (ours.rule, ours.weaknesses, ours.port, ours.resource) == (
        theirs.rule, theirs.weaknesses, theirs.port, theirs.resource,
    )  # fmt: skip
    assert of(records, Sighting)[0].internet == "yes"


# -- OCSF ---------------------------------------------------------------------------------------


def event(number: int, **more: Any) -> dict[str, Any]:
    product = {"name": "Host Watch", "vendor_name": "Example"}
    return {"class_uid": number, "category_uid": 2, "severity_id": 4, "metadata": {"product": product}, **more}


def test_events_of_prowler_go_to_its_own_reader() -> None:
    mine = event(2004, finding_info={"uid": "x", "title": "t"}, status_code="FAIL")
    mine["metadata"] = {
        "event_code": "s3_bucket_public_access",
        "product": {"name": "Prowler", "vendor_name": "Prowler"},
    }
    assert read("prowler", [mine])


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one], lambda one: {"events": [one]},
                                  lambda one: {"detail": {"findings": [one]}}])  # fmt: skip
def test_an_event_is_the_same_however_it_is_held(wrap: Any) -> None:
    one = event(2004, finding_info={"title": "t", "types": ["x"]}, resources=[{"uid": "arn:aws:s3:::a"}])
    assert of(read("ocsf", wrap(one)), Finding) == of(read("ocsf", one), Finding)


@pytest.mark.parametrize(
    ("more", "word"),
    [({}, "open"), ({"activity_id": 3}, "fixed"), ({"status_id": 3}, "suppressed"), ({"status": "Resolved"}, "fixed"),
     ({"status": "Other", "status_id": 4}, "fixed"), ({"state_id": 4}, "fixed"), ({"is_suppressed": True}, "suppressed"),
     ({"status": "In Progress", "status_id": 2}, "open")],
)  # fmt: skip
def test_words_of_events(more: dict[str, Any], word: str) -> None:
    (found,) = of(read("ocsf", event(2004, finding_info={"title": "t"}, **more)), Finding)
    assert found.word == word


def test_a_device_is_an_asset_by_all_that_it_states_and_a_login_is_named_as_skipped() -> None:
    device = {"uid": "7", "hostname": "WEB", "ip": "192.0.2.7", "hw_info": {"serial_number": "S1"}, "type_id": 12}
    records = read("ocsf", [event(5001, device=device), event(3002, class_name="Authentication")])
    (seen,) = of(records, Sighting)
    assert set(seen.identifiers) == {
        ("agent_id", "example:7"), ("serial", "S1"), ("hostname", "web"), ("ip", "192.0.2.7"),
    }  # fmt: skip
    assert seen.kind == "device"
    assert [one.why for one in of(records, Skipped)] == ["Authentication is neither a finding nor an inventory"]


def test_a_check_that_passed_is_coverage_and_no_finding() -> None:
    resource = {"uid": "arn:aws:s3:::a"}
    rows = [
        event(2003, compliance={"control": "S3.1", "status_id": status}, finding_info={}, resources=[resource])
        for status in (1, 3)
    ]
    assert of(read("ocsf", rows[:1]), Finding) == []
    assert covered(read("ocsf", rows[:1])) == {("arn:aws:s3:::a", "S3.1")}
    assert [one.rule for one in of(read("ocsf", rows[1:]), Finding)] == ["S3.1"]


# -- what is never taken, and what is never lost ------------------------------------------------


def test_kics_takes_nothing_of_the_line_in_which_a_secret_stands() -> None:
    file = {"file_name": "a.tf", "line": 7, "search_key": "password=not-a-real-secret", "search_value": "not-a-real-secret",
            "actual_value": "not-a-real-secret", "expected_value": "no secret in code"}  # fmt: skip
    query = {"query_id": "1", "query_name": "Passwords", "severity": "HIGH", "platform": "Common",
             "category": "Secret Management", "files": [file]}  # fmt: skip
    (found,) = of(read("kics", {"queries_total": 1, "queries": [query]}), Finding)
    assert found.kind == "secret"
    assert "not-a-real-secret" not in repr(found)


def test_what_kube_hunter_found_as_a_credential_is_not_kept() -> None:
    row = {"vid": "KHV050", "hunter": "h", "location": "192.0.2.1:10250", "vulnerability": "token",
           "evidence": "not-a-real-secret"}  # fmt: skip
    document = {"nodes": [], "services": [{"service": "Kubelet API", "location": "192.0.2.1:10250"}],
                "vulnerabilities": [row, row]}  # fmt: skip
    records = read("kubehunter", document)
    assert "not-a-real-secret" not in repr(records)
    assert [(one.asset, one.port) for one in of(records, PortSeen)] == [("192.0.2.1", 10250)]
    assert len(of(records, Finding)) == 1
    assert len(of(records, Skipped)) == 1


@pytest.mark.parametrize(
    ("reader", "document"),
    [
        ("tfsec", {"results": None}),
        ("aws_inspector2", {"findings": []}),
        ("asff", {"Findings": []}),
        ("checkov", {"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "checkov_version": "3.0.0"}),
        ("kubehunter", {"nodes": [], "services": [], "vulnerabilities": []}),
        ("kubebench", {"Controls": [], "Totals": {"total_pass": 0}}),
        ("popeye", {"popeye": {"score": 100, "grade": "A", "sections": None}}),
        ("kics", {"files_scanned": 0, "queries_total": 0, "queries": []}),
        ("terrascan", {"results": {"scan_errors": [], "violations": None, "scan_summary": {"policies_validated": 0}}}),
        ("terrascan", {"results": {"violations": None, "count": {"low": 0, "medium": 0, "high": 0, "total": 0}}}),
        (
            "azure_security_center_recommendations",
            b"subscriptionId,resourceId,recommendationName,recommendationDisplayName,state\n",
        ),
        ("kubescape", {"generationTime": "", "customerGUID": "", "summaryDetails": {}, "results": []}),
        ("dockerbench", {"dockerbenchsecurity": "1.6.0", "tests": []}),
        ("scout_suite", b'scoutsuite_results =\n{"provider_code": "aws", "last_run": {}, "services": {}}'),
    ],
)
def test_a_report_that_found_nothing_is_a_run(reader: str, document: object) -> None:
    records = read(reader, document)
    assert isinstance(records[0], RunSeen)
    assert of(records, Finding) == []


def test_scout_suite_covers_all_resources_only_where_it_says_that_it_looked_at_all() -> None:
    buckets = {"1": {"arn": "arn:aws:s3:::a", "name": "a"}, "2": {"arn": "arn:aws:s3:::b", "name": "b"}}
    rule = {
        "checked_items": 2,
        "flagged_items": 1,
        "items": ["s3.buckets.1.logging"],
        "level": "danger",
        "path": "s3.buckets.id",
    }
    document = {
        "provider_code": "aws",
        "last_run": {},
        "services": {"s3": {"buckets": buckets, "findings": {"log": rule}}},
    }
    assert covered(read("scout_suite", document)) == {("arn:aws:s3:::a", "aws:log"), ("arn:aws:s3:::b", "aws:log")}
    rule["checked_items"] = 1
    assert covered(read("scout_suite", document)) == {("arn:aws:s3:::a", "aws:log")}
