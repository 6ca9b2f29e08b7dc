"""Laws of every reader, over its samples and over changes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import attempts, laws, mutations

from foreshore import facts
from foreshore.discovery.columns import Columns
from foreshore.errors import BadReport

NAMES = attempts.names()
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FEW = settings(max_examples=10, deadline=None)
PROOFS = dict.fromkeys(("unknown", "banner", "version", "package", "configuration", "probe", "confirmed"), 0)


def stored(name: str, records: list[facts.Record]) -> dict[str, int]:
    """Put `records` into columns as an import does; return how many rows each kind of them gave."""
    rows: dict[str, int] = {}

    def sink(kind: str, table: pa.Table) -> None:
        table.validate(full=True)
        rows[kind] = rows.get(kind, 0) + table.num_rows

    columns = Columns(1, "main", name, name, sink, now=NOW, proofs=PROOFS, redact=str)
    columns.take(records)
    columns.observed_at(NOW)
    columns.finish()
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_samples_keep_every_promise(name: str) -> None:
    reader = attempts.reader_of(name)
    for sample in attempts.samples(name):
        records = attempts.attempt(reader, sample)
        if isinstance(records, list):
            assert list(laws.breaches(records)) == []
            found = sum(isinstance(one, facts.Finding) for one in records)
            assert stored(name, records).get("findings", 0) == found


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(seed=st.integers(0, 2**32))
def test_same_bytes_same_records_and_the_import_can_take_them(name: str, seed: int) -> None:
    """The reader object is shared and reads two reports in turn: nothing of one may stay for the other."""
    reader, samples, random = attempts.reader_of(name), attempts.samples(name), Random(seed)
    data = mutations.mutate(random.choice(samples), random)
    first = attempts.attempt(reader, data)
    attempts.attempt(reader, random.choice(samples))
    again = attempts.attempt(reader, data)
    if isinstance(first, BadReport):
        assert isinstance(again, BadReport)
        assert again.sentence() == first.sentence()
    else:
        assert again == first
        stored(name, first)


def finding(**changed: object) -> facts.Finding:
    return facts.Finding(asset="a", rule="r", title="t", severity="low", **changed)  # type: ignore[arg-type]


RUN, SIGHTING = facts.RunSeen(tool="t"), facts.Sighting(key="a", name="a", identifiers=(("ip", "192.0.2.1"),))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([SIGHTING, RUN], "RunSeen"),
        ([RUN, RUN], "RunSeen"),
        ([RUN, finding()], "sighted"),
        ([RUN, facts.Relation(kind="runs", source="asset:b", target="any")], "sighted"),
        ([RUN, facts.Sighting(key="a", name="a", identifiers=(("address", "192.0.2.1"),))], "no kind"),
        ([RUN, SIGHTING, finding(port=65536)], "port"),
        ([RUN, SIGHTING, finding(line=2**31)], "32 bits"),
        ([RUN, SIGHTING, finding(cvss_score=float("nan"))], "number"),
        ([RUN, SIGHTING, finding(description="\ud800")], "character"),
        ([RUN, SIGHTING, finding(kind="bug")], "Invalid enum value"),
        ([RUN, SIGHTING, finding(description=7)], "Expected `str`"),
        ([RUN, SIGHTING, finding(references=["x"])], "no place"),
    ],
)
def test_the_laws_see_what_breaks_them(wrong: list[facts.Record], said: str) -> None:
    assert list(laws.breaches([RUN, SIGHTING, finding()])) == []
    assert any(said in one for one in laws.breaches(wrong))
