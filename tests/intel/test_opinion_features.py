"""What the likelihood model is told of a day: never anything that was said later, and unknown is not nought."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.intel.opinion.features import FEATURES, NAMES, SCHEMA, features
from foreshore.intel.rows import SCHEMA as SIGNALS

DAY = datetime.fromisoformat("2024-06-30")
NETWORK = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
ONE, OTHER, LISTED = "CVE-2024-1000", "CVE-2024-2000", "CVE-2023-3000"
Signal = tuple[str, str, float | None, str, str, str, datetime]


def told(days: float = 0, **parts: Any) -> Signal:
    one: dict[str, Any] = {
        "weakness": ONE,
        "kind": "kev",
        "value": 1.0,
        "text": "",
        "source": "cna",
        "model": "",
    } | parts
    when = DAY - timedelta(days=days)
    return (one["weakness"], one["kind"], one["value"], one["text"], one["source"], one["model"], when)


def marker(feed: str, days: float = 0, model: str = "") -> Signal:
    return told(days, weakness="*", kind=f"feed:{feed}", source=feed, model=model)


READ = [
    marker("kev", 400),
    marker("poc_index", 400),
    marker("epss", 1, "v2023.03.01"),
    told(60, kind="published", source="cve", value=None),
    told(60, kind="cvss", text=NETWORK, model="3.1", value=9.8),
    told(60, kind="cwe", text="787,502"),
    told(60, kind="product", text="Example Inc./Gate Keeper"),
    told(60, kind="description", text="Remote code execution in the VPN gateway by an unauthenticated attacker."),
    told(59, kind="ssvc_automatable", text="yes", source="cisa-adp"),
    told(59, kind="ssvc_impact", text="partial", source="cisa-adp"),
    told(20, kind="exploit_poc", source="poc-index"),
    told(1, kind="epss", value=0.02, text="0.9", source="first-epss", model="v2023.03.01"),
    told(300, weakness=LISTED, kind="kev", source="cisa-kev"),
    told(300, weakness=LISTED, kind="product", text="example/gate server", source="cisa-kev"),
]


def rows(signals: list[Signal], *names: str, as_of: datetime = DAY) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        table = pa.table([list(column) for column in zip(*signals, strict=True)], schema=SIGNALS)
        connection.register("signals", table)

        def ask(query: str, **tables: pa.Table) -> pa.Table:
            for name, one in tables.items():
                connection.register(name, one)
            return connection.sql(query).to_arrow_table()

        found = features(ask, as_of, pa.table({"weakness": pa.array(list(names or (ONE,)), pa.string())}))
        assert found.schema == SCHEMA
        listed: list[dict[str, Any]] = found.to_pylist()
        return listed


def test_what_was_known_becomes_numbers() -> None:
    (row,) = rows(READ)
    assert row["epss_rank"] == pytest.approx(1.0, abs=1e-3)  # the top tenth
    assert (row["poc"], row["weaponized"], row["poc_new"]) == (1, 0, 1)
    assert (row["automatable"], row["total_impact"]) == (1, 0)
    assert [row[name] for name in ("av_network", "ac_low", "pr_none", "ui_none", "impact")] == [1, 1, 1, 1, 1]
    assert (row["class_memory"], row["class_deserialization"], row["class_sql"]) == (1, 1, 0)
    assert (row["says_remote_code"], row["says_unauthenticated"], row["says_edge"], row["says_denial"]) == (1, 1, 1, 0)
    assert (row["vendor"], row["vendor_entries"], row["product_entries"]) == ("Example Inc.", 1, 1)
    assert row["published"] == DAY - timedelta(days=60)
    assert row["in_kev"] is False
    assert row["rejected"] is False


def test_unknown_is_not_nought() -> None:
    (row,) = rows([marker("cve5")])
    unknown = [name for name in NAMES if row[name] is None]
    assert set(unknown) == set(NAMES) - {"age"}  # the name has a year in it
    assert row["in_kev"] is None
    (nameless,) = rows([marker("cve5")], "GHSA-aaaa-bbbb-cccc")
    assert [name for name in NAMES if nameless[name] is not None] == []
    (read,) = rows([marker("kev", 1), marker("poc_index", 1)])
    assert (read["poc"], read["weaponized"], read["in_kev"]) == (0, 0, False)  # read, and nothing there
    assert read["kev_vendor"] is None  # whose it is, nobody said


def test_an_entry_does_not_count_for_itself_nor_before_its_day() -> None:
    listed = [*READ, told(10, kind="product", text="example/gate keeper", source="cisa-kev"), told(10)]
    (row,) = rows(listed)
    assert (row["vendor_entries"], row["in_kev"]) == (1, True)
    (before,) = rows(listed, as_of=DAY - timedelta(days=11))
    assert (before["vendor_entries"], before["in_kev"]) == (1, False)
    (earlier,) = rows(listed, as_of=DAY - timedelta(days=301))
    assert earlier["vendor_entries"] is None


def test_the_name_of_an_entry_may_stand_apart() -> None:
    apart = [one for one in READ if one[0] != LISTED]
    apart.append(told(300, weakness=f"kev:{LISTED}", kind="product", text="Example/Gate", source="cisa-kev"))
    assert rows(apart)[0]["vendor_entries"] == 1


def test_a_panel_of_chosen_weaknesses_is_no_day_of_epss() -> None:
    fresh = told(0, kind="epss", value=0.9, text="0.999", source="first-epss", model="v2023.03.01")
    assert rows([*READ, fresh, marker("epss", 0)])[0]["epss_percentile"] == 0.9
    assert rows([*READ, fresh, marker("epss", 0, "v2023.03.01")])[0]["epss_percentile"] == 0.999
    later = marker("epss", -1, "v2023.03.01")  # a whole day on which the score was still the same
    assert rows([*READ, fresh, later], as_of=DAY + timedelta(days=1))[0]["epss_percentile"] == 0.999


def test_versions_of_cvss_say_the_same_in_their_own_letters() -> None:
    def said(vector: str, version: str) -> list[float | None]:
        signals = [one for one in READ if one[1] != "cvss"]
        (row,) = rows([*signals, told(60, kind="cvss", text=vector, model=version, value=9.0)])
        return [row[name] for name in ("av_network", "ac_low", "pr_none", "ui_none", "impact")]

    assert said("AV:N/AC:L/Au:N/C:C/I:C/A:C", "2.0") == [1, 1, 1, None, 1]
    assert said("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:A/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0") == [1, 0, 1, 0, 1 / 3]
    assert said("nonsense", "3.1") == [None] * 5


KINDS = ("kev", "epss", "cvss", "cwe", "description", "product", "published", "rejected", "exploit_poc",
         "exploit_weaponized", "ssvc_exploitation", "ssvc_automatable", "ssvc_impact", "feed:epss", "feed:kev",
         "feed:poc_index", "own_model", "reference")  # fmt: skip
TEXTS = ("", "yes", "no", "total", "active", "0.999", NETWORK, "79", "Example/Gate", "an authentication bypass")


@st.composite
def later(draw: st.DrawFn) -> Signal:
    kind = draw(st.sampled_from(KINDS))
    weakness = "*" if kind.startswith("feed:") else draw(st.sampled_from((ONE, OTHER, LISTED, f"kev:{OTHER}")))
    return told(
        -draw(st.floats(1e-6, 2000)), weakness=weakness, kind=kind, value=draw(st.sampled_from((None, 0.0, 0.5, 1.0))),
        text=draw(st.sampled_from(TEXTS)), source=draw(st.sampled_from(("cna", "nvd", "cisa-adp", "cisa-kev", "cve"))),
        model=draw(st.sampled_from(("", "3.1", "4.0", "v2025.03.14"))),
    )  # fmt: skip


@settings(max_examples=40)
@given(st.lists(later(), min_size=1, max_size=6))
def test_a_later_fact_changes_no_earlier_day(future: list[Signal]) -> None:
    assert rows([*READ, *future], ONE, OTHER, LISTED) == rows(READ, ONE, OTHER, LISTED)


@settings(max_examples=40)
@given(st.lists(later(), min_size=1, max_size=8))
def test_whatever_is_said_the_numbers_stay_within_bounds(more: list[Signal]) -> None:
    for row in rows([*READ, *more], ONE, OTHER, as_of=DAY + timedelta(days=3000)):
        for name in NAMES:
            high = 5.1 if name == "epss_rank" else 12.0 if name in ("age", "kev_vendor", "kev_product") else 1.0
            assert row[name] is None or -1e-4 <= row[name] <= high


def test_the_policy_says_which_way_evidence_points() -> None:
    signs = {one.name: one.sign for one in FEATURES}
    assert all(signs[name] == 1 for name in ("epss_rank", "poc", "weaponized", "automatable", "total_impact"))
    assert all(signs[name] == 1 for name in ("av_network", "ac_low", "pr_none", "ui_none", "impact", "kev_vendor"))
    assert signs["age"] == -1
