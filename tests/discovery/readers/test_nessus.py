"""Nessus: what proves coverage, identifiers, times, and what repeats."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers.nessus import PLUGIN
from foreshore.discovery.reports import FileReport
from foreshore.errors import BadReport

WHOLE = (Path(__file__).parent / "golden" / "nessus" / "report.nessus").read_text(encoding="utf-8")
ITEM = re.compile(r"<ReportItem .*?</ReportItem>\n", re.DOTALL)
INFORMATION = re.compile(r'<ReportItem [^>]*pluginID="19506".*?</ReportItem>\n', re.DOTALL)


def read(text: str) -> list[facts.Record]:
    return list(PLUGIN.read(FileReport("x.nessus", text.encode())))


def covered(text: str) -> list[facts.Covered]:
    return [one for one in read(text) if isinstance(one, facts.Covered)]


def findings(text: str) -> list[facts.Finding]:
    return [one for one in read(text) if isinstance(one, facts.Finding)]


def severity_of(item: str) -> int:
    found = re.search(r'severity="(\d)"', item)
    assert found
    return int(found.group(1))


def test_a_whole_report_covers_the_host_that_proves_it() -> None:
    (found,) = covered(WHOLE)
    assert (found.asset, found.authenticated) == ("192.0.2.10", True)
    assert "201408" in found.check_list


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_an_export_filtered_by_severity_covers_nothing(least: int) -> None:
    filtered = ITEM.sub(lambda match: match.group() if severity_of(match.group()) >= least else "", WHOLE)
    assert findings(filtered)
    assert covered(filtered) == []


def test_an_export_of_informational_items_only_covers_nothing() -> None:
    filtered = ITEM.sub(lambda match: match.group() if severity_of(match.group()) == 0 else "", WHOLE)
    assert findings(filtered)
    assert covered(filtered) == []


@given(st.sets(st.sampled_from(["10863", "11219", "201408", "21156", "57608", "181345", "33850"])))
def test_an_export_filtered_by_plugin_covers_nothing_without_scan_information(kept: set[str]) -> None:
    def keep(match: re.Match[str]) -> str:
        return match.group() if any(f'pluginID="{one}"' in match.group() for one in kept) else ""

    assert covered(ITEM.sub(keep, WHOLE)) == []


def test_a_host_whose_scan_did_not_end_is_not_covered() -> None:
    assert covered(re.sub(r'<tag name="HOST_END.*?</tag>\n', "", WHOLE)) == []


def test_the_list_of_checks_is_given_once_and_named_by_its_content() -> None:
    host = WHOLE[WHOLE.index("<ReportHost name=") : WHOLE.index('<ReportHost name="files')]
    second = WHOLE.replace("</Report>\n", host.replace("192.0.2.10", "192.0.2.11") + "</Report>\n")
    first, again = covered(second)
    assert first.checks == again.checks
    assert first.check_list
    assert again.check_list == ()
    reordered = WHOLE.replace("19506;11219;57608;", "57608;19506;11219;")
    assert covered(reordered)[0].checks == first.checks
    assert covered(WHOLE.replace("19506;11219;", "19506;"))[0].checks != first.checks


def test_without_a_list_of_checks_all_checks_are_meant() -> None:
    assert covered(WHOLE.replace("plugin_set", "other"))[0].checks == "*"


def test_a_login_that_failed_is_told() -> None:
    text = WHOLE.replace("checks : yes, as 'scan' via ssh", "checks : no").replace(">true</tag>", ">false</tag>")
    assert covered(text)[0].authenticated is False


def test_times_are_exact_where_the_epoch_is_written_and_assumed_elsewhere() -> None:
    run = read(WHOLE)[0]
    assert isinstance(run, facts.RunSeen)
    assert (run.observed_at, run.zone_assumed) == (datetime(2025, 8, 1, 9, 0, tzinfo=UTC), False)
    run = read(re.sub(r'<tag name="HOST_END_TIMESTAMP.*?</tag>\n', "", WHOLE))[0]
    assert isinstance(run, facts.RunSeen)
    assert (run.observed_at, run.zone_assumed) == (datetime(2025, 8, 1, 11, 0, tzinfo=UTC), True)
    assert run.observed_text == "Fri Aug  1 11:00:00 2025"


def test_two_hosts_of_one_name_stay_two() -> None:
    start, end = WHOLE.index("<ReportHost name="), WHOLE.index("</Report>")
    doubled = WHOLE[:end] + WHOLE[start:end] + WHOLE[end:]
    keys = [one.key for one in read(doubled) if isinstance(one, facts.Sighting)]
    assert len(keys) == len(set(keys)) == 4
    assert len(findings(doubled)) == 2 * len(findings(WHOLE))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 4), st.text("abc <&>é", max_size=9)), max_size=30))
def test_remembered_plugins_equal_plugins_read_one_by_one(rows: list[tuple[int, int, str]]) -> None:
    """The same item says the same whether or not an item of its plugin came before."""
    from xml.sax.saxutils import escape

    def item(plugin: int, severity: int, output: str) -> str:
        cves = "".join(f"<cve>CVE-2024-{plugin:04d}</cve>" for _ in range(severity % 3))
        return (
            f'<ReportItem port="{plugin}" svc_name="x" protocol="tcp" severity="{severity}"'
            f' pluginID="{plugin % 7}" pluginName="P{plugin}" pluginFamily="F">{cves}'
            f"<solution>S{plugin}</solution>"
            f"<plugin_output>{escape(output)}</plugin_output></ReportItem>"
        )

    def report(items: list[str]) -> str:
        body = f'<ReportHost name="h">{"".join(items)}</ReportHost>'
        return f"<NessusClientData_v2><Report>{body}</Report></NessusClientData_v2>"

    alone = [findings(report([item(*row)]))[0] for row in rows]
    assert findings(report([item(*row) for row in rows])) == alone


def test_an_item_outside_of_a_host_is_an_error_with_its_line() -> None:
    text = "<NessusClientData_v2>\n<Report>\n<ReportItem port='1'/></Report></NessusClientData_v2>"
    with pytest.raises(BadReport, match="line 3"):
        read(text)
