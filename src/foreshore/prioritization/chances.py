"""Likelihood for every open exposure of a snapshot, in the form that the compiler of steps takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foreshore.prioritization.compile import GIVES, WAYS, Chances
from foreshore.prioritization.likelihood import weigh

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context

# Text is matched once for each distinct candidate, not once for each exposure.
_CANDIDATES = """
    select dense_rank() over (order by weakness, kind, rule, title, component, component_name, port, severity,
        proof, cvss_vector) - 1 as candidate, exposure, weakness, kind, rule, title, component, component_name,
        port, severity, proof, cvss_vector
    from (select exposure, weakness, kind, coalesce(rule, '') as rule, title, coalesce(component, '') as component,
        coalesce(component_name, '') as component_name, coalesce(ports[1], 0)::INTEGER as port, severity, proof,
        coalesce(cvss_vector, '') as cvss_vector from exposures)
    order by exposure
"""


def weighed(context: Context, signals: pa.Table, policy: Policy) -> pa.Table:
    """Return the rows of `likelihood.SCHEMA`, one for each exposure of `context`, in its order."""
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect()
    try:
        connection.register("exposures", context.exposures)
        rows = connection.execute(_CANDIDATES).to_arrow_table()
        connection.register("rows", rows)
        distinct = connection.execute(
            "select distinct candidate as row, * exclude (candidate, exposure) from rows order by candidate"
        ).to_arrow_table()
    finally:
        connection.close()
    judged = weigh(distinct, signals, policy)
    place = rows.column("candidate").to_numpy()
    taken: pa.Table = judged.take(pa.array(place, pa.int64()))
    return taken


def with_product_ports(context: Context, judged: pa.Table) -> pa.Table:
    """Return the exposures with ports: their own, else those of the product that are open on the asset."""
    import pyarrow as pa

    seen: dict[int, set[int]] = {}
    for row in context.ports.select(["asset", "port", "state"]).to_pylist():
        if row["state"] == "open":
            seen.setdefault(row["asset"], set()).add(row["port"])
    own = context.exposures.column("ports").to_pylist()
    assets = context.exposures.column("asset").to_pylist()
    usual = judged.column("ports").to_pylist()
    ports = [
        given or sorted(seen.get(asset, set()) & set(product or ())) or (product or [])[:1]
        for given, asset, product in zip(own, assets, usual, strict=True)
    ]
    number = context.exposures.column_names.index("ports")
    return context.exposures.set_column(number, "ports", pa.array(ports, pa.list_(pa.int32())))


def chances_of(context: Context, judged: pa.Table) -> Chances:
    """Return the compiler's arrays: one row for each exposure, one shared draw for each weakness and chance."""
    names = context.exposures.column("weakness").to_pylist()
    usable = judged.column("usable").to_numpy()
    params = judged.column("usable_param").to_pylist()
    shared: dict[tuple[str, str, float], int] = {}
    weakness = [
        shared.setdefault((name, param, float(chance)), len(shared))
        for name, param, chance in zip(names, params, usable, strict=True)
    ]
    success = judged.column("success").to_numpy() * judged.column("truth").to_numpy()
    return Chances(
        way=np.array([WAYS.index(word) for word in judged.column("way_in").to_pylist()], np.int64),
        gives=np.array([GIVES.index(word) for word in judged.column("gives").to_pylist()], np.int64),
        success=success, success_param=tuple(judged.column("success_param").to_pylist()),
        weakness=np.array(weakness, np.int64), weakness_names=tuple(key[0] for key in shared),
        usable=np.array([key[2] for key in shared], np.float64), usable_param=tuple(key[1] for key in shared),
    )  # fmt: skip
