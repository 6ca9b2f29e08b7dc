"""Train our own likelihood model on dated data and measure it against EPSS.

    python scripts/train_likelihood.py --intel ../shared/data/intel --out src/foreshore/intel/opinion

Reads the feeds with the product's own readers, makes one fit for each day of `FOLDS` with what was
known by then, judges each on what came afterwards (sealed by time and by CVE), and writes
`model.json` (the fits) and `figures.json` (the measures that docs/explain/own-model.md quotes).
The same data give the same bytes. Needs scikit-learn for the self-test and for the comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

# One thread: sums in another order would differ in their last digits, and the file in its bytes.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import duckdb
import numpy as np
import pyarrow as pa

import measure_likelihood as measure  # type: ignore[import-not-found]  # the file beside this one
from foreshore import plugins
from foreshore.intel.body import bodies
from foreshore.intel.opinion import fit, learning, prediction
from foreshore.intel.opinion.features import features
from foreshore.intel.rows import SCHEMA

FEEDS = "foreshore.intel.feeds"
FIRST = datetime.fromisoformat("2022-07-01")  # the first months of KEV filled it with what had been exploited for years
FOLDS = ("2024-03-30", "2024-06-30", "2024-10-20", "2025-03-23")  # days with a whole file of EPSS
LAST_SCORES, LAST = "2025-08-17", "2025-08-31"
ENRICHED_SINCE = "2024-02-01"  # from here on the record collection holds nearly every new CVE
T0 = "2024-10-24"
FILES = (
    "kev/kev_timeline.csv",
    "epss/epss_scores-*.csv.gz",
    "cve/vulnrichment-*.jsonl.gz",
    "exploits/*",
)
_INDEX = """
SELECT cve AS weakness, 'published' AS kind, NULL::DOUBLE AS value, '' AS text, 'nvd' AS source, '' AS model,
    strptime(published, '%Y-%m-%dT%H:%MZ') AS observed_at FROM index
UNION ALL
SELECT cve, 'cvss', cvss3::DOUBLE, cvss3_vector, 'nvd', cvss3_vector[6:8], strptime(lastModified, '%Y-%m-%dT%H:%MZ')
FROM index WHERE cvss3_vector IS NOT NULL
UNION ALL
SELECT cve, 'cwe', NULL, array_to_string(regexp_extract_all(cwe, '\\d+'), ','), 'nvd', '',
    strptime(lastModified, '%Y-%m-%dT%H:%MZ') FROM index WHERE cwe LIKE 'CWE-%'
"""
# How it stood: the collection took older CVEs up selectively, often because of KEV; such a record was
# known there only from the day on which it was last decided upon.
_STOOD = """
CREATE TABLE stood AS
WITH decided AS (SELECT weakness, max(observed_at) AS day FROM raw WHERE kind = 'ssvc_exploitation' GROUP BY 1),
public AS (SELECT weakness, min(observed_at) AS day FROM raw WHERE kind = 'published' GROUP BY 1)
SELECT r.weakness, kind, value, text, source, model,
    CASE WHEN source IN ('cve', 'cna', 'cisa-adp') AND public.day < TIMESTAMP '$since'
         THEN greatest(observed_at, decided.day) ELSE observed_at END AS observed_at
FROM raw r LEFT JOIN decided USING (weakness) LEFT JOIN public USING (weakness)
"""
# For learning only, never for judging: what a record says of the weakness itself was there from its
# first day, though the record carries the date of its last edit; CISA decides within a day.
_LEARNT = """
CREATE TABLE learnt AS
WITH public AS (SELECT weakness, min(observed_at) AS day FROM stood WHERE kind = 'published' GROUP BY 1),
wanted AS (SELECT weakness FROM everyone)
SELECT s.weakness, kind, value, text, source, model,
    CASE WHEN source IN ('cna', 'cisa-adp') AND public.day >= TIMESTAMP '$since'
         AND kind IN ('cvss', 'cwe', 'description', 'product', 'ssvc_automatable', 'ssvc_impact')
         THEN least(observed_at, public.day + INTERVAL 1 DAY) ELSE observed_at END AS observed_at
FROM stood s LEFT JOIN public USING (weakness)
WHERE kind <> 'epss' AND (s.weakness IN (FROM wanted) OR s.weakness NOT LIKE 'CVE-%' OR kind = 'kev'
    OR kind = 'product' AND source = 'cisa-kev')
"""
_EVERYONE = """
CREATE TABLE everyone AS
SELECT weakness, added, sampled FROM (
    SELECT weakness, min(observed_at) FILTER (kind = 'kev' AND value > 0) AS added,
        md5_number(weakness) % {sample} = 0 AS sampled
    FROM stood WHERE weakness LIKE 'CVE-%' GROUP BY 1
) WHERE sampled OR added IS NOT NULL ORDER BY weakness
"""


def main() -> None:
    """Read, train, judge, write."""
    options = _options()
    connection = duckdb.connect(config={"threads": "2"})
    gather(connection, options.intel)
    found = _cached(options.scratch, "rows", lambda: _learnt(connection))
    _self_test(found)
    worlds = {day: _world(connection, day, options.scratch) for day in (*FOLDS, LAST_SCORES)}
    models = [_model(found, day, worlds[day]) for day in FOLDS]
    models.append(_model(found, LAST, worlds[LAST_SCORES]))
    figures: dict[str, Any] = {"rows": len(found.x), "trained_through": LAST}
    figures["windows"], judged = _windows(found, models, worlds)
    figures |= measure.pooled(judged)
    figures["t0"] = _t0(connection, options.intel, models[2])
    _write(options.out, models, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train our own likelihood model.")
    parser.add_argument("--intel", type=Path, required=True, help="the folder of dated intelligence")
    parser.add_argument("--out", type=Path, required=True, help="where model.json and figures.json are written")
    parser.add_argument("--scratch", type=Path, help="keep the rows here, to train again without reading again")
    return parser.parse_args()


def gather(connection: duckdb.DuckDBPyConnection, intel: Path) -> None:
    """Make the table `stood`: what every feed said, with the day on which it was known."""
    feeds = plugins.load(FEEDS)
    tables = []
    for path in sorted(one for pattern in FILES for one in intel.glob(pattern)):
        for body in bodies(path):
            name = next((name for name, feed in feeds.items() if body.head and feed.sniff(body.head)), None)
            if name is not None:
                print(f"reading {path.name} ({name})", file=sys.stderr)
                tables += list(feeds[name].parse(body, None))
    connection.register("parsed", pa.concat_tables([SCHEMA.empty_table(), *tables]))
    index = intel / "cve" / "nvd-1.1-index.tsv.gz"
    connection.execute(f"CREATE TABLE index AS FROM read_csv('{index}', delim = '\t', quote = '', all_varchar = true)")
    connection.execute(f"CREATE TABLE raw AS FROM parsed UNION ALL {_INDEX}")
    connection.execute("DELETE FROM raw WHERE observed_at IS NULL")
    connection.execute(_STOOD.replace("$since", ENRICHED_SINCE))
    connection.execute("DROP TABLE raw")


def _learnt(connection: duckdb.DuckDBPyConnection) -> learning.Rows:
    connection.execute(_EVERYONE.format(sample=learning.SAMPLE))
    connection.execute(_LEARNT.replace("$since", ENRICHED_SINCE))
    everyone = connection.sql("FROM everyone ORDER BY weakness").to_arrow_table()
    days = learning.days_between(FIRST, datetime.fromisoformat(LAST))
    print(f"{len(everyone)} weaknesses on {len(days)} days", file=sys.stderr)
    return learning.rows(_asker(connection, "learnt"), days, everyone)


def _asker(connection: duckdb.DuckDBPyConnection, table: str) -> Any:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW signals AS FROM {table}")

    def ask(query: str, **tables: pa.Table) -> pa.Table:
        for name, one in tables.items():
            connection.register(name, one)
        return connection.sql(query).to_arrow_table()

    return ask


def _world(connection: duckdb.DuckDBPyConnection, day: str, scratch: Path | None) -> measure.World:
    """All that EPSS scored on a day and KEV had not: features, EPSS, when added later, whether sampled."""
    return measure.World(*_cached(scratch, f"world-{day}", lambda: _world_of(connection, day)))


def _world_of(connection: duckdb.DuckDBPyConnection, day: str) -> measure.World:
    print(f"features of {day}", file=sys.stderr)
    ask = _asker(connection, "stood")
    scored = ask(f"SELECT weakness FROM stood WHERE kind = 'epss' AND observed_at = TIMESTAMP '{day}' GROUP BY 1")
    known = features(ask, datetime.fromisoformat(day), scored)
    return measure.world(known, ask, learning.SAMPLE)


def _cached(scratch: Path | None, name: str, make: Any) -> Any:
    """What `make` returns (a tuple of arrays), from the scratch folder where it is there."""
    if scratch is None:
        return make()
    path = scratch / f"{name}.npz"
    if not path.is_file():
        scratch.mkdir(parents=True, exist_ok=True)
        np.savez(path, *make())
    with np.load(path) as kept:
        arrays = [kept[one] for one in sorted(kept.files, key=lambda one: int(one[4:]))]
    return learning.Rows(*arrays) if name == "rows" else measure.World(*arrays)


def _model(found: learning.Rows, day: str, world: measure.World) -> prediction.Model:
    through = datetime.fromisoformat(day)
    made = learning.trained(found, through)
    return learning.placed(made, f"own-1 ({day})", through, world.x.astype(np.float64), world.epss)


def _windows(
    found: learning.Rows, models: list[prediction.Model], worlds: dict[str, measure.World]
) -> tuple[list[dict[str, Any]], list[measure.Judged]]:
    judged, rows = [], []
    for model, start, end in zip(models, FOLDS, (*FOLDS[1:], LAST), strict=False):
        one = measure.judge(model, worlds[start], datetime.fromisoformat(start), datetime.fromisoformat(end))
        one.orders["trees"] = measure.trees(found, model.trained_through, worlds[start])[one.kept]
        judged.append(one)
        rows.append({"from": start, "to": end} | measure.window(one))
        print(json.dumps(rows[-1]), file=sys.stderr)
    return rows, judged


def _t0(connection: duckdb.DuckDBPyConnection, intel: Path, model: prediction.Model) -> dict[str, Any]:
    """The fixed set, once: nothing was chosen on it."""
    ask = _asker(connection, "stood")
    path = intel / "backtest" / "t0_2024-10-24_universe.csv.gz"
    universe = ask(
        f'SELECT cve AS weakness, cvss, "epss_2024-10-20" AS epss, kev_date_added_after_T0 IS NOT NULL AS came,'
        f" ssvc_automatable = 'yes' AS automatable, ssvc_technical_impact = 'total' AS total"
        f" FROM read_csv('{path}') ORDER BY cve"
    )
    known = features(ask, datetime.fromisoformat(T0), universe.select(["weakness"]))
    found: dict[str, Any] = measure.fixed_set(universe, known, model)
    return found


def _self_test(found: learning.Rows) -> None:
    """Our fitting agrees with scikit-learn's where no direction is demanded."""
    from sklearn.linear_model import LogisticRegression

    use = found.sampled | ~np.isnat(found.added)
    x = found.x[use][:60_000].astype(np.float64)
    y = (~np.isnat(found.added[use][:60_000])).astype(np.float64)
    free = np.zeros(x.shape[1], dtype=np.int64)
    ours = fit.fit(x, y, np.ones(len(y)), free, learning.RIDGE)
    z = np.nan_to_num((x - ours.centres) / ours.scales, nan=0.0)
    theirs = LogisticRegression(C=1 / learning.RIDGE, max_iter=2000, tol=1e-8).fit(z, y)
    mine, other = fit.log_odds(ours, x)[0], theirs.decision_function(z)
    worst = float(np.abs(fit.chance(mine) - fit.chance(other)).max())
    if worst > 1e-4:
        raise SystemExit(f"our fit differs from scikit-learn's by {worst}")
    print(f"self-test: our fit and scikit-learn's differ by at most {worst:.1e}", file=sys.stderr)


def _write(out: Path, models: list[prediction.Model], figures: dict[str, Any]) -> None:
    fits = [
        {
            "version": one.version,
            "trained_through": one.trained_through.date().isoformat(),
            **{name: _short(getattr(one.fit, name)) for name in ("centres", "scales", "weights")},
            "intercept": round(one.fit.intercept, 9),
            **{name: _short(getattr(one, name)) for name in ("shares", "own", "joined")},
        }
        for one in models
    ]
    content = {"features": list(prediction.NAMES), "fits": fits}
    (out / "model.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    learned = prediction.load(out / "model.json")
    assert [one.version for one in learned] == [one.version for one in models]


def _short(values: Any) -> list[float]:
    return [round(float(one), 9) for one in values]


if __name__ == "__main__":
    main()
