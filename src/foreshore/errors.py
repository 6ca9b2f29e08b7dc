"""The one exception tree: every error says what happened, where, and what to try."""

from __future__ import annotations


class ForeshoreError(Exception):
    """Something went wrong that a person can act on.

    `what` is one sentence, `where` names the file, line or setting, `hint` says what to try next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """All three parts on one line, as it is shown to people."""
        place = f"{self.where}: " if self.where else ""
        advice = f" Try: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{advice}"


class UsageError(ForeshoreError):
    """The command or call itself was wrong (exit code 2)."""

    exit_code = 2


class NothingToRead(ForeshoreError):
    """There was nothing to read where something was expected (exit code 3)."""

    exit_code = 3


class PolicyStop(ForeshoreError):
    """The policy says stop, for example `--fail-on` (exit code 10)."""

    exit_code = 10


class BadReport(ForeshoreError):
    """A report cannot be read: unknown, empty, truncated, hostile or wrongly encoded."""

    def sentence(self) -> str:
        """One line of printable characters, whatever the report's own words in it were."""
        shown = "".join(letter if letter.isprintable() else " " for letter in super().sentence())
        return " ".join(shown.split())


class BadScope(ForeshoreError):
    """`scope.yaml` is not valid; `where` names file and line."""


class BadPolicy(ForeshoreError):
    """A policy file is not valid; `where` names file and entry."""


class BadFeed(ForeshoreError):
    """A threat-intelligence feed cannot be read."""


class WorkspaceError(ForeshoreError):
    """The workspace is missing, locked, damaged or of another version."""


class Conflict(ForeshoreError):
    """What a job read has changed since; the job has to redo its part."""


class Refused(ForeshoreError):
    """The guard refused an action that is outside the authorised scope."""
