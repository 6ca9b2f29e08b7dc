"""Writes a demo company, or one large report for measurements: `python -m foreshore.estate --help`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from foreshore.errors import ForeshoreError
from foreshore.estate import write_bulk, write_demo
from foreshore.estate.bulk import FORMATS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m foreshore.estate",
        description="Write a made-up company with known truth, or one large report.",
        epilog="example: python -m foreshore.estate large.nessus --format nessus --findings 100000",
    )
    parser.add_argument("path", type=Path, help="folder of the company, or file of the large report")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes another company (default 7)")
    parser.add_argument("--today", type=date.fromisoformat, help="the day up to which scans are dated")
    parser.add_argument("--assets", type=int, default=400, help="about how many assets (default 400)")
    parser.add_argument("--findings", type=int, help="write one large report with so many findings")
    parser.add_argument("--format", choices=FORMATS, default="nessus", help="of the large report")
    parser.add_argument("--hosts", type=int, help="of the large report (default: one for each 50 findings)")
    chosen = parser.parse_args(arguments)
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
