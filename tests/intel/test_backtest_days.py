"""Past days see nothing of the future: neither by a later fact nor by a sample that knew better."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore import policy, store
from foreshore.cycle import backtesting
from foreshore.errors import NothingToRead
from foreshore.intel.backtest import comparing, orderings, origins
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace

DAY = date(2024, 6, 30)
Row = tuple[str, str, float | None, str, str, str, datetime, str]
COLUMNS = ("weakness", "kind", "value", "text", "source", "model", "observed_at", "feed")
TYPES = (pa.string(), pa.string(), pa.float64(), pa.string(), pa.string(), pa.string(), pa.timestamp("us"), pa.string())
_NETWORK = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
_LOCAL = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"


def name(number: int) -> str:
    return f"CVE-2024-{1000 + number}"


def on(days: int, hour: int = 0) -> datetime:
    """The moment so many days after DAY."""
    return datetime.combine(DAY, datetime.min.time()) + timedelta(days=days, hours=hour)


def row(weakness: str, kind: str, days: int, *, value: float | None = None, text: str = "", source: str = "cve",
        model: str = "", feed: str = "records") -> Row:  # fmt: skip
    return (weakness, kind, value, text, source, model, on(days), feed)


def mark(feed: str, days: int, *, model: str = "", digest: str = "") -> Row:
    return row("*", f"feed:{feed}", days, source=feed, model=model, feed=digest or feed)


def base() -> list[Row]:
    """Thirty weaknesses of one year with records, full EPSS on the day, and five additions to KEV afterwards."""
    rows = [mark("kev", 200), mark("epss", 0, model="v3"), mark("cve5", 150, digest="records"), mark("poc_index", -1)]
    for number in range(30):
        rows += [
            row(name(number), "published", -100 + number, text="day"),
            row(name(number), "cvss", -90 + number, value=9.8 if number % 3 else 2.0,
                text=_NETWORK if number % 3 else _LOCAL, source="cna", model="3.1"),
            row(name(number), "epss", 0, value=(number + 1) / 100, source="first-epss", model="v3", feed="epss"),
            row(name(number), "ssvc_exploitation", -50, text="none", source="cisa-adp"),
            row(name(number), "ssvc_automatable", -50, text="yes" if number % 2 else "no", source="cisa-adp"),
            row(name(number), "ssvc_impact", -50, text="total" if number % 5 else "partial", source="cisa-adp"),
            row(name(number), "description", -90, text="a buffer is written beyond its end", source="cna"),
        ]  # fmt: skip
    rows += [row(name(number), "kev", 10 + number, value=1, source="cisa-kev", feed="kev") for number in range(25, 30)]
    return [*rows, row(name(0), "kev", -5, value=1, source="cisa-kev", feed="kev")]


def add(lake: Lake, rows: Sequence[Row], job: str) -> None:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, kind) for column, kind in zip(columns, TYPES, strict=True)]
    lake.append({"signals": pa.table(arrays, names=list(COLUMNS))}, job=job)


def made(folder: Path, rows: Sequence[Row]) -> Lake:
    lake = store.open_lake(Workspace.create(folder, seed=1))
    add(lake, rows, "base")
    return lake


def design(**changes: Any) -> origins.Design:
    return origins.Design(**{"first": DAY, "last": DAY, "horizon": 60, "every": 30, **changes})


def listed(lake: Lake, asked: origins.Design, day: date = DAY) -> tuple[origins.Past, origins.Origin]:
    past = origins.read(lake, asked)
    return past, origins.origin(past, asked, day, 0.8)


def names_of(past: origins.Past, one: origins.Origin) -> list[str]:
    return [str(word) for word in past.names.take(pa.array(one.members)).to_pylist()]


def scores(lake: Lake, asked: origins.Design, day: date = DAY) -> tuple[list[str], dict[str, list[float]]]:
    """Return who is on the list of the day, and every order's score of each."""
    past, one = listed(lake, asked, day)
    rules = policy.load()
    found: dict[str, list[float]] = {}

    def kept(ordering: orderings.Ordering) -> orderings.Ordering:
        def score(view: orderings.View) -> Any:
            found[ordering.name] = np.nan_to_num(ordering.score(view), nan=-1).tolist()
            return ordering.score(view)

        return orderings.Ordering(ordering.name, "", score)

    compared = [*backtesting.own_orders(rules), *orderings.public(rules)]
    ranked = comparing.ranked(lake, past, asked, [one], [kept(each) for each in compared])
    return names_of(past, ranked.days[0]), found


FUTURE = st.lists(
    st.tuples(
        st.integers(0, 33),  # some of whom nothing was known that day
        st.sampled_from([
            ("kev", 1.0, "", "cisa-kev", ""), ("kev", 0.0, "", "cisa-kev", ""), ("ransomware", 1.0, "", "cisa-kev", ""),
            ("exploited", 1.0, "", "vulncheck-kev", ""), ("exploit_poc", 1.0, "x1", "poc-index", ""),
            ("exploit_weaponized", 1.0, "m1", "metasploit", ""), ("ssvc_exploitation", None, "active", "cisa-adp", ""),
            ("ssvc_automatable", None, "yes", "cisa-adp", ""), ("ssvc_impact", None, "total", "cisa-adp", ""),
            ("epss", 0.97, "0.99", "first-epss", "v4"), ("epss", 0.00001, "0.01", "first-epss", "v3"),
            ("description", None, "exploited in the wild by attackers", "cna", ""), ("cwe", None, "78", "cna", ""),
            ("cvss", 9.8, _NETWORK, "nvd", "3.1"), ("cvss", 2.0, _LOCAL, "cna", "3.1"),
            ("rejected", 1.0, "", "cve", ""), ("reference", None, "exploit", "cve", ""),
            ("product", None, "example/gateway", "cve", ""), ("own_model", 0.9, "[]", "foreshore", "m1"),
            ("published", None, "day", "nvd", ""),
        ]),
        st.integers(1, 120),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(planted=FUTURE)
def test_no_later_fact_changes_a_past_list_or_any_score_on_it(
    tmp_path_factory: pytest.TempPathFactory, planted: Any
) -> None:
    with made(tmp_path_factory.mktemp("past") / "ws", base()) as lake:
        before = scores(lake, design())
        facts = [
            row(name(number), kind, days, value=value, text=text, source=source, model=model, feed="later")
            for number, (kind, value, text, source, model), days in planted
        ]
        add(lake, [*facts, mark("epss", 40, model="v4", digest="later"), mark("poc_index", 60)], "later")
        assert scores(lake, design()) == before


def test_the_day_itself_counts_as_known_and_a_fact_of_the_day_does_change_the_order(tmp_path: Path) -> None:
    with made(tmp_path / "ws", base()) as lake:
        before = scores(lake, design())
        add(lake, [row(name(3), "ssvc_exploitation", 0, text="active", source="cisa-adp", feed="of the day"),
                   row(name(4), "kev", 0, value=1, source="cisa-kev", feed="of the day")], "day")  # fmt: skip
        after = scores(lake, design())
        assert name(4) in before[0]
        assert name(4) not in after[0]
        place = after[0].index(name(3))
        assert after[1]["SSVC"][place] == max(after[1]["SSVC"])
        assert after[1]["ours"][place] > before[1]["ours"][before[0].index(name(3))]


def test_who_came_true_within_the_horizon_and_who_was_left_out_is_counted(tmp_path: Path) -> None:
    rows = [*base(), row(name(40), "published", 5), row(name(40), "kev", 6, value=1, source="cisa-kev", feed="kev"),
            row("CVE-2019-1", "kev", 7, value=1, source="cisa-kev", feed="kev"),
            row(name(41), "rejected", -3, value=1), row(name(41), "published", -9),
            row(name(42), "rejected", 3, value=1), row(name(42), "published", -9)]  # fmt: skip
    with made(tmp_path / "ws", rows) as lake:
        past, one = listed(lake, design(horizon=37))
        # The last day counts; name(28) is added on day 38.
        assert [word for word, true in zip(names_of(past, one), one.truth, strict=True) if true] == [
            name(25),
            name(26),
            name(27),
        ]
        assert one.left_out["already in KEV"] == 1
        assert (one.left_out["published after that day"], one.missed["published after that day"]) == (1, 1)
        assert (one.left_out["publication unknown"], one.missed["publication unknown"]) == (1, 1)
        who, _ = scores(lake, design())
        assert name(41) not in who  # rejected by then
        assert name(42) in who  # nobody knew that day


def test_records_collected_later_of_a_few_of_a_year_are_no_list(tmp_path: Path) -> None:
    """Ten weaknesses of 2019 are scored, of one there is a record: because it became news."""
    scored = [row(f"CVE-2019-{2000 + number}", "epss", 0, value=0.01, source="first-epss", model="v3", feed="epss")
              for number in range(10)]  # fmt: skip
    chosen = row("CVE-2019-2003", "published", -1800, source="nvd", feed="chosen")
    with made(tmp_path / "ws", [*base(), *scored, chosen, mark("nvd", 100, digest="chosen")]) as lake:
        past, one = listed(lake, design())
        assert "CVE-2019-2003" not in names_of(past, one)
        assert one.left_out["its records are a selection"] == 1
        assert one.left_out["no record dates it by then"] == 9
        # On a list of all that is scored it stands, and its record says nothing.
        who, found = scores(lake, design(among="scored"))
        place = who.index("CVE-2019-2003")
        assert found["newest"][place] == found["newest"][who.index("CVE-2019-2004")] == -1
    with made(tmp_path / "then", [*base(), *scored, chosen, mark("nvd", -1, digest="chosen")]) as lake:
        past, one = listed(lake, design())  # a file of the day before cannot have known
        assert "CVE-2019-2003" in names_of(past, one)
        past, one = listed(lake, design(records=("cve",)))
        assert "CVE-2019-2003" not in names_of(past, one)
        past, one = listed(lake, design(among="scored"))
        assert set(names_of(past, one)) >= {f"CVE-2019-{2000 + number}" for number in range(10)}


def test_a_panel_with_fresh_scores_for_some_is_not_used(tmp_path: Path) -> None:
    panel = [row(name(29), "epss", 20, value=0.99, source="first-epss", model="v3", feed="panel"),
             row(name(60), "epss", 20, value=0.5, source="first-epss", model="v3", feed="panel"), mark("epss", 20, digest="panel")]  # fmt: skip
    later = DAY + timedelta(days=22)
    with made(tmp_path / "ws", [*base(), *panel]) as lake:
        asked = design(first=later, last=later, among="scored")
        who, found = scores(lake, asked, later)
        _, one = listed(lake, asked, later)
        assert (one.epss_day, one.epss_model) == (DAY, "v3")
        assert name(60) not in who
        assert found["EPSS"][who.index(name(29))] == pytest.approx(0.30)
        add(lake, [mark("epss", 21, model="v4", digest="full"),
                   *(row(name(number), "epss", 21, value=0.5, source="first-epss", model="v4", feed="full")
                     for number in range(30))], "full")  # fmt: skip
        _, one = listed(lake, asked, later)
        assert (one.epss_day, one.epss_model) == (DAY + timedelta(days=21), "v4")
        assert scores(lake, asked, later)[1]["EPSS"][3] == 0.5


def test_records_that_only_hindsight_chose_are_named(tmp_path: Path) -> None:
    rows = [*base(), mark("nvd", -1, digest="chosen")]
    for number in range(100, 108):
        rows += [row(name(number), "published", -60, source="nvd", feed="chosen"),
                 row(name(number), "kev", 10, value=1, source="cisa-kev", feed="kev")]  # fmt: skip
    with made(tmp_path / "ws", rows) as lake:
        past, one = listed(lake, design())
        suspects = origins.selected(past, design(), [one], 4, 5)
        assert [(each["source"], each["count"], each["came_true"]) for each in suspects] == [("nvd", 8, 8)]
        assert origins.selected(past, design(), [one], 4, 9) == []


def test_days_end_where_the_truth_does_and_follow_full_scores_where_rolling_ones_would_be_old(tmp_path: Path) -> None:
    with made(tmp_path / "ws", [*base(), mark("epss", 100, model="v3")]) as lake:
        asked = design(last=DAY + timedelta(days=190))
        past = origins.read(lake, asked)
        assert origins.days(past, asked, 7)[0] == [DAY, DAY + timedelta(days=100)]
        rolling = design(last=DAY + timedelta(days=190), placing="rolling")
        assert origins.days(past, rolling, 7)[0] == [DAY + timedelta(days=30 * number) for number in range(5)]
        assert origins.days(past, asked, 120)[1] == "every 30 days"
        with pytest.raises(NothingToRead, match="ends on"):
            origins.days(past, design(horizon=500), 7)


def test_without_a_catalogue_nothing_can_be_judged(tmp_path: Path) -> None:
    with (
        made(tmp_path / "ws", [row(name(1), "published", -3)]) as lake,
        pytest.raises(NothingToRead, match="catalogue"),
    ):
        origins.read(lake, design())


def test_what_this_workspace_learned_later_does_not_count_where_that_is_asked(tmp_path: Path) -> None:
    with made(tmp_path / "ws", base()) as lake:
        _, by_source = listed(lake, design())
        _, by_us = listed(lake, design(learned=True))
        assert len(by_source.members) == 29
        assert len(by_us.members) == 0


def features(**columns: list[Any]) -> orderings.View:
    known: dict[str, list[Any]] = {"kev": [False], "ssvc_exploitation": [None], "ssvc_automatable": [None], "ssvc_impact": [None],
             "epss": [None], "cvss": [None], "published": [None]}  # fmt: skip
    size = max(len(values) for values in columns.values())
    kinds = {"epss": pa.float64(), "cvss": pa.float64(), "kev": pa.bool_(), "published": pa.timestamp("us")}
    table = pa.table({
        key: pa.array(columns.get(key, value * size), kinds.get(key, pa.string())) for key, value in known.items()
    })  # fmt: skip
    return orderings.View(table, lambda *_: table, on(0), table)


def by_name(text: str) -> orderings.Ordering:
    return next(one for one in orderings.public(policy.load()) if one.name == text)


def test_ssvc_orders_by_exploitation_then_automatable_then_impact_and_the_unknown_stands_between() -> None:
    points = [("active", "no", "partial"), ("public poc", "yes", "total"), ("public poc", "yes", "partial"),
              ("public poc", None, "total"), ("public poc", "no", "total"), ("none", "yes", "total")]  # fmt: skip
    first, second, third = (list(column) for column in zip(*points, strict=True))
    view = features(ssvc_exploitation=first, ssvc_automatable=second, ssvc_impact=third)
    found = orderings.ssvc_points(view)
    assert np.all(np.diff(found) < 0)
    assert np.isnan(orderings.ssvc_points(features(epss=[0.1]))).all()


def test_tables_of_decisions_rank_by_outcome_and_average_over_what_is_unknown() -> None:
    view = features(ssvc_exploitation=["none", "active", "active", "active", None],
                    ssvc_automatable=["no", "no", None, "yes", None])  # fmt: skip
    found = by_name("SSVC Deployer").score(view)
    assert found[0] < found[1] <= found[2] <= found[3]
    assert found[2] == pytest.approx((found[1] + found[3]) / 2)
    assert np.isnan(found[4])


def test_the_unscored_stand_at_the_median_and_are_counted() -> None:
    found, unknown = orderings.scored(by_name("CVSS"), features(cvss=[9.8, None, 5.0, 7.5, None]))
    assert found.tolist() == [9.8, 7.5, 5.0, 7.5, 7.5]
    assert unknown == 2
    nothing, all_of = orderings.scored(by_name("EPSS"), features(cvss=[1.0, 2.0]))
    assert (nothing.tolist(), all_of) == ([0.0, 0.0], 2)


def test_rank_sums_add_the_three_orders() -> None:
    view = features(epss=[0.1, 0.2, 0.3], cvss=[3.0, 2.0, 1.0], ssvc_exploitation=["none"] * 3,
                    ssvc_automatable=["no", "no", "yes"], ssvc_impact=["partial", "partial", "total"])  # fmt: skip
    found = orderings.rank_sum(view)
    assert found[2] > found[0] == pytest.approx(found[1])


def test_chances_are_carried_to_a_horizon_at_constant_hazard() -> None:
    chance = np.array([0.1])
    assert orderings.within(chance, 30, 1)[0] == pytest.approx(0.003506, abs=1e-6)
    assert orderings.within(chance, 30, 90)[0] == pytest.approx(0.271)
    assert orderings.within(chance, 30, 365)[0] == pytest.approx(0.7225, abs=1e-4)
