"""Rules into steps at full size: a million assets with twenty million exposures and over four million ties.

The tables are those that a snapshot gives to the compiler, made in memory by the shares of `estate.proportions`;
importing so much is measured elsewhere. The clock runs over the compiler alone, the peak is of the whole process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import clock
from foreshore.estate import proportions

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore import facts
    from foreshore.prioritization.compile import Chances
    from foreshore.prioritization.context import Context

PER_ASSET = 20  # exposures
_WEAKNESSES = 60_000
_RULES = 5_000  # names of checks
Ints = NDArray[np.int64]


def compiling(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Compile `size` assets with twenty exposures each; how many steps come out, and how many of each large rule."""
    from foreshore import policy
    from foreshore.prioritization.compile import graph_of

    rules = policy.load(None)
    scope = scope_of(size)
    given = context(size, size * PER_ASSET, scope)
    chances = chances_of(given)
    with clock() as spent:
        found = graph_of(given, chances, scope, rules)
    numbers = np.bincount(found.steps.columns["rule"], minlength=len(found.steps.rules))
    most = {found.steps.rules[one]: int(numbers[one]) for one in np.argsort(-numbers)[:12]}
    return {
        "assets": size, "exposures": given.exposures.num_rows, "ties": given.ties.num_rows, "steps": len(found.steps),
        "states": found.states.total, **spent, "of_rules": most,
    }  # fmt: skip


def scope_of(assets: int) -> facts.Scope:
    """Return sites with a zone of each kind, one service in each, and two foundations."""
    from foreshore import facts

    names = proportions.sites(assets)
    zones = tuple(facts.Zone(f"{site} {zone}", site) for site in names for zone in proportions.ZONES)
    services = tuple(facts.Service(name=f"Service of {site}", tier=3 + number % 3) for number, site in enumerate(names))
    base = (facts.Service(name="Directory", foundation=True), facts.Service(name="Backup", foundation=True))
    return facts.Scope(
        organization="Example", sites=tuple(map(facts.Site, names)), zones=zones, services=(*services, *base)
    )


def context(assets: int, exposures: int, scope: facts.Scope) -> Context:
    """Return the tables of a snapshot, all drawn from one seed."""
    import pyarrow as pa

    from foreshore.prioritization.context import Context

    rng = np.random.default_rng(7)
    parts = proportions.counts(assets)
    starts = dict(zip(parts, np.cumsum([0, *parts.values()])[:-1].tolist(), strict=True))
    key = np.sort(rng.choice(1 << 40, assets, replace=False)).astype(np.int64) << 20
    table = _assets(rng, parts, key, scope)
    machines = np.concatenate([np.arange(starts[one], starts[one] + parts[one]) for one in proportions.MACHINES])
    attributes = _attributes(parts, starts, key)
    nothing = pa.schema([("asset", pa.int64()), ("site", pa.string()), ("name", pa.string())]).empty_table()
    return Context(
        assets=table, exposures=_exposures(rng, key[machines], exposures), ports=_ports(rng, key[machines], scope),
        rules=_rules(scope), ties=_ties(rng, parts, starts, key), members=_members(rng, key[machines], scope),
        owners=pa.table({"asset": pa.array([], pa.int64()), "team": pa.array([], pa.string())}),
        services=scope.services, groups=nothing, attributes=attributes,
        controls=_controls(rng, key[machines]), udp=frozenset({161}),
    )  # fmt: skip


def chances_of(given: Context) -> Chances:
    """Return the chances of the exposures as likelihood would: one draw in the year for each weakness."""
    import pyarrow as pa

    from foreshore.prioritization import chances
    from foreshore.prioritization.likelihood import SCHEMA

    count = given.exposures.num_rows
    rng = np.random.default_rng(11)
    usable = np.round(rng.uniform(0.001, 0.9, 40), 3)
    which = rng.integers(0, 40, _WEAKNESSES)[_number_of(given.exposures)]
    made: dict[str, Any] = {
        "way_in": _texts(rng, ("network", "user", "local", "library", "identity", "configuration"),
                         (0.24, 0.24, 0.28, 0.18, 0.02, 0.04), count),
        "gives": _texts(rng, ("none", "user", "admin", "identity", "data"), (0.25, 0.5, 0.2, 0.02, 0.03), count),
        "usable": pa.array(usable[which]), "truth": pa.array(np.ones(count)),
        "usable_param": pa.array(np.full(count, "likelihood.usable.kev")),
        "success_param": _texts(rng, ("likelihood.success.complexity_low", "likelihood.success.unknown"), (0.6, 0.4), count),
        "success": pa.array(rng.choice([0.2, 0.5, 0.8], count)),
    }  # fmt: skip
    names = [name for name, _ in SCHEMA] if isinstance(SCHEMA, list) else SCHEMA.names
    return chances.chances_of(given, pa.table({name: made[name] for name in names if name in made}))


def _number_of(exposures: pa.Table) -> Ints:
    import pyarrow.compute as pc

    return np.asarray(pc.utf8_slice_codeunits(exposures.column("weakness"), 9).cast("int64"), np.int64)


def _texts(rng: np.random.Generator, words: tuple[str, ...], share: tuple[float, ...], count: int) -> pa.Array:
    import pyarrow as pa

    return pa.array(words).take(pa.array(rng.choice(len(words), count, p=share)))


def _assets(rng: np.random.Generator, parts: dict[str, int], key: Ints, scope: facts.Scope) -> pa.Table:
    import pyarrow as pa

    count = len(key)
    part = np.repeat(np.array(list(parts)), list(parts.values()))
    kinds = {"user": "identity", "group": "identity", "role": "identity", "store": "data_store", "container": "image"}
    on_network = np.isin(part, ("workstation", "server", "instance"))
    number = rng.integers(0, len(scope.zones), count)
    addresses = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], np.cumsum(on_network)]), pa.int32()),
        pa.array([f"10.{one >> 16 & 255}.{one >> 8 & 255}.{one & 255}" for one in range(int(on_network.sum()))]),
    )
    names = pa.array([f"n{one:07d}.example.test" for one in range(count)])
    systems = {"workstation": "Windows 11", "server": "Ubuntu 22.04", "instance": "Amazon Linux 2023"}
    zones = pa.array([one.name for one in scope.zones] + [""]).take(
        pa.array(np.where(on_network, number, len(scope.zones)))
    )
    empty = pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string()))
    return pa.table({
        "asset": pa.array(key), "name": names, "kind": pa.array([kinds.get(one, "host") for one in part]),
        "site": pa.array([one.site for one in scope.zones]).take(pa.array(number)),
        "os": pa.array([systems.get(one, "") for one in part]),
        "internet": _texts(rng, ("unknown", "no", "yes"), (0.9, 0.07, 0.03), count), "tags": empty,
        "addresses": addresses, "zone": zones,
        "names": pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32)), names),
    })  # fmt: skip


def _exposures(rng: np.random.Generator, machines: Ints, count: int) -> pa.Table:
    import pyarrow as pa

    ports = (445, 443, 80, 22, 3389, 8080, 8443, 1433, 3306, 5432, 5985, 161)
    given = rng.random(count) < 0.3
    numbers = pa.array(rng.choice(ports, int(given.sum())).astype(np.int32))
    weakness = np.sort((_WEAKNESSES * rng.random(_WEAKNESSES) ** 3).astype(np.int64))  # a few are nearly everywhere
    return pa.table({
        "exposure": pa.array(np.arange(count, dtype=np.int64) * 461 + 17),
        "asset": pa.array(rng.choice(machines, count)),
        "weakness": pa.array([f"CVE-2024-{one}" for one in range(_WEAKNESSES)]).take(
            pa.array(weakness[rng.integers(0, _WEAKNESSES, count)])),
        "rule": pa.array([f"check-{one:05d}" for one in range(_RULES)]).take(pa.array(rng.integers(0, _RULES, count))),
        "ports": pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(given)]), pa.int32()), numbers),
    })  # fmt: skip


def _ports(rng: np.random.Generator, machines: Ints, scope: facts.Scope) -> pa.Table:
    """Four ports of each machine, one in ten of them seen from the internet or from a zone."""
    import pyarrow as pa

    count = 4 * len(machines)
    asset = np.repeat(machines, 4)
    places = ("", "internet", scope.zones[0].name, scope.zones[-1].name)
    return pa.table({
        "asset": pa.array(asset), "port": pa.array(np.tile(np.array([22, 443, 445, 3389], np.int32), len(machines))),
        "protocol": pa.array(np.full(count, "tcp")), "vantage": _texts(rng, places, (0.9, 0.06, 0.02, 0.02), count),
        "state": _texts(rng, ("open", "closed"), (0.7, 0.3), count),
        "observed_at": pa.nulls(count, pa.timestamp("us")), "service": pa.array(np.full(count, "")), "source": pa.array(np.full(count, "scanner")),
    })  # fmt: skip


def _rules(scope: facts.Scope) -> pa.Table:
    """The firewall of each site: what the zones of a site may reach in each other, and two networks."""
    import pyarrow as pa

    rows = []
    for zone in scope.zones:
        kind = zone.name.rpartition(" ")[2]
        ends = [("zone", f"{zone.site} office"), ("zone", f"{zone.site} servers"), ("zone", f"{zone.site} management")]
        ends += [("any", "")] if kind == "dmz" else []
        ports = ",".join(map(str, proportions.ZONES[kind]))
        rows += [{"site": zone.site, "source_kind": how, "source": who, "target_kind": "zone", "target": zone.name,
                  "ports": ports, "protocol": "tcp", "allowed": True} for how, who in ends]  # fmt: skip
    for number, site in enumerate(scope.sites):
        rows.append({"site": site.name, "source_kind": "any", "source": "", "target_kind": "network",
                     "target": f"10.{number}.0.0/20", "ports": "22", "protocol": "tcp", "allowed": False})  # fmt: skip
    rows = [{**row, "position": place, "note": "", "told_by": "firewall", "closes": True, "observed_at": None}
            for place, row in enumerate(sorted(rows, key=lambda one: str(one["site"])))]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _ties(rng: np.random.Generator, parts: dict[str, int], starts: dict[str, int], key: Ints) -> pa.Table:
    import pyarrow as pa

    tables = []
    for one in proportions.TIES:
        count = int(parts[one.source] * one.each)
        ends = [key[starts[part] + rng.integers(0, parts[part], count)] for part in (one.source, one.target)]
        words = {name: pa.array([word]).take(pa.array(np.zeros(count, np.int64))) for name, word in (
            ("kind", one.kind), ("note", one.note))}  # fmt: skip
        tables.append(pa.table({"kind": words["kind"], "source": ends[0], "target": ends[1], "note": words["note"]}))
    return pa.concat_tables(tables)


def _members(rng: np.random.Generator, machines: Ints, scope: facts.Scope) -> pa.Table:
    import pyarrow as pa

    count = len(machines) // 3
    return pa.table({
        "number": pa.array(rng.integers(0, len(scope.services), count)), "asset": pa.array(rng.choice(machines, count)),
    })  # fmt: skip


def _attributes(parts: dict[str, int], starts: dict[str, int], key: Ints) -> pa.Table:
    """What kind of directory object each is, and the account of each cloud identity."""
    import pyarrow as pa

    said = {"user": "user", "group": "group", "workstation": "computer", "server": "computer"}
    tables = [
        pa.table({
            "asset": pa.array(key[starts[part] : starts[part] + parts[part]]),
            "name": pa.array(["directory_kind"] * parts[part]), "value": pa.array([word] * parts[part]),
        })
        for part, word in said.items()
    ]  # fmt: skip
    roles = key[starts["role"] : starts["role"] + parts["role"]]
    accounts = [f"{111100000000 + number % 50}" for number in range(len(roles))]
    more = pa.table({"asset": pa.array(roles), "name": pa.array(["account"] * len(roles)), "value": pa.array(accounts)})
    return pa.concat_tables([*tables, more])


def _controls(rng: np.random.Generator, machines: Ints) -> pa.Table:
    import pyarrow as pa

    count = len(machines)
    return pa.table({
        "asset": pa.array(machines), "kind": _texts(rng, ("edr", "mfa"), (0.9, 0.1), count),
        "state": _texts(rng, ("on", "off", "unknown"), (0.7, 0.1, 0.2), count),
    })  # fmt: skip
