"""Make the policy's decision tables from CERT/CC's CSV files: `make_policy_tables.py SOURCE_FOLDER`.

The sources carry a row number and versions in their headings; ours have short column names and no
numbers, so that a team can read and change them. Outcomes stay word for word.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src" / "foreshore" / "policy"
TABLES = {
    "ssvc_deployer.csv": (
        "deployer_patch_application_priority_1_0_0.csv",
        ("exploitation", "exposure", "automatable", "human_impact", "outcome"),
    ),
    "ssvc_human_impact.csv": ("human_impact_1_0_0.csv", ("safety", "mission", "human_impact")),
    "cisa_coordinator.csv": (
        "cisa_coordinator_2_0_3.csv",
        ("exploitation", "automatable", "technical_impact", "mission_and_wellbeing", "outcome"),
    ),
    "bod_26_04.csv": (
        "cisa_bod_26_04_1_0_0.csv",
        ("in_kev", "publicly_exposed", "automatable", "technical_impact", "outcome"),
    ),
}


def convert(source: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """Return heading and rows of `source` without its row numbers, under our column names."""
    with source.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))
    if len(rows[0]) != len(columns) + 1:
        raise SystemExit(f"{source}: {len(columns) + 1} columns expected, found {len(rows[0])}")
    return [list(columns), *(row[1:] for row in rows[1:])]


def main(arguments: list[str]) -> None:
    """Write the four tables from the folder named on the command line."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    for name, (source, columns) in TABLES.items():
        with (TARGET / name).open("w", encoding="utf-8", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows(convert(Path(arguments[0]) / source, columns))


if __name__ == "__main__":
    main(sys.argv[1:])
