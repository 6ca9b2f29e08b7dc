"""News weighed without a cycle: nothing new changes nothing, bounds hold their estimate, worse news never eases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import policy
from foreshore.facts import TREATMENTS
from foreshore.intel.signals import signals_at
from foreshore.prioritization import likelihood
from foreshore.prioritization.renewed import CANDIDATE, Others, Renewed, renew

POLICY = policy.load(None)
NAMES = ("CVE-2024-0001", "CVE-2024-0002")
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
WORDS = ("none_known", "poc", "weaponized", "attacks", "ransomware")
SHARE = st.floats(0, 0.3)
ROW = st.fixed_dictionaries({
    "weakness": st.sampled_from(NAMES), "contribution": SHARE, "sampling_error": st.floats(0, 0.01),
    "contribution_if_reachable": SHARE, "flow": SHARE, "best_path": st.floats(0, 0.5),
    "reachable": st.sampled_from(["yes", "no", "unknown"]), "leads": st.sampled_from(["yes", "no", "unknown"]),
    "disposition": st.sampled_from(["", "", "accepted"]), "fix": st.sampled_from(["", "1.0 → 1.1"]),
    "vendor": st.sampled_from(["", "", "", "fixed"]),
})  # fmt: skip
ROWS = st.lists(ROW, min_size=1, max_size=12)


def signals(exploit: str, epss: float | None = 0.02) -> pa.Table:
    """What is known of both weaknesses, by the real query over a lake of statements."""
    statements: list[tuple[str, str, float | None, str]] = [
        ("*", f"feed:{feed}", None, "") for feed in ("kev", "poc_index", "metasploit", "cve5", "epss")
    ]
    for name in NAMES:
        statements.append((name, "cvss", 9.8, VECTOR))
        if epss is not None:
            statements.append((name, "epss", epss, ""))
        grade = WORDS.index(exploit)
        kinds = ("", "exploit_poc", "exploit_weaponized", "kev", "kev")[: grade + 1]
        statements += [(name, kind, 1.0, kind) for kind in dict.fromkeys(kinds) if kind]
        if exploit == "ransomware":
            statements.append((name, "ransomware", 1.0, ""))
    day = datetime(2026, 1, 1)
    columns: list[Any] = list(zip(*statements, strict=True))
    table = pa.table({
        "weakness": pa.array(columns[0], pa.string()), "kind": pa.array(columns[1], pa.string()),
        "value": pa.array(columns[2], pa.float64()), "text": pa.array(columns[3], pa.string()),
        "source": pa.array(["nvd"] * len(statements)), "model": pa.array(["3.1"] * len(statements)),
        "observed_at": pa.array([day] * len(statements), pa.timestamp("us")),
        "known_at": pa.array([day] * len(statements), pa.timestamp("us")), "feed": pa.array(["f"] * len(statements)),
    })  # fmt: skip

    def ask(query: str, **tables: pa.Table) -> pa.Table:
        import duckdb

        with duckdb.connect() as connection:
            for given_name, one in {"signals": table, **tables}.items():
                connection.register(given_name, one)
            return connection.execute(query).to_arrow_table()

    return signals_at(ask, day, pa.table({"weakness": list(NAMES)}))


KNOWN = {word: signals(word) for word in WORDS}


def served(rows: list[dict[str, Any]], word: str) -> pa.Table:
    """Rows as a cycle would have served them when `word` was what is known of the exploits."""
    said = {"kind": "vulnerability", "rule": "r", "title": "t", "component": "pkg:deb/debian/nginx",
            "component_name": "nginx", "port": 443, "severity": 4, "proof": 2, "cvss_vector": ""}  # fmt: skip
    whole = [
        {**said, **row, "exposure": number + 1,
         "contribution_if_reachable": max(row["contribution_if_reachable"], row["contribution"]),
         "flow": max(row["flow"], row["contribution"])}
        for number, row in enumerate(rows)
    ]  # fmt: skip
    table = pa.Table.from_pylist(whole)
    candidates = table.select(list(CANDIDATE)).add_column(0, "row", pa.array(np.arange(len(rows))))
    found = likelihood.weigh(candidates, KNOWN[word], POLICY)
    for name in ("usable", "usable_param", "success", "success_param", "way_in", "gives"):
        table = table.append_column(name, found.column(name))
    chance = (
        np.asarray(found.column("usable")) * np.asarray(found.column("success")) * np.asarray(found.column("truth"))
    )
    return table.append_column("likelihood", pa.array(chance))


def renewed(rows: list[dict[str, Any]], was: str, word: str) -> Renewed:
    table = served(rows, was)
    others = Others(np.arange(1, len(rows) + 1), np.asarray(table.column("contribution").to_numpy(), np.float64))
    return renew(table, KNOWN[word], others, POLICY, seed=7)


@settings(deadline=None, max_examples=25)
@given(ROWS, st.sampled_from(WORDS))
def test_without_news_every_figure_stays(rows: list[dict[str, Any]], word: str) -> None:
    found = renewed(rows, word, word)
    was = [row["contribution"] for row in rows]
    assert np.allclose(found.contribution.mean, was, rtol=1e-12, atol=0)
    assert np.array_equal(found.contribution.low, found.contribution.mean)
    assert np.array_equal(found.contribution.high, found.contribution.mean)
    assert [len(words) for words in found.may_be] == [1] * len(rows)
    assert not any(flags.any() for flags in (found.further, found.nearer, found.anew))
    assert found.leads.tolist() == [row["leads"] for row in rows]


@settings(deadline=None, max_examples=25)
@given(ROWS, st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_bounds_hold_the_estimate_and_stay_shares(rows: list[dict[str, Any]], was: str, word: str) -> None:
    found = renewed(rows, was, word)
    for bound in (found.contribution, found.if_reachable):
        assert (bound.low >= 0).all()
        assert (bound.low <= bound.mean).all()
        assert (bound.mean <= bound.high).all()
        assert (bound.high <= 1).all()
    for row, treatment, words in zip(rows, found.treatment, found.may_be, strict=True):
        assert treatment in words
        assert set(words) <= set(TREATMENTS)
        if row["disposition"]:
            assert words == ("accepted",)
        if row["vendor"] and not row["disposition"]:
            assert words == ("watch",)


@settings(deadline=None, max_examples=25)
@given(ROW, st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_worse_news_of_a_weakness_never_lowers_what_it_carries(row: dict[str, Any], one: str, other: str) -> None:
    milder, worse = sorted((one, other), key=WORDS.index)
    found = renewed([row], milder, worse)
    assert found.likelihood[0] >= served([row], milder).column("likelihood")[0].as_py() * (1 - 1e-9)
    assert found.contribution.mean[0] >= row["contribution"] * (1 - 1e-9)
    assert not found.nearer[0]


@settings(deadline=None, max_examples=25)
@given(ROWS, st.sampled_from(WORDS), st.sampled_from(WORDS), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, Any]], was: str, word: str, lot: Any) -> None:
    order = list(range(len(rows)))
    lot.shuffle(order)
    straight, mixed = renewed(rows, was, word), renewed([rows[at] for at in order], was, word)
    assert np.allclose(straight.contribution.mean[order], mixed.contribution.mean, rtol=1e-9, atol=1e-15)
    assert np.allclose(straight.contribution.high[order], mixed.contribution.high, rtol=1e-9, atol=1e-15)
    assert np.allclose(straight.likelihood[order], mixed.likelihood)


def test_losses_grow_with_the_mean_chance_of_an_exploit() -> None:
    """A weakness that carries next to nothing of the whole: then the ratio of shares is that of the chances."""
    row = {"weakness": NAMES[0], "contribution": 1e-6, "sampling_error": 0.0, "contribution_if_reachable": 1e-6,
           "flow": 1e-6, "best_path": 1e-6, "reachable": "yes", "leads": "yes", "disposition": "", "fix": "", "vendor": ""}  # fmt: skip
    found = renewed([row], "none_known", "attacks")
    before, after = (POLICY.number(f"likelihood.usable.{name}").value for name in ("none_known", "kev"))
    by_score = likelihood.epss_to_year(np.array([0.02]), POLICY)[0] * POLICY.number("likelihood.epss.carried").value
    plain = after / max(before, by_score)
    # The engine's draws of the numbers move both means a little.
    assert 0.7 * plain < found.contribution.mean[0] / 1e-6 < 1.3 * plain
    assert np.isclose(found.likelihood[0] / served([row], "none_known").column("likelihood")[0].as_py(), plain)


@settings(deadline=None, max_examples=6)
@given(ROW, st.sampled_from(WORDS[2:]))
def test_what_the_vendor_settled_is_hardly_ever_there_whatever_the_news(row: dict[str, Any], word: str) -> None:
    """An exploit that opens a way in: with the vendor's word the chance is at most the policy's of being wrong."""
    most = POLICY.number("proof.truth.vendor_fixed").value
    settled, plain = ({**row, "disposition": "", "vendor": vendor} for vendor in ("not_affected", ""))
    before = served([settled], "none_known")
    # As if nothing had led in by it before, so that the chance is found anew.
    before = before.set_column(before.column_names.index("way_in"), "way_in", pa.array([""]))
    others = Others(np.array([1]), np.array([row["contribution"]]))
    after = renew(before, KNOWN[word], others, POLICY, seed=7)
    there = before.set_column(before.column_names.index("vendor"), "vendor", pa.array([plain["vendor"]]))
    unsettled = renew(there, KNOWN[word], others, POLICY, seed=7)
    assert after.anew[0]
    assert 0 < after.likelihood[0] <= most
    assert after.likelihood[0] < unsettled.likelihood[0]
    assert (after.treatment[0], after.may_be[0]) == ("watch", ("watch",))
