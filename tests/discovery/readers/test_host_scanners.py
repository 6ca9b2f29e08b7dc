"""What readers of host scanners promise beyond their golden reports."""

from __future__ import annotations

import json
from datetime import date
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from foreshore import facts
from foreshore.discovery.readers import _host_scans as scans
from foreshore.discovery.readers import _host_scans_rapid7 as rapid7
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport

Kind = TypeVar("Kind", bound=facts.Record)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


def read(text: str, name: str = "report") -> tuple[str, list[facts.Record]]:
    report = FileReport(name, text.encode())
    reader, plugin = pick(report)
    return reader, list(plugin.read(report))


def only(kind: type[Kind], records: list[facts.Record]) -> list[Kind]:
    return [one for one in records if isinstance(one, kind)]


# -- shared ---------------------------------------------------------------------------------------


@given(checks=st.lists(WORDS, max_size=8), data=st.data())
def test_coverage_is_the_same_whatever_the_order_and_says_nothing_of_nothing(
    checks: list[str], data: st.DataObject
) -> None:
    first = scans.covered("tool", "host", checks)
    shuffled = data.draw(st.permutations(checks + checks[:1]))
    assert first == scans.covered("tool", "host", shuffled)
    assert (first is None) == (not checks)
    assert first is None or set(first.check_list) == set(checks)


@given(
    stem=st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8})?", fullmatch=True), day=st.dates(date(1990, 1, 1), date(2090, 1, 1))
)
def test_the_name_of_a_file_counts_without_its_date(stem: str, day: date) -> None:
    plain = scans.by_file("tool", f"{stem}.json")
    assert plain == f"tool {stem}"
    assert scans.by_file("tool", f"exports/{stem}-{day.isoformat()}.json") == plain
    assert scans.by_file("tool", f"exports\\{stem}_{day:%Y%m%d}.json.gz") == plain


@given(parts=st.lists(WORDS, min_size=1, max_size=6))
def test_prose_keeps_every_word_and_has_no_empty_lines(parts: list[str]) -> None:
    root = etree.Element("root")
    for part in parts:
        etree.SubElement(root, "p").text = part
    shown = scans.prose(root, frozenset({"p"}))
    assert "".join(shown.split()) == "".join("".join(parts).split())
    assert all(line.strip() for line in shown.splitlines())


@pytest.mark.parametrize(
    ("said", "positive"),
    [("ve", True), ("VP", True), ("ee", True), ("nv", False), ("ov", False), ("er", False), ("", False)],
)
def test_codes_of_results_say_what_their_words_say(said: str, positive: bool) -> None:
    assert rapid7.is_positive(rapid7.status_of(said)) is positive


# -- empty reports are valid ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nexpose", '<NexposeReport version="2.0"><scans/><nodes/><VulnerabilityDefinitions/></NexposeReport>'),
        (
            "wazuh",
            '{"data": {"affected_items": [], "total_affected_items": 0}, "message": "All selected vulnerabilities"}',
        ),
        ("wazuh", '{"took": 1, "_shards": {"total": 1}, "hits": {"total": {"value": 0}, "hits": []}}'),
        ("redhatsatellite", '{"subtotal": 0, "selectable": 0, "page": 1, "per_page": 20, "results": []}'),
        ("outpost24", "<main><reportinfo/><hostlist/><portlist/><detaillist/></main>"),
        ("crowdstrike_spotlight", '{"meta": {"powered_by": "spapi"}, "resources": [], "errors": []}'),
        ("tenable_api", '{"type": "regular", "response": {"totalRecords": "0", "returnedRecords": 0, "results": []}}'),
        ("qualys_hosts", "<HOST_LIST_VM_DETECTION_OUTPUT><RESPONSE/></HOST_LIST_VM_DETECTION_OUTPUT>"),
        ("picus", "threatName,actionId,actionName,threatSeverity\n"),
        ("insightvm", "Asset IP Address,Vulnerability ID,Vulnerability Test Result Code\n"),
    ],
)
def test_a_report_without_findings_is_read(name: str, text: str) -> None:
    reader, records = read(text)
    assert reader == name
    assert [type(one) for one in records] == [facts.RunSeen]


# -- one by one -----------------------------------------------------------------------------------


def test_a_nexpose_test_that_failed_somewhere_is_not_covered() -> None:
    tests = "".join(
        f'<test id="{name}" status="{status}"/>'
        for name, status in (
            ("a", "not-vulnerable"),
            ("b", "not-vulnerable"),
            ("b", "error"),
            ("c", "vulnerable-version"),
        )
    )
    _name, records = read(
        f'<NexposeReport><nodes><node address="192.0.2.1"><tests>{tests}</tests></node></nodes></NexposeReport>'
    )
    (covered,) = only(facts.Covered, records)
    assert covered.check_list == ("a", "c")


def test_a_nexpose_report_with_only_what_was_found_covers_nothing() -> None:
    _name, records = read(
        '<NexposeReport><nodes><node address="192.0.2.1"><tests><test id="c" status="vulnerable-version"/></tests>'
        "</node></nodes></NexposeReport>"
    )
    assert len(only(facts.Finding, records)) == 1
    assert only(facts.Covered, records) == []


def test_a_benchmark_without_results_is_refused_with_what_to_give_instead() -> None:
    with pytest.raises(BadReport) as error:
        read('<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2"><Rule id="a"><title>A</title></Rule></Benchmark>')
    assert "results" in error.value.hint


def test_unnamed_wazuh_agents_of_two_files_do_not_join_and_of_one_file_of_two_days_do() -> None:
    item = {"cve": "CVE-2099-1", "name": "x", "severity": "Low", "detection_time": "2026-01-01T00:00:00Z"}
    text = json.dumps({"data": {"affected_items": [item]}})
    names = ("agent7-2026-01-01.json", "agent7-2026-01-02.json", "agent8.json")
    seen = [only(facts.Sighting, read(text, name)[1])[0].identifiers for name in names]
    assert seen[0] == seen[1]
    assert not set(seen[0]) & set(seen[2])


def test_a_falcon_application_without_remediation_is_not_given_that_of_another() -> None:
    apps = [
        {"product_name_version": "A 1", "remediation": {"ids": ["r"]}},
        {"product_name_version": "B 1", "remediation": {"ids": []}},
        {"product_name_version": "C 1"},
    ]
    entity = {"id": "r", "reference": "KB5000001"}
    row = {"aid": "a" * 31 + "1", "vulnerability_id": "CVE-2099-1", "apps": apps, "remediation": {"entities": [entity]}}
    _name, records = read(json.dumps({"resources": [row]}))
    assert [one.fix for one in only(facts.Finding, records)] == ["KB5000001", "", "KB5000001"]


def test_both_exports_of_tenable_name_an_asset_alike() -> None:
    number = "53ed5fa2-8d5e-4b5d-a1b2-0123456789ab"
    weak = [{"asset": {"uuid": number}, "plugin": {"id": 1, "name": "x"}, "severity_default_id": 0}]
    asset = [{"id": number, "ipv4s": ["192.0.2.1"], "agent_names": []}]
    found = [only(facts.Sighting, read(json.dumps(rows))[1])[0].identifiers for rows in (weak, asset)]
    assert ("agent_id", f"tenable:{number}") in set(found[0]) & set(found[1])


def test_a_bare_number_of_an_insightvm_asset_joins_only_with_its_console() -> None:
    bare = {"id": 7, "ip": "192.0.2.1", "riskScore": 1.0, "assessedForVulnerabilities": True}
    linked = bare | {"links": [{"rel": "self", "href": "https://console.example.com/api/3/assets/7"}]}
    found = [only(facts.Sighting, read(json.dumps({"resources": [row]}))[1])[0].identifiers for row in (bare, linked)]
    assert found[0] == (("ip", "192.0.2.1"),)
    assert ("artifact", "insightvm console.example.com asset 7") in found[1]


@given(result=st.sampled_from(["Blocked", "Not Blocked", "blocked", "NOT BLOCKED"]))
def test_a_simulated_action_is_found_or_stopped_and_covered_either_way(result: str) -> None:
    _name, records = read(
        f"threatName,actionId,actionName,threatSeverity,actionPreventionResult\nT,1,A,High,{result}\n"
    )
    assert len(only(facts.Finding, records)) == (result.lower() == "not blocked")
    assert [one.check_list for one in only(facts.Covered, records)] == [("1",)]


def test_a_light_health_check_covers_nothing() -> None:
    text = "<HealthcheckData><Level>{}</Level><DomainFQDN>a.example.test</DomainFQDN><RiskRules/></HealthcheckData>"
    covered = [only(facts.Covered, read(text.format(level))[1]) for level in ("Light", "Full")]
    assert [len(one) for one in covered] == [0, 1]
