"""The made-up company of `tests.company`, for the tests of the command line."""

from tests.company import cli, company, copy, make

__all__ = ["cli", "company", "copy", "make"]
