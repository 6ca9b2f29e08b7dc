"""Weakness classes: findings without a CVE have a likelihood of their own, each with a source."""

from __future__ import annotations

import pyarrow as pa
import pytest

from foreshore import policy
from foreshore.prioritization import likelihood

POLICY = policy.load()
SIGNALS = pa.table({
    "weakness": pa.array([], pa.string()), "cvss_vector": pa.array([], pa.string()),
    "epss": pa.array([], pa.float64()), "own": pa.array([], pa.float64()), "exploit": pa.array([], pa.string()),
    "kev": pa.array([], pa.bool_()), "ssvc_impact": pa.array([], pa.string()), "cwe": pa.array([], pa.string()),
})  # fmt: skip


def weighed(title: str, kind: str, vector: str = "") -> dict[str, object]:
    row = {"row": 0, "weakness": "tool:x", "kind": kind, "rule": "x", "title": title, "component": "",
           "component_name": "", "port": 0, "severity": 3, "proof": 4, "cvss_vector": vector}  # fmt: skip
    found: dict[str, object] = likelihood.weigh(pa.Table.from_pylist([row]), SIGNALS, POLICY).to_pylist()[0]
    return found


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("RSA private key in a container's layer", "secret", "cloud or repository secret"),
        ("Admin console password found", "secret", "secret"),
        ("Default service account is used by a pod", "misconfiguration", "default service accounts"),
        ("The login was guessed", "identity", "default credentials"),
        ("Group Policy preferences hold a cpassword", "identity", "passwords in group policy"),
        ("Accounts with PASSWD_NOTREQD", "identity", "account without a password"),
        ("Too many members of Domain Admins", "identity", "too many administrators"),
        ("SID history of a removed domain", "identity", "old names and trusts in the directory"),
        ("Legacy authentication is not blocked", "identity", "old logins accepted"),
        ("Guest users may invite others", "identity", "guests and consent"),
        ("DCs can be coerced to log in", "misconfiguration", "relay of logins"),
        ("Port 5432 is open to the internet", "misconfiguration", "open port to the internet"),
        ("Queue policy allows everyone", "misconfiguration", "policy open to anyone"),
        ("Secure transfer is not required for the account over HTTPS only", "misconfiguration", "encryption in transit not forced"),
        ("ClusterRole with wildcard verbs", "misconfiguration", "wide rights in the cluster"),
        ("automountServiceAccountToken is not false", "misconfiguration", "token in the container"),
        ("--anonymous-auth is true", "misconfiguration", "cluster's control plane open"),
        ("apt-get without a pinned package version", "misconfiguration", "hygiene of image files"),
        ("Auto minor version upgrade is off", "misconfiguration", "life and order of cloud resources"),
        ("Ensure auditing is configured for the container engine's socket", "misconfiguration", "logging and monitoring off"),
        ("This assignment is redundant", "code", "quality of code"),
        ("Unix operating system unsupported version detection", "end_of_life", "end of life operating system"),
        ("Unsupported web server version detection", "end_of_life", "end of life software"),
    ],
)  # fmt: skip
def test_findings_without_a_cve_fall_into_their_class(title: str, kind: str, name: str) -> None:
    assert weighed(title, kind)["class"] == name


def test_a_score_of_a_scanner_does_not_hide_that_support_has_ended() -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
    with_score = weighed("Unix operating system unsupported version detection", "end_of_life", vector)
    assert with_score["class"] == "end of life operating system"
    assert with_score["success_param"] == "weakness_classes.end of life operating system"


def test_every_class_has_a_range_and_says_why() -> None:
    for row in POLICY.table("weakness_classes"):
        number = POLICY.number(f"weakness_classes.{row['name']}")
        assert 0 <= number.low <= number.value <= number.high <= 1
        assert number.source != "own convention, to be calibrated"


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("default credentials", "no login at all"), ("no login at all", "exposed management interface"),
        ("exposed management interface", "public database or service"), ("directory certificates", "Kerberos service accounts"),
        ("open file share", "public storage"), ("privileged container", "container as root"),
        ("cloud or repository secret", "secret"), ("end of life operating system", "end of life software"),
        ("role that anyone may assume", "administrator policy"), ("password rules", "unused or old keys"),
    ],
)  # fmt: skip
def test_the_orderings_that_the_sources_argue_for_hold(more: str, less: str) -> None:
    assert POLICY.number(f"weakness_classes.{more}").value > POLICY.number(f"weakness_classes.{less}").value
