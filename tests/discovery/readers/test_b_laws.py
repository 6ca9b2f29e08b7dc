"""What readers of application, image and cloud scanners promise, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers import _generic_values, _naming
from foreshore.discovery.readers._exposed_checks import says_public
from foreshore.discovery.readers._trivy_rows import _Cvss, best_cvss
from foreshore.discovery.readers.zap import bare_url
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.facts import Covered, Finding, Sighting, Skipped


def read(document: Any) -> list[facts.Record]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    report = FileReport("sample", data)
    return list(pick(report)[1].read(report))


def of(kind: type, found: list[facts.Record]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]


def prowler(status: str, check: str = "s3_bucket_public_access", muted: bool = False) -> dict[str, Any]:
    return {
        "metadata": {"event_code": check, "product": {"name": "Prowler"}},
        "status_code": status,
        "status": "Suppressed" if muted else "New",
        "severity": "High",
        "finding_info": {"title": "t", "uid": "u"},
        "resources": [{"uid": "arn:aws:s3:::shop", "name": "shop", "type": "AwsS3Bucket"}],
        "cloud": {"provider": "aws", "account": {"uid": "123456789012"}},
    }


@pytest.mark.parametrize(
    ("status", "findings", "covered", "internet"),
    [
        ("FAIL", 1, 1, "yes"),
        ("PASS", 0, 1, "unknown"),
        ("MANUAL", 1, 0, "unknown"),
        ("ERROR", 0, 0, "unknown"),
    ],
)
def test_prowler_status(status: str, findings: int, covered: int, internet: str) -> None:
    found = read([prowler(status)])
    assert len(of(Finding, found)) == findings
    assert len(of(Covered, found)) == covered
    assert of(Sighting, found)[0].internet == internet
    assert len(of(Skipped, found)) == (status == "ERROR")


def test_prowler_muted_is_suppressed_and_says_nothing_of_exposure() -> None:
    found = read([prowler("FAIL", muted=True)])
    assert of(Finding, found)[0].word == "suppressed"
    assert of(Sighting, found)[0].internet == "unknown"


def test_prowler_covers_exactly_the_checks_that_looked() -> None:
    rows = [prowler("PASS", "a"), prowler("FAIL", "b"), prowler("MANUAL", "c")]
    (covered,) = of(Covered, read(rows))
    assert covered.check_list == ("a", "b")
    (again,) = of(Covered, read(rows[::-1]))
    assert covered.checks == again.checks != "*"


@pytest.mark.parametrize(
    ("check", "public"),
    [
        ("ec2_securitygroup_allow_ingress_from_internet_to_any_port", True),
        ("compute_firewall_rdp_access_from_the_internet_allowed", True),
        ("rds_instance_no_public_access", True),
        ("s3_bucket_default_encryption", False),
        ("iam_user_two_active_access_key", False),
        ("xcompute_instance_public_ipx", False),
    ],
)
def test_which_checks_say_public(check: str, public: bool) -> None:
    assert says_public(check) is public


def grype(identifier: str, related: list[str]) -> list[facts.Record]:
    return read(
        {
            "matches": [
                {
                    "vulnerability": {"id": identifier, "severity": "High"},
                    "relatedVulnerabilities": [{"id": one} for one in related],
                    "matchDetails": [],
                    "artifact": {"name": "a", "version": "1", "type": "npm"},
                }
            ],
            "source": {"type": "directory", "target": "./app"},
            "descriptor": {"name": "grype"},
        }
    )


@pytest.mark.parametrize(
    ("identifier", "related", "weaknesses"),
    [
        ("CVE-2099-0001", ["CVE-2099-0002"], ("CVE-2099-0001",)),
        ("GHSA-2222-3333-4444", ["CVE-2099-0002"], ("CVE-2099-0002",)),
        ("GHSA-2222-3333-4444", [], ("GHSA-2222-3333-4444",)),
        ("ELSA-2099-1", ["CVE-2099-0002", "CVE-2099-0003"], ("CVE-2099-0002", "CVE-2099-0003")),
        ("ELSA-2099-1", [], ("ELSA-2099-1",)),
    ],
)
def test_grype_names_the_cve_first(identifier: str, related: list[str], weaknesses: tuple[str, ...]) -> None:
    assert of(Finding, grype(identifier, related))[0].weaknesses == weaknesses


def test_trivy_and_grype_put_one_package_in_one_place() -> None:
    trivy = read(
        {
            "SchemaVersion": 2,
            "ArtifactName": "x",
            "Results": [
                {
                    "Target": "x (debian 12)",
                    "Class": "os-pkgs",
                    "Type": "debian",
                    "Vulnerabilities": [{"VulnerabilityID": "CVE-2099-0001", "PkgName": "libssl3"}],
                }
            ],
        }
    )
    purl = _naming.package("pkg:deb/debian/libssl3@3.0.1?arch=amd64&distro=debian-12")[0]
    assert of(Finding, trivy)[0].component == purl == "pkg:deb/debian/libssl3"


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        ("pkg:pypi/Some_Lib@1.0", ("pkg:pypi/some-lib", "some-lib", "1.0")),
        ("pkg:npm/%40scope/name@2.0.0-rc.1#sub", ("pkg:npm/%40scope/name", "@scope/name", "2.0.0-rc.1")),
        ("pkg:npm/@scope/name", ("pkg:npm/@scope/name", "@scope/name", "")),
        ("pkg:maven/org.example/core@1?type=jar", ("pkg:maven/org.example/core", "org.example:core", "1")),
        (
            "pkg:golang/example.com/Mod/v2@v2.0",
            ("pkg:golang/example.com/mod/v2", "example.com/mod/v2", "v2.0"),
        ),
        ("pkg:deb/debian/a@1%3A2.0-1", ("pkg:deb/debian/a", "a", "1:2.0-1")),
        ("not a purl", ("", "", "")),
        ("pkg:npm", ("", "", "")),
    ],
)
def test_package(purl: str, expected: tuple[str, str, str]) -> None:
    assert _naming.package(purl) == expected


@given(st.text(max_size=60))
def test_package_never_fails_and_is_its_own_package(text: str) -> None:
    once = _naming.package("pkg:" + text)[0]
    assert not once or _naming.package(once)[0] == once


def test_cvss_of_the_severity_source_wins_then_the_newest() -> None:
    nvd = _Cvss(V3Vector="CVSS:3.1/nvd", V3Score=9.8, V2Vector="two", V2Score=7.0)
    vendor = _Cvss(V3Vector="CVSS:3.1/vendor", V3Score=5.3)
    newest = _Cvss(V40Vector="CVSS:4.0/ghsa", V40Score=6.3)
    assert best_cvss({"nvd": nvd, "redhat": vendor}, "redhat") == ("CVSS:3.1/vendor", 5.3)
    assert best_cvss({"nvd": nvd, "redhat": vendor}, "debian") == ("CVSS:3.1/nvd", 9.8)
    assert best_cvss({"nvd": nvd, "ghsa": newest}, "debian") == ("CVSS:4.0/ghsa", 6.3)
    assert best_cvss({"nvd": _Cvss(V2Vector="two", V2Score=7.0)}, "nvd") == ("two", 7.0)
    assert best_cvss({}, None) == ("", None)


def nuclei(**changed: Any) -> Finding:
    result: dict[str, Any] = {
        "template-id": "CVE-2099-0001",
        "info": {"name": "n", "severity": "high", "tags": ["cve"]},
        "host": "https://shop.example.com",
        "matched-at": "https://shop.example.com/a",
        "type": "http",
    }
    found: list[Finding] = of(Finding, read(json.dumps(result | changed).encode() + b"\n"))
    return found[0]


@pytest.mark.parametrize(
    ("changed", "proof", "kind"),
    [
        ({}, "probe", "vulnerability"),
        ({"template-id": "x-version", "info": {"name": "n", "severity": "high"}}, "version", "vulnerability"),
        ({"template-id": "tech-detect", "info": {"severity": "info"}}, "version", "observation"),
        (
            {"template-id": "open-panel", "info": {"severity": "low", "tags": ["misconfig"]}},
            "configuration",
            "misconfiguration",
        ),
        (
            {"template-id": "sqli", "info": {"severity": "high"}, "is_fuzzing_result": True},
            "probe",
            "vulnerability",
        ),
    ],
)
def test_nuclei_counts_as_evidence_by_its_matcher(changed: dict[str, Any], proof: str, kind: str) -> None:
    found = nuclei(**changed)
    assert (found.proof, found.kind) == (proof, kind)


def test_a_sarif_place_survives_moved_lines_but_not_other_code() -> None:
    def context(line: int, code: str) -> str:
        region = {"startLine": line, "snippet": {"text": code}}
        place = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": region}}
        results = [{"ruleId": "r", "message": {"text": "m"}, "locations": [place]}]
        document = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": results}]}
        return str(of(Finding, read(document))[0].context)

    assert context(1, "f( x )\n") == context(90, "    f(  x )") != context(1, "g(x)")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("exploitable", "open"),
        ("in_triage", "open"),
        ("", "open"),
        ("resolved", "fixed"),
        ("resolved_with_pedigree", "fixed"),
        ("false_positive", "false_positive"),
        ("not_affected", "suppressed"),
    ],
)
def test_vex_words(state: str, word: str) -> None:
    found = read(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "vulnerabilities": [{"id": "CVE-2099-0001", "analysis": {"state": state}}],
        }
    )
    assert of(Finding, found)[0].word == word


def test_both_forms_of_cyclonedx_say_the_same() -> None:
    plain = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "serialNumber": "urn:uuid:1",
        "components": [{"bom-ref": "r", "type": "library", "name": "a", "version": "1", "purl": "pkg:npm/a@1"}],
        "vulnerabilities": [
            {
                "id": "CVE-2099-0001",
                "ratings": [{"score": 7.5, "severity": "high", "method": "CVSSv31", "vector": "AV:N/AC:L"}],
                "cwes": [79],
                "affects": [{"ref": "r"}],
            }
        ],
    }
    xml = b"""<bom xmlns="http://cyclonedx.org/schema/bom/1.4" serialNumber="urn:uuid:1"><components>
      <component type="library" bom-ref="r"><name>a</name><version>1</version>
      <purl>pkg:npm/a@1</purl></component>
      </components><vulnerabilities><vulnerability><id>CVE-2099-0001</id><ratings><rating><score>7.5</score>
      <severity>high</severity><method>CVSSv31</method><vector>AV:N/AC:L</vector></rating></ratings>
      <cwes><cwe>79</cwe></cwes><affects><target><ref>r</ref></target></affects></vulnerability></vulnerabilities>
      </bom>"""
    assert read(plain) == read(xml)


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({}, "open"),
        ({"active": True}, "open"),
        ({"active": False}, "suppressed"),
        ({"active": False, "false_p": True}, "false_positive"),
        ({"active": False, "is_mitigated": True}, "fixed"),
        ({"active": False, "risk_accepted": True}, "accepted"),
        ({"status": "Fixed"}, "fixed"),
        ({"status": "False Positive"}, "false_positive"),
        ({"status": "Risk accepted", "active": True}, "accepted"),
        ({"status": "open"}, "open"),
    ],
)
def test_generic_words(flags: dict[str, Any], word: str) -> None:
    found = read({"findings": [{"title": "t", "severity": "low", "asset": "h.example.com", **flags}]})
    assert of(Finding, found)[0].word == word


@pytest.mark.parametrize(
    ("text", "expected", "two_ways"),
    [
        ("2025-04-03", (2025, 4, 3), False),
        ("30/01/2018", (2018, 1, 30), False),
        ("01/30/2018", (2018, 1, 30), False),
        ("30.01.2018 10:11", (2018, 1, 30), False),
        ("05/05/2025", (2025, 5, 5), False),
        ("03/04/2025", None, True),
        ("31/31/2025", None, False),
        ("soon", None, False),
    ],
)
def test_generic_dates_are_never_guessed(text: str, expected: tuple[int, int, int] | None, two_ways: bool) -> None:
    found, ambiguous = _generic_values.time(text)
    assert (found and (found.year, found.month, found.day)) == expected
    assert ambiguous is two_ways


def test_an_inventory_is_not_findings() -> None:
    from foreshore.discovery.sniffing import readers

    assert not readers()["generic_csv"].sniff(b"Name,IP Address,OS\npc-1,192.0.2.1,Linux\n")
    assert not readers()["generic_json"].sniff(b'[{"name":"pc-1","ip":"192.0.2.1"}]')


def test_values_in_a_query_are_dropped_and_their_names_kept() -> None:
    assert bare_url("https://a.example.com/x?token=1&q=2&token=3#f") == "https://a.example.com/x?token&q"


def test_a_number_too_large_for_a_table_is_not_taken() -> None:
    assert _naming.whole_number(10**12) == 0
    assert _naming.whole_number("2147483647") == 2**31 - 1
