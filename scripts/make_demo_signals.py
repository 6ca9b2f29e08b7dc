"""Make the demo's table of signals: `make_demo_signals.py INTEL_FOLDER`.

INTEL_FOLDER holds mirrors of the feeds (KEV, EPSS, CVE 5, exploit indexes) and `nvd-1.1-index.tsv.gz`.
Kept are the CVEs that the made-up company can have; every row keeps its source and date. Sources and
licences stand in `src/foreshore/estate/SOURCES.md`.
"""

from __future__ import annotations

import csv
import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foreshore import plugins
from foreshore.intel.body import bodies
from foreshore.intel.rows import SCHEMA, moment

ESTATE = Path(__file__).resolve().parents[1] / "src" / "foreshore" / "estate"
FILES = (
    "kev/known_exploited_vulnerabilities.json",
    "kev/kev_timeline.csv",
    "epss/epss_scores-2025-08-17.csv.gz",
    "cve/vulnrichment-2024-10-24.trimmed.jsonl.gz",
    "exploits/exploitdb_cve_map_2022-11.csv",
    "exploits/metasploit_cve_timeline.csv",
    "exploits/poc_index.csv.gz",
)
NVD_INDEX = "cve/nvd-1.1-index.tsv.gz"
LONGEST = 300


def wanted() -> frozenset[str]:
    """Return the CVEs that the made-up company's catalogue names."""
    files = (path for path in ESTATE.iterdir() if path.suffix in (".csv", ".py") and path.name != "signals.csv")
    return frozenset(name for path in files for name in re.findall(r"CVE-\d{4}-\d{4,7}", path.read_text("utf-8")))


def read(folder: Path, names: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the signals of `names` from all mirrors below `folder`."""
    feeds = plugins.load("foreshore.intel.feeds")
    for file in FILES:
        for body in bodies(folder / file):
            feed = next(one for one in feeds.values() if one.sniff(body.head))
            for table in feed.parse(body, names):
                yield from table.to_pylist()
    yield from scores(folder / NVD_INDEX, names)


def scores(path: Path, names: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield CVSS, CWE and publication dates from the index of NVD 1.1 feeds."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            if line["cve"] not in names:
                continue
            when, published = moment(line["lastModified"]), moment(line["published"])
            rows: list[tuple[Any, ...]] = [
                ("published", None, published.date().isoformat() if published else "", "", published)
            ]
            if line["cvss3_vector"]:
                version = line["cvss3_vector"].split("/")[0].removeprefix("CVSS:")
                rows.append(("cvss", float(line["cvss3"]), line["cvss3_vector"], version, when))
            if number := re.search(r"\d+", line["cwe"]):
                rows.append(("cwe", None, number[0], "", when))
            for kind, value, text, model, day in rows:
                yield {"weakness": line["cve"], "kind": kind, "value": value, "text": text, "source": "nvd",
                       "model": model, "observed_at": day}  # fmt: skip


def kept(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows without doubles; of exploits only the first of each source and CVE."""
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: str(one["observed_at"])):
        marker = row["observed_at"] if row["weakness"] == "*" else ""
        point = (
            row["weakness"],
            row["kind"],
            row["source"],
            row["model"] if row["kind"] == "cvss" else "",
            marker,
        )
        first.setdefault(point, row | {"text": row["text"][:LONGEST]})
    return sorted(
        first.values(), key=lambda one: (one["weakness"], one["kind"], one["source"], str(one["observed_at"]))
    )


def main(arguments: list[str]) -> None:
    """Write `estate/signals.csv` from the folder named on the command line."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    names = wanted()
    rows = kept(read(Path(arguments[0]), names))
    with (ESTATE / "signals.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, SCHEMA.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"observed_at": row["observed_at"].isoformat()} for row in rows if row["observed_at"])
    known = {row["weakness"] for row in rows} - {"*"}
    print(f"{len(rows)} signals of {len(known)} weaknesses; nothing known of: {sorted(names - known)}")


if __name__ == "__main__":
    main(sys.argv[1:])
