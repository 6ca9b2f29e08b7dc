"""The open serving file: what is counted once and mended after decisions equals counting anew."""

from __future__ import annotations

import json
from pathlib import Path

from tests.served import made

# Decides about one exposure after another in all ways; after each, what is counted is compared with counting anew.
_LAW = """
import json, random
from foreshore.cycle import deciding
from foreshore.server import actions, exposures, paging, place, tallies
from foreshore.server.access import SYSTEM, Access, Part

some = Access("somebody", {"see": (Part(teams=frozenset({"web-team"})),)})
names = [one for one in paging.FACETS if one != "leads"]
order = lambda rows: sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)

def compare(shelf, access):
    asked = paging.condition(shelf, access, "")
    plain = shelf.ask(f"select treatment, count(*) as n from laid where {asked.sql} group by 1", asked.values)
    counted = paging.treatments(shelf, access)
    assert {row["treatment"]: row["n"] for row in plain} == {k: n for k, n in counted.items() if n}, (plain, counted)
    found = paging.facets(shelf, access, "", names, most=1000)
    for name in names:
        rows = shelf.ask(f"select {name} as v, count(*) as n from laid where {asked.sql} group by 1", asked.values)
        assert {row["v"]: row["n"] for row in rows} == {one["value"]: one["count"] for one in found[name]}, name
    for asked in (paging.condition(shelf, access, ""), tallies.undismissed(access)):
        kept = shelf.ask(f"select * from {tallies.of_all(shelf, asked)}")
        anew = shelf.ask(tallies._ADDED.format(rows="laid", where=asked.sql), asked.values)
        assert order(kept) == order(anew), (kept, anew)
    return sum(counted.values())

chance, seen = random.Random(5), []
words = ["false_positive", "mitigated", "accepted", "claimed_fixed", "not_ours"]
for turn in range(8):
    shelf = place.shelf()
    seen.append([shelf.decided_since, compare(shelf, SYSTEM), compare(shelf, some)])
    rows = exposures.with_ids(shelf.ask("select * from laid where treatment is not null order by rank"))
    row, word = chance.choice(rows), words[turn % len(words)]
    if turn == 5:
        gone = shelf.ask("select * from laid where disposition = 'false_positive'")
        deciding.decide(shelf.workspace, exposures.with_ids(gone), "withdrawn", because="it was wrong after all", author="a@example.com")
    else:
        from datetime import date, timedelta
        until = date.today() + timedelta(days=30) if word in ("accepted", "mitigated") else None
        deciding.decide(shelf.workspace, [row], word, because="looked at by two people", author="a@example.com", until=until)
print(json.dumps(seen))
"""


def test_counts_mended_after_decisions_equal_counting_anew(copy: Path) -> None:
    seen = json.loads(made(copy, _LAW).strip().splitlines()[-1])
    assert seen[0][0] == 0
    assert max(decided for decided, _, _ in seen) >= 4, "decisions were laid over the file"
    assert min(counted for _, counted, _ in seen) < seen[0][1], "what was dismissed is no longer counted"


def test_a_file_of_an_older_version_is_read(copy: Path) -> None:
    import duckdb

    pointer = json.loads((copy / "serving" / "current.json").read_text())
    with duckdb.connect(str(copy / "serving" / pointer["file"])) as file:
        file.execute("drop table at_exposure")
    code = (
        "from foreshore.server import paging, place\nfrom foreshore.server.access import SYSTEM\n"
        "key = place.shelf().ask('select exposure from exposures where rank = 1')[0]['exposure']\n"
        "print(paging.one(place.shelf(), SYSTEM, key)['rank'])"
    )
    assert made(copy, code).strip() == "1"
