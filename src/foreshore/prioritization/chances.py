"""Likelihood for every open exposure of a snapshot, in the form that the compiler of steps takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foreshore import scratch
from foreshore.prioritization.compile import GIVES, WAYS, Chances
from foreshore.prioritization.likelihood import weigh
from foreshore.prioritization.reach import Ints, numbered

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context

# Text is matched once for each distinct candidate, not once for each exposure.
_SAID = """
    create temp view said as select exposure, weakness, kind, coalesce(rule, '') as rule, title,
        coalesce(component, '') as component, coalesce(component_name, '') as component_name,
        coalesce(ports[1], 0)::INTEGER as port, severity, proof, coalesce(cvss_vector, '') as cvss_vector
    from exposures
"""
_CANDIDATES = """
    select row_number() over (order by weakness, title, kind, rule, component, component_name, port, severity, proof,
        cvss_vector) - 1 as row, *
    from (select distinct * exclude (exposure) from said) order by row
"""
_CANDIDATE_OF = """
    select c.row from said s join candidates c on c.weakness is not distinct from s.weakness
        and c.title is not distinct from s.title and c.kind is not distinct from s.kind and c.rule = s.rule
        and c.component = s.component and c.component_name = s.component_name and c.port = s.port
        and c.severity is not distinct from s.severity and c.proof is not distinct from s.proof
        and c.cvss_vector = s.cvss_vector
    order by s.exposure
"""


_PORTS = """
    with seen as (select asset, list(distinct port) as ports from ports where state = 'open' group by asset)
    select case when len(own) > 0 then own
            when len(list_intersect(seen.ports, usual)) > 0 then list_sort(list_intersect(seen.ports, usual))
            else coalesce(usual[1:1], []) end as ports
    from rows left join seen using (asset) order by row
"""


def weighed(context: Context, signals: pa.Table, policy: Policy) -> pa.Table:
    """Return the rows of `likelihood.SCHEMA`, one for each exposure of `context`, in its order."""
    import pyarrow as pa

    connection = scratch.connect()
    try:
        connection.register("exposures", context.exposures)
        connection.execute(_SAID)
        distinct = connection.execute(_CANDIDATES).to_arrow_table()
        connection.register("candidates", distinct)
        place = connection.execute(_CANDIDATE_OF).to_arrow_table().column("row").to_numpy()
    finally:
        connection.close()
    judged = weigh(distinct, signals, policy)
    taken: pa.Table = judged.take(pa.array(place, pa.int64()))
    return taken


def with_product_ports(context: Context, judged: pa.Table) -> pa.Table:
    """Return the exposures with ports: their own, else those of the product that are open on the asset."""
    import pyarrow as pa

    rows = pa.table({
        "row": pa.array(np.arange(context.exposures.num_rows)), "asset": context.exposures.column("asset"),
        "own": context.exposures.column("ports"), "usual": judged.column("ports"),
    })  # fmt: skip
    connection = scratch.connect()
    try:
        connection.register("rows", rows)
        connection.register("ports", context.ports.select(["asset", "port", "state"]))
        found = connection.execute(_PORTS).to_arrow_table().column("ports")
    finally:
        connection.close()
    number = context.exposures.column_names.index("ports")
    return context.exposures.set_column(number, "ports", found.cast(pa.list_(pa.int32())))


def chances_of(context: Context, judged: pa.Table) -> Chances:
    """Return the compiler's arrays: one row for each exposure, one shared draw for each weakness and chance."""
    import pyarrow as pa

    usable = judged.column("usable").to_numpy()
    names = context.exposures.column("weakness").combine_chunks()
    params = judged.column("usable_param").combine_chunks()
    success_params = judged.column("success_param").combine_chunks().dictionary_encode()
    codes = [np.asarray(column.dictionary_encode().indices, np.int64) for column in (names, params)]
    weakness, first = numbered(np.stack([*codes, usable.view(np.int64)]))
    place = pa.array(first)
    success = judged.column("success").to_numpy() * judged.column("truth").to_numpy()
    return Chances(
        way=_places(judged, "way_in", WAYS), gives=_places(judged, "gives", GIVES),
        success=success, success_param=np.asarray(success_params.indices, np.int64),
        success_names=tuple(success_params.dictionary.to_pylist()),
        weakness=weakness, weakness_names=tuple(names.take(place).to_pylist()),
        usable=usable[first], usable_param=tuple(params.take(place).to_pylist()),
    )  # fmt: skip


def _places(judged: pa.Table, column: str, words: tuple[str, ...]) -> Ints:
    """Return by row the place of its word among `words`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.index_in(judged.column(column), value_set=pa.array(words)), np.int64)
