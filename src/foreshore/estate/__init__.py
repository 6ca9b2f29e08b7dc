"""The generator of made-up companies: known truth, written as real tools write it."""

from __future__ import annotations

from foreshore.estate.bulk import write_bulk
from foreshore.estate.company import make
from foreshore.estate.demo import DemoFiles, ReportFile, write_demo
from foreshore.estate.model import Company
from foreshore.estate.network import scope_yaml

__all__ = ["Company", "DemoFiles", "ReportFile", "make", "scope_yaml", "write_bulk", "write_demo"]
