"""The ladder of exploits, other catalogues, techniques and ends of support, as of a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore.intel import exploits
from foreshore.intel.endings import Endings, endings_at
from foreshore.intel.signals import feeds_at, names_at, signals_at

NAMES = ("weakness", "kind", "value", "text", "source", "model", "observed_at", "known_at", "feed")
SCHEMA = pa.schema([
    (name, pa.float64() if name == "value" else pa.timestamp("us") if name.endswith("_at") else pa.string())
    for name in NAMES
])  # fmt: skip
CVE = "CVE-2099-0001"
DAY = datetime(2025, 1, 1)


def said(kind: str, day: int, *, weakness: str = CVE, value: float | None = 1.0, text: str = "", source: str = "a",
         model: str = "") -> dict[str, Any]:  # fmt: skip
    when = datetime(2024, 1, 1 + day)
    return dict(zip(NAMES, (weakness, kind, value, text, source, model, when, when, "f"), strict=True))


def asked(*rows: dict[str, Any], day: datetime = DAY, name: str = CVE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row of signals and the answer about exploits."""
    with duckdb.connect() as connection:
        ask = asking(connection, *rows)
        (row,) = signals_at(ask, day, pa.table({"weakness": [name]})).to_pylist()
        return row, exploits.answer(row, feeds_at(ask, day).to_pylist())


def asking(connection: duckdb.DuckDBPyConnection, *rows: dict[str, Any]) -> Any:
    connection.register("signals", pa.Table.from_pylist(list(rows), schema=SCHEMA))

    def ask(query: str, **tables: pa.Table) -> pa.Table:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(query).to_arrow_table()

    return ask


def marker(feed: str, day: int = 0) -> dict[str, Any]:
    return said(f"feed:{feed}", day, weakness="*", value=None)


LADDER = [
    said("exploit_poc", 3, source="exploitdb"),
    said("exploit_poc", 2, source="poc-index"),
    said("exploit_weaponized", 5, source="metasploit"),
    said("exploited", 7, source="vulncheck-kev"),
    said("kev", 9, source="cisa-kev"),
    said("ransomware", 11, source="cisa-kev"),
]


def test_every_rung_has_its_first_day_and_its_sources() -> None:
    row, answer = asked(*LADDER)
    assert [(one["kind"], one["since"].day, one["sources"]) for one in answer["rungs"]] == [
        ("poc", 3, ["exploitdb", "poc-index"]), ("weaponized", 6, ["metasploit"]),
        ("attacks", 8, ["cisa-kev", "vulncheck-kev"]), ("ransomware", 12, ["cisa-kev"]),
    ]  # fmt: skip
    assert row["exploit"] == answer["kind"] == "ransomware"
    assert "it is used in attacks since 2024-01-08 (says cisa-kev, vulncheck-kev)" in answer["sentence"]


@given(st.permutations(LADDER), st.integers(1, 13))
def test_a_past_day_knows_only_what_was_said_by_then_in_any_order(rows: list[dict[str, Any]], day: int) -> None:
    when = datetime(2024, 1, day, 12)
    row, answer = asked(*rows, day=when)
    past, _ = asked(*[one for one in LADDER if one["observed_at"] <= when], day=DAY)
    assert row == past
    assert [one["kind"] for one in answer["rungs"]] == [one["rung"] for one in past["ladder"]]


def test_another_catalogue_says_attacks_and_not_that_cisa_lists_it() -> None:
    row, answer = asked(said("exploited", 1, source="vulncheck-kev"), marker("kev"), marker("vulncheck_kev"))
    assert (row["exploit"], row["kev"], row["exploited"]) == ("attacks", False, True)
    assert answer["answer"] == "yes"
    row, _ = asked(marker("vulncheck_kev"))
    assert (row["kev"], row["exploited"], row["exploit"]) == (None, False, "unknown")


def test_what_a_source_takes_back_no_longer_holds() -> None:
    row, _ = asked(said("kev", 1, source="cisa-kev"), said("kev", 5, value=0, source="cisa-kev"), marker("exploitdb"))
    assert (row["exploit"], row["kev"], row["ladder"]) == ("none_known", False, [])


def test_nobody_says_no_without_having_looked() -> None:
    assert asked()[1]["answer"] == "unknown"
    assert asked(marker("kev"))[1]["answer"] == "unknown"  # the catalogue lists attacks, not exploits
    found = asked(marker("exploitdb", 2))[1]
    assert (found["answer"], found["sentence"]) == ("no", "No exploit is known to exploitdb as of 2024-01-03.")
    found = asked(said("ssvc_exploitation", 4, value=None, text="none", source="cisa-adp"))[1]
    assert found["sentence"] == "No exploit is known to CISA's assessment on 2024-01-05."
    assert asked(marker("exploitdb"), name="tool:rule")[1]["answer"] == "unknown"  # feeds speak of CVEs


@pytest.mark.parametrize(
    ("words", "rungs"),
    [
        (["none"], []), (["public poc"], ["poc"]), (["public poc", "active"], ["poc", "attacks"]),
        (["active"], ["attacks"]), (["active", "none"], []),
    ],
)  # fmt: skip
def test_ssvc_counts_as_its_word(words: list[str], rungs: list[str]) -> None:
    rows = [said("ssvc_exploitation", day, value=None, text=word, source="cisa-adp") for day, word in enumerate(words)]
    assert [one["rung"] for one in asked(*rows)[0]["ladder"]] == rungs


def test_the_own_model_counts_by_its_latest_day_and_is_no_source_of_exploits() -> None:
    row, answer = asked(said("own_model", 5, value=0.2, model="m2", text='["b"]'),
                        said("own_model", 1, value=0.9, model="m1", text='["a"]'))  # fmt: skip
    assert (row["own"], row["own_model"], row["own_reasons"]) == (0.2, "m2", '["b"]')
    assert (answer["answer"], answer["sources"], row["observed_at"]) == ("unknown", [], None)


def test_techniques_of_the_weakness_come_before_those_of_its_class() -> None:
    classes = [said("cwe", 1, value=None, text="79,89", source="nvd"),
               said("technique", 1, weakness="CWE-89", text="T1190", value=None)]  # fmt: skip
    row, _ = asked(*classes)
    assert (row["techniques"], row["techniques_of"]) == (["T1190"], "cwe")
    row, _ = asked(*classes, said("technique", 1, text="T1059", value=None), said("technique", 1, text="T1203"))
    assert (row["techniques"], row["techniques_of"]) == (["T1059", "T1203"], "weakness")
    with duckdb.connect() as connection:
        ask = asking(connection, said("name", 1, weakness="T1190", text="Exploit Public-Facing Application"))
        found = names_at(ask, DAY, pa.table({"weakness": ["T1190", "T9999"]}))
    assert found == {"T1190": "Exploit Public-Facing Application"}


CYCLES = {
    "debian": {"12": "2028-06-30", "9": "2022-06-30"}, "php": {"7.4": "2022-11-28", "8": "no", "5": "yes"},
    "windows-server": {"2012-r2": "2023-10-10", "2012": "2023-10-10"}, "rhel": {"7": "2024-06-30"},
    "windows": {"7": "2020-01-14", "10-22h2": "2025-10-14", "10-1507": "2017-05-09", "11-24h2-w": "2026-10-13"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("os", "cycle", "ended"),
    [
        ("Debian GNU/Linux 9.13 (stretch)", "9", True),
        ("Debian GNU/Linux 12", "12", False),
        ("Microsoft Windows Server 2012 R2 Standard", "2012-r2", True),
        ("Red Hat Enterprise Linux Server release 7.9", "7", True),
        ("Windows 7 Professional", "7", True),
        ("Windows 10 Enterprise 22H2", "10-22h2", False),
    ],
)
def test_systems_are_dated_by_their_cycle(os: str, cycle: str, ended: bool) -> None:
    found = Endings(date(2025, 6, 1), CYCLES).of_system(os)
    assert found is not None
    assert (found.cycle, found.ended) == (cycle, ended)


@pytest.mark.parametrize("os", ["", "Linux", "Debian GNU/Linux 3", "Windows 10 Enterprise", "FreeBSD 13"])
def test_what_has_no_known_cycle_is_not_dated(os: str) -> None:
    assert Endings(date(2025, 6, 1), CYCLES).of_system(os) is None


def test_components_are_dated_by_name_identifier_or_title() -> None:
    endings = Endings(date(2025, 6, 1), CYCLES, {"pkg:generic/php": "php"})
    for found in (
        endings.of_software("", "PHP", "7.4.33"),
        endings.of_software("pkg:generic/php", "", "7.4.1-2"),
        endings.in_title("PHP 7.4.x unsupported version"),
    ):
        assert found is not None
        assert (found.cycle, found.day) == ("7.4", date(2022, 11, 28))
        assert found.years(date(2023, 11, 28)) == pytest.approx(1, abs=0.01)
    assert endings.of_software("", "php", "8.1").ended is False  # type: ignore[union-attr]
    assert endings.of_software("", "php", "5.6").ended is True  # type: ignore[union-attr]
    assert endings.of_software("", "unheard", "1.0") is None
    assert endings.in_title("Something is wrong") is None


def test_ends_of_support_are_known_as_of_a_day() -> None:
    rows = [said("end_of_life", 1, weakness="eol:php:7.4", value=None, text="2022-12-31"),
            said("end_of_life", 5, weakness="eol:php:7.4", value=None, text="2022-11-28"),
            said("product", 1, weakness="eol:php", value=None, text="pkg:generic/php@1?x=y")]  # fmt: skip
    with duckdb.connect() as connection:
        ask = asking(connection, *rows)
        assert endings_at(ask, datetime(2024, 1, 1)).cycles == {}
        assert endings_at(ask, datetime(2024, 1, 3)).cycles == {"php": {"7.4": "2022-12-31"}}
        found = endings_at(ask, DAY)
    assert found.cycles == {"php": {"7.4": "2022-11-28"}}
    assert found.named == {"pkg:generic/php": "php"}
