"""Actions: exposures put together by the one fix that closes them, for one team, through one channel.

| kind | what is done | put together by |
|---|---|---|
| patch | a named update or a newer version | update or component |
| reboot | a machine is started again: the fix is installed, what runs is older | asset |
| rebuild | an image is built again with newer packages | image |
| configure | a setting is corrected | check |
| rotate | a secret is replaced and revoked | asset and check |
| code | code is changed | repository and check |
| replace | something out of support is replaced | product |
| mitigate | no fix is known: cut the way to it | weakness |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from foreshore import facts, keys
from foreshore.mobilization import versions

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

UNOWNED = "nobody yet"

_ROWS = """
with said as (
    select a.exposure, f.component, f.component_name, f.version, f.fixed_version, f.fix, f.rule, f.source,
        f.check_id, coalesce(c.solution, '') <> '' as solution,
        row_number() over (partition by a.exposure
            order by (f.fixed_version <> '') desc, (f.fix <> '') desc, f.observed_at desc, f.finding) as n
    from assessed a
    join (select coalesce(x.canonical, fe.exposure) as exposure, fe.finding from finding_exposures fe
          left join exposure_now x on x.exposure = fe.exposure) fe on fe.exposure = a.exposure
    join findings f on f.finding = fe.finding
    left join checks c on c.check_id = f.check_id
), known as (
    select a.exposure, a.asset, a.asset_name, a.weakness, a.kind, a.title, a.place_kind, a.place, a.owner,
        a.treatment, a.contribution, a.low, a.high, a.due, a.due_rule, a.leads_to, a.rank, a.state,
        k.kind as asset_kind, s.* exclude (exposure, n),
        coalesce(nullif(s.component, ''), nullif(s.component_name, ''), a.title) as product
    from assessed a left join said s on s.exposure = a.exposure and s.n = 1
    left join assets k on k.asset = a.asset
    where coalesce(a.disposition, '') not in ('false_positive', 'not_applicable', 'duplicate', 'not_ours')
        and a.treatment is distinct from 'accepted'
), sorted as (
    select *, case
            when state = 'reboot_pending' then 'reboot' when kind = 'secret' then 'rotate' when kind = 'code' then 'code'
            when kind in ('misconfiguration', 'identity') then 'configure'
            when asset_kind = 'image' then 'rebuild' when kind = 'end_of_life' then 'replace'
            when fix <> '' or (component <> '' and (fixed_version <> '' or solution)) then 'patch'
            when solution then 'configure' else 'mitigate' end as action_kind,
        coalesce(nullif(owner, ''), $nobody) as team
    from known
), named as (
    select * exclude (solution), case action_kind
            when 'reboot' then asset::VARCHAR when 'rotate' then asset::VARCHAR when 'code' then asset::VARCHAR when 'rebuild' then asset::VARCHAR
            when 'configure' then coalesce(rule, 'None') when 'replace' then product
            when 'patch' then coalesce(nullif(fix, ''), product) else weakness end as what,
        case when action_kind in ('rotate', 'code') then coalesce(rule, 'None') else '' end as more
    from sorted
)
select *, min(rank) over (partition by action_kind, what, more, team) as first
from named order by first, rank
"""
_SOLUTIONS = "select check_id, solution from checks where solution <> '' order by check_id"


class Rows(Sequence[dict[str, Any]]):
    """Rows `start` to `end` of a table of exposures, read only when they are asked for; what most want is a column."""

    def __init__(self, table: pa.Table, start: int = 0, end: int | None = None) -> None:
        self._table, self._start = table, start
        self._end = table.num_rows if end is None else end

    def __len__(self) -> int:
        return self._end - self._start

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[dict[str, Any]]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        """Return one row, or a list of rows for a slice."""
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(at)
        return {name: self._table.column(name)[self._start + place].as_py() for name in self._table.column_names}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows in their order."""
        yield from self._table.slice(self._start, len(self)).to_pylist()

    @cached_property
    def first(self) -> dict[str, Any]:
        """The first row."""
        return self[0]

    def column(self, name: str) -> list[Any]:
        """Return one column's values."""
        return list(self._table.column(name).slice(self._start, len(self)).to_pylist())

    def numbers(self, name: str) -> NDArray[Any]:
        """Return one column's values as an array."""
        return np.asarray(self._table.column(name).slice(self._start, len(self)).to_numpy())


def _column(rows: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return rows.column(name) if isinstance(rows, Rows) else [row[name] for row in rows]


@dataclass
class Action:
    """One fix that a team can do; `exposures` are keys, `low` and `high` bound what it removes alone."""

    key: int
    kind: str
    title: str
    what: str
    team: str
    channel: str
    hours: float
    rows: Sequence[dict[str, Any]]
    removes: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def exposures(self) -> list[int]:
        """Keys of the exposures that it closes, in canonical order."""
        return _column(self.rows, "exposure")

    @property
    def closes(self) -> NDArray[np.int64]:
        """The same as an array."""
        own = self.rows.numbers("exposure") if isinstance(self.rows, Rows) else self.exposures
        return np.asarray(own, np.int64)

    @property
    def assets(self) -> int:
        """How many assets it touches."""
        return len(set(_column(self.rows, "asset")))

    @property
    def treatment(self) -> str:
        """The most urgent treatment among its exposures."""
        return str(min(set(_column(self.rows, "treatment")), key=facts.TREATMENTS.index))

    @property
    def due(self) -> tuple[date | None, str]:
        """The earliest deadline and the rule that sets it."""
        both = zip(_column(self.rows, "due"), _column(self.rows, "due_rule"), strict=True)
        dated = [(day, rule or "") for day, rule in both if day]
        return min(dated) if dated else (None, "")

    @property
    def services(self) -> list[str]:
        """Names of the services that its exposures lead to, most frequent first."""
        counted = Counter(name for names in _column(self.rows, "leads_to") for name in (names or []))
        return [name for name, _ in counted.most_common()]


def group(snapshot: facts.Snapshot, assessed: pa.Table) -> list[Action]:
    """Return the actions for all assessed exposures that no person dismissed, in canonical order."""
    table = _with_solutions(snapshot, snapshot.sql(_ROWS.replace("$nobody", f"'{UNOWNED}'"), assessed=assessed))
    table = table.combine_chunks()
    bounds = np.flatnonzero(np.diff(np.asarray(table.column("first"), np.int64), prepend=-1, append=-1))
    if not table.num_rows:
        return []
    hours = {kind: policy_hours(snapshot.policy, kind) for kind in _EFFORT}
    sums = _Sums.of(table, bounds)
    names = [table.column(name).take(bounds[:-1]).to_pylist() for name in ("action_kind", "what", "more", "team")]
    return [
        _action(tuple(map(str, name)), Rows(table, start, end), _Sum(*sum_), snapshot.policy, hours[name[0]])
        for name, (start, end), sum_ in zip(
            zip(*names, strict=True), pairwise(bounds.tolist()), sums.rows(), strict=True
        )
    ]


class _Sum(NamedTuple):
    """What one action is about in all: assets, names of assets, the exposure that removes most, and whether it has a date."""

    assets: int
    names: int
    removes: float
    low: float
    high: float
    wanted: bool


@dataclass(frozen=True)
class _Sums:
    """The same by action, as columns."""

    columns: tuple[NDArray[Any], ...]

    @staticmethod
    def of(table: pa.Table, bounds: NDArray[np.int64]) -> _Sums:
        """Sum up the rows between `bounds`, all actions at once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        count = len(bounds) - 1
        of = np.repeat(np.arange(count), np.diff(bounds))
        share = pc.fill_null(table.column("contribution"), 0.0).to_numpy()
        most = np.lexsort((-share, of))[bounds[:-1]]  # stable: the first of equals
        ends = [pc.fill_null(table.column(name), 0.0).to_numpy()[most] for name in ("low", "high")]
        urgent = np.asarray(pc.is_in(table.column("treatment"), value_set=pa.array(["act_now", "unknown"])), np.bool_)
        dated = np.asarray(pc.is_valid(table.column("due")), np.bool_)
        wanted = np.bincount(of, urgent | dated, count) > 0
        return _Sums((_distinct(of, table.column("asset"), count), _distinct(of, table.column("asset_name"), count),
                      share[most], *ends, wanted))  # fmt: skip

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the sums of one action after another."""
        return zip(*(column.tolist() for column in self.columns), strict=True)


def _distinct(of: NDArray[np.int64], column: pa.ChunkedArray, count: int) -> NDArray[np.int64]:
    """Count the different values of a column by action."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    values = np.asarray(coded.indices, np.int64)
    return np.bincount(
        np.unique(of * (len(coded.dictionary) + 1) + values) // (len(coded.dictionary) + 1), minlength=count
    )


def _with_solutions(snapshot: facts.Snapshot, rows: pa.Table) -> pa.Table:
    """Add the column `solution`, each text kept once however many rows have it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = snapshot.sql(_SOLUTIONS).combine_chunks()
    place = pc.index_in(rows.column("check_id"), value_set=known.column("check_id").combine_chunks()).combine_chunks()
    texts = known.column("solution").combine_chunks()
    return rows.append_column("solution", pa.DictionaryArray.from_arrays(place, texts))


def policy_hours(policy: Policy, kind: str) -> tuple[float, float]:
    """Return the hours that an action of `kind` takes: once, and for each asset."""
    hours = policy.numbers(f"effort.hours.{_EFFORT[kind]}")
    return hours["fixed"].value, hours["each"].value


def _action(name: tuple[str, ...], rows: Rows, sums: _Sum, policy: Policy, hours: tuple[float, float]) -> Action:
    kind, team = name[0], name[3]
    title, what = _WORDS[kind](rows, name, _where(rows, sums.names))
    return Action(
        key=keys.of("action", *name), kind=kind, title=title, what=what, team=team,
        channel=_channel(kind, rows, sums.wanted, policy), hours=hours[0] + hours[1] * sums.assets, rows=rows,
        removes=sums.removes, low=sums.low, high=sums.high,
    )  # fmt: skip


_EFFORT = {
    "patch": "patch", "reboot": "reboot", "rebuild": "rebuild", "configure": "configure", "rotate": "rotate", "code": "code",
    "replace": "replace", "mitigate": "segment",
}  # fmt: skip


def _channel(kind: str, rows: Rows, wanted: bool, policy: Policy) -> str:
    """Return "ticket" where anything is to be done now or by a date, else the routine that does it anyway."""
    if wanted or kind not in ("patch", "rebuild"):
        return "ticket"
    said = " ".join(str(rows.first[name] or "") for name in ("component", "component_name", "fix", "asset_kind"))
    for name in policy.names("effort.routine"):
        marks = policy.values(f"effort.routine.{name}.ecosystems")
        if any(mark in said.lower() for mark in marks):
            return "routine"
    return "ticket"


def _where(rows: Rows, names: int) -> str:
    return str(rows.first["asset_name"]) if names == 1 else f"{names} assets"


def ecosystem(component: str) -> str:
    """Return the package type of a package URL, '' for anything else."""
    return component[4:].split("/", 1)[0] if component.startswith("pkg:") else ""


def _target(rows: Rows) -> tuple[str, str]:
    """Return (versions now, version that is enough for all) of the rows' component."""
    kind = ecosystem(str(rows.first["component"] or ""))
    both = zip(rows.column("version"), rows.column("fixed_version"), strict=True)
    pairs = {(version or "", fixed or "") for version, fixed in both}
    wanted = [versions.enough(now, fixed, kind) for now, fixed in sorted(pairs)]
    now = sorted({version for version, _ in pairs if version})
    shown = ", ".join(now[:3]) + (" and others" if len(now) > 3 else "")
    return shown, versions.greatest(wanted, kind)


def _patch(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    product = _plain(rows.first["component_name"] or _short(name[1]))
    if rows.first["fix"] and name[1] == rows.first["fix"]:
        return f"Install {name[1]} on {where}", f"install {name[1]}"
    now, target = _target(rows)
    change = f"{product} {now} → {target}" if target and now else f"{product} → {target or 'the fixed version'}"
    to = f" to {target}" if target else ""
    return f"Update {product}{to} on {where}", change


def _plain(name: str) -> str:
    """Write a product as people do: without the marks of CPE names."""
    return name.replace("\\", "").replace("_", " ")


def _short(component: str) -> str:
    if component.startswith("pkg:"):
        return component.split("@")[0].split("?")[0].rsplit("/", 1)[-1]
    if component.startswith("cpe:"):
        return " ".join(component.split(":")[-2:]).replace("_", " ")
    return component


def _reboot(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    count = len(rows)
    waits = "a fix that is" if count == 1 else f"{count} fixes that are"
    return f"Restart {rows.first['asset_name']}", f"a restart puts into use {waits} installed already"


def _rebuild(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    products = list(dict.fromkeys(map(_short, dict.fromkeys(rows.column("product")))))
    few = ", ".join(products[:4]) + (f" and {len(products) - 4} more" if len(products) > 4 else "")
    return f"Rebuild image {rows.first['asset_name']}", f"newer packages: {few}"


def _configure(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    return f"Correct “{rows.first['title']}” on {where}", rows.first["title"]


def _rotate(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    return (
        f"Replace and revoke the secret in {rows.first['asset_name']}",
        f"{rows.first['title']} ({rows.first['place']})",
    )


def _code(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    return f"Change the code of {rows.first['asset_name']}: {rows.first['title']}", rows.first["title"]


def _replace(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    product = _short(name[1])
    return (
        f"Replace {product}, which is out of support, on {where}",
        f"{product} → a supported version",
    )


def _mitigate(rows: Rows, name: tuple[str, ...], where: str) -> tuple[str, str]:
    return (
        f"Shield {where} from {name[1]}: no fix is known",
        "cut the way to it, or switch the feature off",
    )


_WORDS = {
    "patch": _patch, "reboot": _reboot, "rebuild": _rebuild, "configure": _configure, "rotate": _rotate, "code": _code,
    "replace": _replace, "mitigate": _mitigate,
}  # fmt: skip
