"""From facts to an attack graph: one function for each family of rules, each a join over arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore import keys
from foreshore.prioritization import matching, reach, ruled
from foreshore.prioritization.networks import Network
from foreshore.prioritization.places import Place
from foreshore.prioritization.sightlines import PORTS
from foreshore.prioritization.states import Ints, States
from foreshore.prioritization.steps import Builder, Floats, Shared, Steps, key_of

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore import facts
    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context

WAYS = ("network", "user", "local", "library", "identity", "configuration")
TESTED = "test from that place"  # how context.ports calls what a test of reach found
GIVES = ("none", "user", "admin", "identity", "data")


@dataclass(frozen=True)
class Chances:
    """What likelihood says of each exposure (rows) and each distinct weakness.

    `way` and `gives` index WAYS and GIVES; `success` is the chance in position with a working exploit;
    `weakness` is the row of `usable`, the chance that an attacker of the year has one. Parameters
    are names of policy numbers; `success_param` indexes `success_names`.
    """

    way: Ints
    gives: Ints
    success: Floats
    success_param: Ints
    success_names: tuple[str, ...]
    weakness: Ints
    weakness_names: tuple[str, ...]
    usable: Floats
    usable_param: tuple[str, ...]


@dataclass(frozen=True)
class Compiled:
    """The graph of a snapshot, with what is needed to run and to explain it.

    `position` is, by exposure, the states from any of which its weakness can be used (pairs in
    `position_row`, `position_state`); `ruled` says where each rule of the rulebook applies.
    """

    states: States
    steps: Steps
    reach: reach.Reach
    position_row: Ints
    position_state: Ints
    ruled: ruled.Ruled


@dataclass(frozen=True)
class _Parts:
    """What the rule families share."""

    context: Context
    chances: Chances
    policy: Policy
    builder: Builder
    reach: reach.Reach
    asset_key: Ints
    exposure_key: Ints
    exposure_asset: Ints
    place_key: Ints
    row: Ints  # exposures reached over the network, one row for each port
    row_port: Ints
    row_endpoint: Ints
    login: tuple[Ints, Ints, Ints]  # asset, port, endpoint of remote management
    ruled: ruled.Ruled
    ruled_endpoint: Ints  # those that rules ask for, in their order
    tie_key: Ints
    desks: Ints  # rows of assets that people sit at


def graph_of(context: Context, chances: Chances, scope: facts.Scope, policy: Policy) -> Compiled:
    """Compile the steps of `context`; exposures and assets are named by their row."""
    net = reach.network(context, scope)
    asset_ids = _ids(context.assets, "asset")
    exposure_asset = np.searchsorted(asset_ids, _ids(context.exposures, "asset")).astype(np.int64)
    row, port = _network_rows(context, chances)
    login_asset, login_port = _login_ports(context, policy)
    rules = ruled.prepared(matching.match(context, policy.rulebook), _looked_at(context, net), _shut(context))
    assets = np.concatenate([exposure_asset[row], login_asset, rules.wanted[0]])
    answers, endpoint = reach.answered(net, assets, np.concatenate([port, login_port, rules.wanted[1]]), scope, policy)
    states = States(
        places=len(net.places), endpoints=len(answers.endpoint_of), assets=len(asset_ids),
        sites=len(_sites(net.places)), services=len(context.services), gates=rules.gates,
    )  # fmt: skip
    parts = _Parts(
        context, chances, policy, Builder(policy, states), answers, asset_ids,
        _ids(context.exposures, "exposure"), exposure_asset,
        np.array([keys.of("place", place.site, place.name) for place in net.places], np.int64),
        row, port, endpoint[: len(row)],
        (login_asset, login_port, endpoint[len(row) : len(row) + len(login_asset)]),
        rules, endpoint[len(row) + len(login_asset) :], ruled.tie_keys(context.ties),
        workstations(context, policy),
    )  # fmt: skip
    for family in (_reach, _exploits, _foothold, _phishing, _credentials, _ruled, _harm):
        family(parts)
    steps = resisted(parts.builder.build(_shared(parts)), context, asset_ids, policy)
    rows, where = _positions(parts)
    return Compiled(states, steps, answers, rows, where, rules)


def resisted(steps: Steps, context: Context, asset_key: Ints, policy: Policy) -> Steps:
    """Return the steps with what controls leave of their chances: each kind that is on counts once for an asset."""
    table = context.controls
    import pyarrow.compute as pc

    kinds = pc.utf8_lower(table.column("kind").combine_chunks())
    on = np.asarray(pc.equal(table.column("state"), "on"), np.bool_)
    asset, port = (steps.columns[name] for name in ("asset", "port"))
    p = steps.p.copy()
    for kind in policy.names("movement.control"):
        holders = np.isin(asset_key, _ids(table, "asset")[on & np.asarray(pc.equal(kinds, kind), np.bool_)])
        rules = [number for number, name in enumerate(steps.rules) if name in policy.values(f"movement.stops.{kind}")]
        guarded = np.isin(steps.columns["rule"], rules) & (asset >= 0)
        guarded[guarded] = holders[asset[guarded]]
        if kind == "waf":
            guarded &= np.isin(port, policy.values("movement.stops.web_ports"))
        p[guarded] *= policy.number(f"movement.control.{kind}").value
    return replace(steps, p=p)


def _ids(table: object, column: str) -> Ints:
    return np.asarray(table.column(column).to_numpy(), np.int64)  # type: ignore[attr-defined]


def _sites(places: tuple[Place, ...]) -> list[str]:
    return sorted({place.site for place in places})


def _looked_at(context: Context, net: Network) -> NDArray[np.bool_]:
    """Of which assets is anything known about ports: what was seen of them, or a rule that speaks of them?"""
    ruled_groups = np.concatenate([np.zeros(0, np.int64), *(one.groups for one in net.rules)])
    found = np.isin(net.group_of, ruled_groups)
    return np.asarray(found | np.isin(_ids(context.assets, "asset"), _ids(context.ports, "asset")), np.bool_)


def _shut(context: Context) -> Ints:
    """Return asset row times PORTS plus port, sorted, of ports that a scan saw closed, and nobody open.

    A test that failed from one place says nothing of others: a firewall may have stood between.
    """
    import pyarrow.compute as pc

    asset = _ids(context.assets, "asset")
    ports = context.ports.filter(
        pc.is_in(context.ports.column("asset"), value_set=context.assets.column("asset").combine_chunks())
    )
    code = np.searchsorted(asset, _ids(ports, "asset")).astype(np.int64) * PORTS + _ids(ports, "port")
    seen = np.asarray(pc.equal(ports.column("state"), "open"), np.bool_)
    closed = pc.and_(pc.equal(ports.column("state"), "closed"), pc.not_equal(ports.column("source"), TESTED))
    return np.setdiff1d(code[np.asarray(closed, np.bool_)], code[seen])


def _network_rows(context: Context, chances: Chances) -> tuple[Ints, Ints]:
    """Return (exposure row, port) for what is attacked over the network; port 0 where none is known."""
    over_network = np.isin(chances.way, [WAYS.index(name) for name in ("network", "library", "configuration")])
    import pyarrow.compute as pc

    ports = context.exposures.column("ports").combine_chunks()
    own = np.asarray(pc.fill_null(pc.list_value_length(ports), 0), np.int64)
    rows = np.repeat(np.flatnonzero(over_network), np.maximum(own, 1)[over_network])
    numbers = np.zeros(len(rows), np.int64)
    numbers[own[rows] > 0] = np.asarray(ports.flatten(), np.int64)[np.repeat(over_network, own)]
    return rows, numbers


def _login_ports(context: Context, policy: Policy) -> tuple[Ints, Ints]:
    """Return (asset row, port) where a remote session is offered: seen open, else usual for the system."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(sorted(policy.values("reach.remote_management.session_ports")), pa.int64())
    assets, ports = context.assets, context.ports
    known = ports.filter(pc.is_in(ports.column("asset"), value_set=assets.column("asset").combine_chunks()))
    session = pc.and_(
        pc.equal(known.column("state"), "open"), pc.is_in(known.column("port").cast(pa.int64()), value_set=wanted)
    )
    seen = known.filter(session)
    rows = np.searchsorted(_ids(assets, "asset"), _ids(seen, "asset")).astype(np.int64)
    unlooked = pc.invert(pc.is_in(assets.column("asset"), value_set=known.column("asset").combine_chunks()))
    machine = pc.is_in(assets.column("kind"), value_set=pa.array(["host", "device"]))
    usual = np.flatnonzero(np.asarray(pc.and_(unlooked, machine)))
    windows = np.asarray(pc.match_substring(assets.column("os"), "windows", ignore_case=True))[usual]
    pairs = np.stack([
        np.concatenate([rows, usual]), np.concatenate([_ids(seen, "port"), np.where(windows, 445, 22)])
    ])  # fmt: skip
    found = np.unique(pairs, axis=1)
    return found[0], found[1]


def _reach(parts: _Parts) -> None:
    """Position in a place -> reach of an endpoint."""
    answers, states = parts.reach, parts.builder.states
    endpoint_key = np.array([keys.of("endpoint", *key) for key in answers.endpoint_of], np.int64)
    shared = np.where(answers.prior >= 0, answers.prior + len(parts.chances.usable), -1)
    parts.builder.add(
        "reach",
        states.place(answers.source),
        states.endpoint(answers.target),
        p=1.0,
        key=key_of("reach", parts.place_key[answers.source], endpoint_key[answers.target]),
        shared=shared,
        place=answers.source,
        why=np.arange(len(answers.source)),
    )


def _exploits(parts: _Parts) -> None:
    """Use of a weakness: over the network, by something opened, by signing in, or locally."""
    chances, states = parts.chances, parts.builder.states
    ways = [WAYS.index(name) for name in ("user", "identity", "local")]
    plain = [np.flatnonzero(chances.way == way) for way in ways]
    at_desk = plain[0][_desks(parts)[parts.exposure_asset[plain[0]]]]
    opened = np.full(len(at_desk), states.opened, np.int64)
    signed = np.full(len(plain[1]), states.opened, np.int64)
    _exploit(parts, "exploit", parts.row, states.endpoint(parts.row_endpoint), 1.0, parts.row_port)
    _exploit(parts, "open", at_desk, opened, parts.builder.chance("movement.phishing.reach_of_campaign"))
    _exploit(parts, "identity", plain[1], signed, parts.builder.chance("movement.phishing.leaked_credential"))
    _exploit(parts, "local", plain[2], states.user(parts.exposure_asset[plain[2]]), 1.0)


def _desks(parts: _Parts) -> NDArray[np.bool_]:
    """Which assets people sit at: only there is something opened that an attacker sent."""
    desk = np.zeros(parts.builder.states.assets, np.bool_)
    desk[parts.desks] = True
    return desk


def _exploit(parts: _Parts, rule: str, rows: Ints, src: Ints, chance: Floats | float, port: Ints | int = -1) -> None:
    """Add the use of the weaknesses in `rows`; what works on one asset of a place works on the others too."""
    chances, states = parts.chances, parts.builder.states
    asset = parts.exposure_asset[rows]
    admin = (chances.gives[rows] == GIVES.index("admin")) | (rule == "local")
    useful = chances.gives[rows] != GIVES.index("none")
    params = np.array([parts.builder.param(name) for name in chances.success_names], np.int64)
    port = np.broadcast_to(np.asarray(port, np.int64), rows.shape)
    parts.builder.add(
        rule, src, np.where(admin, states.admin(asset), states.user(asset)),
        p=np.where(useful, chances.success[rows] * chance, 0.0),
        key=_luck(parts, rule, rows),
        shared=chances.weakness[rows], cause=rows, asset=asset, port=port,
        param=params[chances.success_param[rows]] if len(params) else -1,
    )  # fmt: skip


def _luck(parts: _Parts, rule: str, rows: Ints) -> Ints:
    """Steps of one attack with the same key succeed together: one weakness in one place, or one campaign."""
    place = parts.place_key[parts.reach.place_of[parts.exposure_asset[rows]]]
    if rule == "open":
        return key_of(rule, place)
    names = np.array([keys.of("weakness", name) for name in parts.chances.weakness_names], np.int64)
    return key_of(rule, names[parts.chances.weakness[rows]], place) if len(names) else place


def _foothold(parts: _Parts) -> None:
    """Administrator is also user; who holds a machine may act in its place unnoticed; unnamed local escalation."""
    states, builder = parts.builder.states, parts.builder
    every = np.arange(states.assets)
    place = parts.reach.place_of
    moves = np.flatnonzero(_is_machine(parts.context))
    builder.add("foothold", states.admin(every), states.user(every), p=1.0, asset=every,
                key=key_of("admin", parts.asset_key))  # fmt: skip
    name = "movement.foothold.unnoticed"
    builder.add("foothold", states.user(moves), states.place(place[moves]), p=builder.chance(name), asset=moves,
                param=builder.param(name), place=place[moves],
                key=key_of("foothold", parts.place_key[place[moves]]))  # fmt: skip
    name = "movement.local.escalation"
    builder.add("escalate", states.user(moves), states.admin(moves), p=builder.chance(name), asset=moves,
                param=builder.param(name), key=key_of("escalate", parts.place_key[place[moves]]))  # fmt: skip


def _is_machine(context: Context) -> NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    machines = pa.array(["host", "device", "ot_device"])
    return np.asarray(pc.is_in(context.assets.column("kind"), value_set=machines), np.bool_)


def _phishing(parts: _Parts) -> None:
    """Something opened gives a position among the users' machines, by no weakness that a scanner names."""
    states, builder = parts.builder.states, parts.builder
    places = np.unique(parts.reach.place_of[parts.desks])
    name = "movement.phishing.foothold"
    builder.add("phish", np.full(len(places), states.opened), states.place(places), p=builder.chance(name),
                param=builder.param(name), place=places, key=key_of("phish", parts.place_key[places]))  # fmt: skip


def workstations(context: Context, policy: Policy) -> Ints:
    """Return the rows of assets that people sit at, by the patterns of policy/roles.csv."""
    import pyarrow.compute as pc

    rows = [row for row in policy.table("roles") if row["role"] == "workstation"]
    by_os = [re.compile(row["pattern"]) for row in rows if row["column"] == "os"]
    by_tag = [re.compile(row["pattern"]) for row in rows if row["column"] == "tags"]
    tags = context.assets.column("tags").combine_chunks()
    found = _matching(context.assets.column("os").combine_chunks(), by_os)
    marked = np.asarray(pc.list_parent_indices(tags), np.int64)
    found[marked[_matching(tags.flatten(), by_tag)]] = True
    return np.flatnonzero(found)


def _matching(texts: pa.Array, patterns: list[re.Pattern[str]]) -> NDArray[np.bool_]:
    """Which texts does some pattern find? Each different text is looked at once."""
    coded = texts.dictionary_encode(null_encoding="encode")
    hits = [bool(text) and any(one.search(text) for one in patterns) for text in coded.dictionary.to_pylist()]
    return np.array(hits, np.bool_)[coded.indices.to_numpy()] if hits else np.zeros(len(texts), np.bool_)


def _credentials(parts: _Parts) -> None:
    """Credentials found on a machine open remote sessions in its place, and more seldom across its site."""
    states, builder = parts.builder.states, parts.builder
    machines = np.flatnonzero(_is_machine(parts.context))
    place = parts.reach.place_of
    site_names = _sites(parts.reach.places)
    site_of = np.array([site_names.index(one.site) for one in parts.reach.places], np.int64)
    name = "movement.credentials.harvest_admin"
    more = {"p": builder.chance(name), "param": builder.param(name), "asset": machines}
    key = key_of("harvest", parts.place_key[place[machines]])
    for pool in (states.pool(place[machines]), states.site_pool(site_of[place[machines]])):
        builder.add("harvest", states.admin(machines), pool, key=key, **more)  # type: ignore[arg-type]
    asset, port, endpoint = parts.login
    foundation = _foundations(parts)[asset]
    login = builder.chance("movement.remote_service.login")
    special = "movement.credentials.reuse_foundation"
    for number, guard in (
        ("movement.credentials.reuse_same_zone", states.pool(place[asset])),
        ("movement.credentials.reuse_between_zones", states.site_pool(site_of[place[asset]])),
    ):
        chance = np.where(foundation, builder.chance(special), builder.chance(number))
        param = np.where(foundation, builder.param(special), builder.param(number))
        whose = np.where(foundation, parts.asset_key[asset], parts.place_key[place[asset]])
        builder.add("login", states.endpoint(endpoint), states.admin(asset), guard=guard, p=login * chance,
                    param=param, asset=asset, port=port, key=key_of(number, whose))  # fmt: skip


def _foundations(parts: _Parts) -> NDArray[np.bool_]:
    """Which assets belong to a foundation: their administrators seldom leave credentials elsewhere."""
    numbers = [number for number, one in enumerate(parts.context.services) if one.foundation]
    members = parts.context.members
    chosen = np.isin(_ids(members, "number"), numbers)
    found = np.zeros(parts.builder.states.assets, np.bool_)
    found[np.searchsorted(parts.asset_key, _ids(members, "asset")[chosen])] = True
    return found


def _ruled(parts: _Parts) -> None:
    """Steps of the rulebook: rights, trusts and whatever else is known of assets and identities."""
    ruled.add(parts.builder, parts.ruled, ruled.Numbers(
        parts.builder.states, parts.reach.place_of, parts.asset_key, parts.tie_key, parts.ruled_endpoint,
        len(parts.chances.usable) + len(parts.reach.priors),
    ))  # fmt: skip


def _harm(parts: _Parts) -> None:
    """Holding an asset of a service harms it; a harmed foundation harms what stands on it."""
    states, builder, context = parts.builder.states, parts.builder, parts.context
    service = _ids(context.members, "number")
    asset = np.searchsorted(parts.asset_key, _ids(context.members, "asset"))
    service_key = np.array([keys.of("service", one.name) for one in context.services], np.int64)
    key = key_of("harm", service_key[service], parts.asset_key[asset]) if len(service) else service
    for rule, held, name in (
        ("harm", states.admin(asset), "movement.harm.admin"),
        ("harm_data", states.user(asset), "movement.harm.user"),
    ):
        builder.add(rule, held, states.harm(service), p=builder.chance(name), param=builder.param(name),
                    asset=asset, key=key_of(rule, key))  # fmt: skip
    pairs = [
        (number, other)
        for other, one in enumerate(context.services)
        for number, base in enumerate(context.services)
        if number != other and stands_on(one, base)
    ]
    found = np.array(pairs, np.int64).reshape(-1, 2)
    name = "movement.harm.foundation"
    builder.add("foundation", states.harm(found[:, 0]), states.harm(found[:, 1]), p=builder.chance(name),
                param=builder.param(name), place=-1,
                key=key_of("foundation", service_key[found[:, 0]], service_key[found[:, 1]]))  # fmt: skip


def stands_on(service: facts.Service, base: facts.Service) -> bool:
    """Does `service` depend on `base`? On every foundation, unless it names what it depends on."""
    if service.depends_on is not None:
        return base.name in service.depends_on
    return base.foundation and not service.foundation


def _shared(parts: _Parts) -> Shared:
    """Draws for each weakness (holds for the year), each unknown pair of places, each condition, each unseen port."""
    chances, builder, answers = parts.chances, parts.builder, parts.reach
    weak_keys = [keys.of("weakness", name) for name in chances.weakness_names]
    pair_keys = [keys.of(key) for key, _ in answers.priors]
    pair_p = [builder.chance(name) for _, name in answers.priors]
    more = ruled.draws(parts.ruled, parts.tie_key, parts.asset_key)
    names = (*chances.usable_param, *(name for _, name in answers.priors), *(name for _, name in more))
    number_of = {name: builder.param(name) for name in dict.fromkeys(names)}
    params = [number_of[name] for name in names]
    return Shared(
        key=np.array(weak_keys + pair_keys + [key for key, _ in more], np.int64),
        p=np.concatenate([chances.usable, pair_p, [builder.chance(name) for _, name in more]]),
        param=np.array(params, np.int64),
        epistemic=np.arange(len(names)) >= len(weak_keys),
    )


def _positions(parts: _Parts) -> tuple[Ints, Ints]:
    """Return (exposure row, state) pairs: where an attacker has to be to use the exposure."""
    chances, states = parts.chances, parts.builder.states
    asset = parts.exposure_asset
    opened = (chances.way == WAYS.index("user")) & _desks(parts)[asset]
    by_person = np.flatnonzero(opened | (chances.way == WAYS.index("identity")))
    local = np.flatnonzero((chances.way == WAYS.index("local")) | ((chances.way == WAYS.index("user")) & ~opened))
    rows = np.concatenate([parts.row, by_person, local])
    where = np.concatenate([
        states.endpoint(parts.row_endpoint), np.full(len(by_person), states.opened, np.int64),
        states.user(asset[local]),
    ])  # fmt: skip
    return rows, where
