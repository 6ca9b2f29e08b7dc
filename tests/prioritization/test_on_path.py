"""Weaknesses of encryption that only someone on the path can use give nothing by themselves."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from foreshore import policy
from foreshore.prioritization.likelihood import weigh

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"


@pytest.mark.parametrize(("weakness", "gives"), [("CVE-2016-2183", "none"), ("CVE-2024-0001", "data")])
def test_only_listed_weaknesses_give_nothing(weakness: str, gives: str) -> None:
    assert weighed(weakness=weakness) == gives


@pytest.mark.parametrize(("rule", "gives"), [("k8s-privileged-container", "none"), ("KSV-0017", "admin")])
def test_settings_of_a_cluster_that_rules_speak_of_open_no_door_of_their_own(rule: str, gives: str) -> None:
    found = weighed(
        weakness=rule, rule=rule, kind="misconfiguration", title="The container is privileged", cvss_vector=""
    )
    assert found == gives


def weighed(**more: Any) -> Any:
    candidate: dict[str, Any] = {
        "row": 0, "weakness": "", "kind": "vulnerability", "rule": "1", "title": "SSL weak cipher",
        "component": "", "component_name": "", "port": 443, "severity": 3, "proof": 5, "cvss_vector": VECTOR,
    } | more  # fmt: skip
    signals = pa.table({
        "weakness": pa.array([], pa.string()), "cvss_vector": pa.array([], pa.string()),
        "epss": pa.array([], pa.float64()), "own": pa.array([], pa.float64()), "exploit": pa.array([], pa.string()),
        "ssvc_impact": pa.array([], pa.string()), "kev": pa.array([], pa.bool_()), "cwe": pa.array([], pa.string()),
    })  # fmt: skip
    found = weigh(pa.Table.from_pylist([candidate]), signals, policy.load(None))
    return found.column("gives").to_pylist()[0]
