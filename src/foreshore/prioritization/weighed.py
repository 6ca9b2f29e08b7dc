"""What a cycle weighed of each open exposure, kept with its answers: so that news can be weighed without a cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.prioritization import labelling

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Risk

# Columns of an exposure that its likelihood is weighed from (beside weakness, kind, title and severity).
SAID = ("rule", "component", "component_name", "proof", "cvss_vector")
# What the likelihood was found to be, beside the way in.
FOUND = ("usable", "usable_param", "success", "success_param", "gives")


def rows(found: Modelled, risk: Risk, flow: Any) -> pa.Table:
    """Return one row for each open exposure, ordered by weakness and key.

    `exposure`, `weakness`, the columns of `SAID`, `port`, those of `FOUND`, `flow` (share of losses on
    whose kept proof it is), `obliged` (names of the obligations that speak of it) and, with the prefix
    `fact_`, the facts that its label and deadlines were decided from.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    exposures, judged = found.context.exposures, found.judged
    known = labelling.label_facts(found, risk, found.policy)
    port = pc.list_element(_padded(found.ports), 0)
    columns: dict[str, Any] = {
        "exposure": exposures.column("exposure"), "weakness": exposures.column("weakness"),
        **{name: exposures.column(name) for name in SAID}, "port": pc.fill_null(port.cast(pa.int32()), 0),
        **{name: judged.column(name) for name in FOUND}, "flow": pa.array(np.asarray(flow, np.float64)),
        "obliged": _obliged(found),
        **{f"fact_{name}": known.column(name) for name in known.column_names if name != "row"},
    }  # fmt: skip
    return pa.table(columns).sort_by([("weakness", "ascending"), ("exposure", "ascending")])


def _padded(ports: pa.ChunkedArray) -> Any:
    """Lists with at least one entry, so that the first can be taken of each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    one = pa.scalar([0], ports.type)
    return pc.if_else(pc.greater(pc.fill_null(pc.list_value_length(ports), 0), 0), ports, one)


def _obliged(found: Modelled) -> pa.Array:
    """Return the names of the scope's obligations that speak of each exposure, in the scope's order."""
    import pyarrow as pa

    count = found.context.exposures.num_rows
    flags = np.zeros((count, len(found.scope.obligations)), np.bool_)
    for number, one in enumerate(found.scope.obligations):
        flags[:, number] = labelling.applies(one.applies_to, found)
    names = np.array([one.name for one in found.scope.obligations], dtype=object)
    distinct, which = np.unique(flags, axis=0, return_inverse=True) if flags.size else (flags[:1], np.zeros(count, int))
    lists = pa.array([names[row].tolist() for row in distinct], pa.list_(pa.string()))
    return lists.take(pa.array(which.reshape(-1).astype(np.int64)))
