"""Image scanners: one place for one package whoever reports it, and names of components taken apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery import place
from foreshore.discovery.readers import _images, _jfrog
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport

DIGEST = "sha256:" + "a" * 64
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8).filter(lambda word: word[0].isalpha())
NAMES = st.lists(WORDS, min_size=1, max_size=3).map("-".join)
# A version of a distribution's package; with an epoch it holds a colon
VERSIONS = st.from_regex(r"([0-9]:)?[0-9]{1,2}\.[0-9]{1,2}-[a-z0-9]{1,4}", fullmatch=True)


def found(document: object) -> list[facts.Finding]:
    report = FileReport("report.json", json.dumps(document).encode())
    return [one for one in pick(report)[1].read(report) if isinstance(one, facts.Finding)]


def reported(name: str, version: str) -> Iterator[dict[str, Any]]:
    """One weakness of one package of Debian, as seven scanners report it."""
    row = {"Name": "CVE-2099-1000", "NamespaceName": "debian:12", "FeatureName": name, "FeatureVersion": version}
    yield {"LayerCount": 1, "Vulnerabilities": {"High": [row]}}
    yield {
        "results": [
            {
                "id": DIGEST,
                "distro": "Debian GNU/Linux 12 (bookworm)",
                "packages": [{"type": "os", "name": name, "version": version}],
                "compliances": [],
                "vulnerabilities": [{"id": "CVE-2099-1000", "packageName": name, "packageVersion": version}],
            }
        ]
    }
    resource = {"format": "deb", "name": name, "version": version}
    weak = [{"name": "CVE-2099-1000", "aqua_severity": "high"}]
    scan = {"image": "shop:1", "scan_started": {"seconds": 1}, "os": "debian", "version": "12"}
    yield scan | {"resources": [{"resource": resource, "vulnerabilities": weak}]}
    engine = {"vuln": "CVE-2099-1000", "package_name": name, "package_version": version, "package_type": "dpkg"}
    yield {"imageDigest": DIGEST, "vulnerabilities": [engine | {"feed_group": "debian:12"}], "vulnerability_type": "os"}
    part = {"source_comp_id": f"deb://debian:bookworm:{name}:{version}", "id": "XRAY-1"}
    yield {
        "total_count": 1,
        "data": [part | {"component_versions": {"more_details": {"cves": [{"cve": "CVE-2099-1000"}]}}}],
    }
    vector = {"name": "CVE-2099-1000", "package_name": name, "package_version": version, "feed_rating": "High"}
    yield {"report": {"image_id": DIGEST, "base_os": "debian:12", "vulnerabilities": [vector]}}
    trivy = {"VulnerabilityID": "CVE-2099-1000", "PkgName": name, "InstalledVersion": version}
    purl = {"PkgIdentifier": {"PURL": f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12"}}
    result = {"Target": "shop:1 (debian 12)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [trivy | purl]}
    yield {"SchemaVersion": 2, "ArtifactName": "shop:1", "ArtifactType": "container_image", "Results": [result]}


@given(name=NAMES, version=VERSIONS)
def test_all_scanners_put_one_package_at_one_place(name: str, version: str) -> None:
    rows = [found(document) for document in reported(name, version)]
    assert [len(one) for one in rows] == [1] * 7
    assert {place.of(one[0]) for one in rows} == {place.Place("component", f"pkg:deb/debian/{name}")}
    assert {one[0].version for one in rows} == {version}
    assert {one[0].weaknesses for one in rows} == {("CVE-2099-1000",)}


@given(name=NAMES, version=VERSIONS, release=st.sampled_from(["bookworm", "stretch", "12"]))
def test_a_component_of_debian_keeps_its_name_and_its_whole_version(name: str, version: str, release: str) -> None:
    part = _jfrog.component(f"deb://debian:{release}:{name}:{version}")
    assert (part.name, part.version, part.purl) == (name, version, f"pkg:deb/debian/{name}")


@given(group=NAMES, name=NAMES, version=st.from_regex(r"[0-9]\.[0-9]", fullmatch=True))
def test_a_component_of_maven_is_group_and_name(group: str, name: str, version: str) -> None:
    part = _jfrog.component(f"gav://{group}:{name}:{version}")
    assert (part.purl, part.version) == (f"pkg:maven/{group}/{name}", version)


@pytest.mark.parametrize(
    ("written", "name", "version", "purl"),
    [
        ("alpine://3.20:musl:1.2.5-r0", "musl", "1.2.5-r0", "pkg:apk/alpine/musl"),
        ("3.20:musl:1.2.5-r0", "musl", "1.2.5-r0", "pkg:apk/alpine/musl"),
        ("rpm://7:example:0:1.0-1.el7", "example", "0:1.0-1.el7", ""),
        ("rpm://rhel:9:example:0:1.0-1.el9", "example", "0:1.0-1.el9", "pkg:rpm/redhat/example"),
        ("npm://@example/parse:1.0.0", "@example/parse", "1.0.0", "pkg:npm/%40example/parse"),
        ("go://example.com/a/b:v1.2.3", "example.com/a/b", "v1.2.3", "pkg:golang/example.com/a/b"),
        ("parser-core-1.0.2.jar", "parser-core", "1.0.2", ""),
        ("readme.txt", "readme.txt", "", ""),
        ("", "", "", ""),
    ],
)
def test_components_of_jfrog(written: str, name: str, version: str, purl: str) -> None:
    part = _jfrog.component(written)
    assert (part.name, part.version, part.purl) == (name, version, purl)


@given(st.text(max_size=60))
def test_any_text_is_some_component(written: str) -> None:
    part = _jfrog.component(written)
    assert part.written == written
    assert not part.purl or part.purl.startswith("pkg:")


@pytest.mark.parametrize(
    ("os", "family"),
    [
        ("Debian GNU/Linux 12 (bookworm)", "debian"),
        ("alpine-3.11.5", "alpine"),
        ("Red Hat Enterprise Linux 9.3", "redhat"),
        ("rhel:9", "redhat"),
        ("Amazon Linux 2", "amazon"),
        ("ol:8", "oracle"),
        ("centos:7", "centos"),
        ("FancyOS", ""),
        ("", ""),
    ],
)
def test_families_of_distributions(os: str, family: str) -> None:
    assert _images.family(os) == family


def test_a_report_is_known_by_its_beginning_however_many_packages_come_first() -> None:
    packages = [{"type": "os", "name": f"package-{number}", "version": "1.0"} for number in range(3000)]
    result = {"id": DIGEST, "name": "shop:1", "distro": "Debian GNU/Linux 12", "distroRelease": "bookworm"}
    weak = [{"id": "CVE-2099-1000", "packageName": "package-7", "packageVersion": "1.0"}]
    rows = found({"results": [result | {"packages": packages, "vulnerabilities": weak}]})
    assert [one.component for one in rows] == ["pkg:deb/debian/package-7"]


def test_an_evaluation_without_rows_is_refused() -> None:
    evaluation = {"detail": {"policy": {}, "result": {"result": {"policy_data": []}}}, "policyId": "p1"}
    with pytest.raises(BadReport) as error:
        found([{DIGEST: {"shop:1": [evaluation]}}])
    assert "rows" in str(error.value)


def test_a_host_of_the_console_is_a_host() -> None:
    host = {"_id": "app-1.example.com", "type": "host", "hostname": "app-1.example.com", "osDistroRelease": "noble"}
    report = FileReport("hosts.json", json.dumps([host | {"distro": "Ubuntu 24.04", "vulnerabilities": []}]).encode())
    sightings = [one for one in pick(report)[1].read(report) if isinstance(one, facts.Sighting)]
    assert [(one.kind, one.identifiers) for one in sightings] == [("host", (("fqdn", "app-1.example.com"),))]
