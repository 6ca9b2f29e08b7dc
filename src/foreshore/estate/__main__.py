"""Writes a demo company, or one large report for measurements: `python -m foreshore.estate --help`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from foreshore.errors import ForeshoreError
from foreshore.estate import write_bulk, write_demo
from foreshore.estate.bulk import FORMATS
from foreshore.estate.enterprise import write_enterprise


def _enterprise(arguments: list[str]) -> int:
    """Write a large organisation; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m foreshore.estate enterprise",
        description="Write a large organisation with planted ways of attackers (truth.json says which).",
        epilog="example: python -m foreshore.estate enterprise large --assets 100000 --seed 7",
    )
    parser.add_argument("path", type=Path, help="folder")
    parser.add_argument("--assets", type=int, default=10_000, help="about how many assets (default 10000)")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes another organisation (default 7)")
    parser.add_argument("--findings", type=int, default=4, help="on each machine (default 4)")
    chosen = parser.parse_args(arguments)
    try:
        made = write_enterprise(chosen.path, chosen.assets, chosen.seed, chosen.findings)
    except ForeshoreError as error:
        print(error.sentence(), file=sys.stderr)
        return error.exit_code
    whole = sum(1 for one in made.ways if not one.missing)
    print(f"{made.assets} assets, {made.findings} findings, {len(made.reports)} sites in {made.root}")
    print(f"{whole} planted ways, {len(made.ways) - whole} with a fact left out: {made.root / 'truth.json'}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["enterprise"]:
        return _enterprise(given[1:])
    parser = argparse.ArgumentParser(
        prog="python -m foreshore.estate",
        description="Write a made-up company with known truth, or one large report.",
        epilog="`python -m foreshore.estate enterprise --help` for a large organisation; "
        "example: python -m foreshore.estate large.nessus --format nessus --findings 100000",
    )
    parser.add_argument("path", type=Path, help="folder of the company, or file of the large report")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes another company (default 7)")
    parser.add_argument("--today", type=date.fromisoformat, help="the day up to which scans are dated")
    parser.add_argument("--assets", type=int, default=400, help="about how many assets (default 400)")
    parser.add_argument("--findings", type=int, help="write one large report with so many findings")
    parser.add_argument("--format", choices=FORMATS, default="nessus", help="of the large report")
    parser.add_argument("--hosts", type=int, help="of the large report (default: one for each 50 findings)")
    chosen = parser.parse_args(given)
    try:
        if chosen.findings is None:
            files = write_demo(chosen.path, chosen.seed, today=chosen.today, assets=chosen.assets)
            print(f"{files.company.assets} assets, {len(files.reports)} reports in {files.root}")
        else:
            large = write_bulk(chosen.path, chosen.format, chosen.findings, chosen.seed, chosen.hosts)
            print(
                f"{large.findings} findings on {large.hosts} hosts, {large.weaknesses} weaknesses, "
                f"{large.fan_out:.2f} a finding, {large.size} bytes in {large.files} files"
            )
    except ForeshoreError as error:
        print(error.sentence(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
