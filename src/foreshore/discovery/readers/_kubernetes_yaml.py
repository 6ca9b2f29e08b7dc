"""YAML of Kubernetes without its traps: no tags that make objects, no nesting without end, no aliases that explode."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from foreshore import facts
from foreshore.discovery import reports
from foreshore.errors import BadReport

if TYPE_CHECKING:
    import yaml

MOST_BYTES = 24 << 20  # a loaded value takes about twenty times the room of its text
MOST_DEPTH = 60
MOST_NODES = 3_000_000  # after every alias is written out
_KINDS = ("bool", "float", "int", "null", "merge")
_AS_JSON = "export it as JSON: kubectl get … -o json"


def documents(report: facts.Report) -> Iterator[Any]:
    """Yield every document of a YAML file; raises BadReport where it is broken, too big or a bomb."""
    import yaml

    data = report.read()
    if len(data) > MOST_BYTES:
        raise BadReport(
            f"has {len(data):,} bytes of YAML, more than the {MOST_BYTES:,} that are read",
            where=report.name,
            hint=_AS_JSON,
        )
    text = reports.decode(data).lstrip("\ufeff")
    try:
        _count(report, yaml.parse(text, Loader=_loader()))
        yield from yaml.load_all(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise _broken(report, error) from error
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        raise BadReport("holds a value that YAML does not allow", where=report.name, hint=_AS_JSON) from error


@cache
def _loader() -> Any:
    """A safe loader that leaves dates and base-60 numbers as the text that they are."""
    import yaml

    parent: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(parent):  # type: ignore[misc]
        """The safe loader with the types of JSON only."""

    wanted = {f"tag:yaml.org,2002:{kind}" for kind in _KINDS}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag in wanted]
        for first, found in parent.yaml_implicit_resolvers.items()
    }
    return Loader


def _count(report: facts.Report, events: Iterator[yaml.Event]) -> None:
    """Add up the nodes as if every alias were written out; raises BadReport where they are too many or too deep."""
    import yaml

    counted = _Counted()
    for event in events:
        wrong = ""
        if isinstance(event, yaml.DocumentStartEvent):
            counted.sizes.clear()
        elif isinstance(event, yaml.AliasEvent):
            wrong = counted.alias(event.anchor or "")
        elif isinstance(event, yaml.ScalarEvent):
            wrong = counted.scalar(event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            wrong = counted.opened(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            counted.closed()
        if wrong:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            raise BadReport(wrong, where=f"{report.name}, line {line}", hint=_AS_JSON)


class _Counted:
    """Nodes so far, the sizes of what has an anchor, and the collections that are open."""

    def __init__(self) -> None:
        self.total = 0
        self.sizes: dict[str, int] = {}
        self.above: list[tuple[str | None, int]] = []  # anchor and count at the start

    def alias(self, anchor: str) -> str:
        """Count what an alias stands for."""
        if any(held == anchor for held, _ in self.above):
            return "an alias stands inside of what it means"
        self.total += self.sizes.get(anchor, 1)
        return self.wrong()

    def scalar(self, anchor: str | None) -> str:
        """Count one value."""
        self.total += 1
        if anchor:
            self.sizes[anchor] = 1
        return self.wrong()

    def opened(self, anchor: str | None) -> str:
        """Count a mapping or list, which is open from here."""
        self.total += 1
        self.above.append((anchor, self.total))
        return self.wrong()

    def closed(self) -> None:
        """Note the size of the mapping or list that ends here."""
        anchor, before = self.above.pop()
        if anchor:
            self.sizes[anchor] = self.total - before + 1

    def wrong(self) -> str:
        """What is too much, in words; '' where nothing is."""
        if len(self.above) > MOST_DEPTH:
            return f"values are nested more than {MOST_DEPTH} deep"
        return f"aliases and values amount to more than {MOST_NODES:,}" if self.total > MOST_NODES else ""


def _broken(report: facts.Report, error: yaml.YAMLError) -> BadReport:
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or "it cannot be parsed").split())
    return BadReport(
        f"is not valid YAML: {problem[:120]}",
        where=f"{report.name}, line {mark.line + 1}" if mark is not None else report.name,
        hint="render templates first (helm template, kustomize build), or export as JSON with kubectl",
    )
