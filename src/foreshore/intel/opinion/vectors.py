"""What a CVSS vector of any version says of the way in and of the harm, as numbers between 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

_HARM = {"H": 1.0, "C": 1.0, "L": 0.5, "P": 0.5, "N": 0.0}
NAMES = ("av_network", "ac_low", "pr_none", "ui_none", "impact")
_NOTHING: dict[str, float | None] = dict.fromkeys(NAMES)


def parts(column: pa.ChunkedArray) -> dict[str, pa.Array]:
    """Return the columns `NAMES` for a column of vectors: NULL where there is no vector or not that part.

    Each distinct vector is read once. `impact` is the mean harm to confidentiality, integrity and
    availability (none 0, some 0.5, all 1); version 2's single authentication counts as an account.
    """
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    read = [_read(vector) for vector in encoded.dictionary.to_pylist()]
    return {
        name: pa.DictionaryArray.from_arrays(
            encoded.indices, pa.array([one[name] for one in read], pa.float64())
        ).dictionary_decode()
        for name in NAMES
    }


def _read(vector: str | None) -> Mapping[str, float | None]:
    words = [part.partition(":") for part in (vector or "").strip("() ").split("/")]
    metrics = {name.strip(): value.strip() for name, _, value in words}
    old = "Au" in metrics
    if "AV" not in metrics:
        return _NOTHING
    harms = [_HARM.get(metrics.get(name) or metrics.get(f"V{name}") or "") for name in ("C", "I", "A")]
    known = [one for one in harms if one is not None]
    return {
        "av_network": _is(metrics.get("AV"), "N"),
        "ac_low": _both(_is(metrics.get("AC"), "L"), _is(metrics.get("AT", "N"), "N")),
        "pr_none": _is(metrics.get("Au" if old else "PR"), "N"),
        "ui_none": None if old else _is(metrics.get("UI"), "N"),
        "impact": sum(known) / 3 if len(known) == 3 else None,
    }


def _is(value: str | None, wanted: str) -> float | None:
    return None if not value else float(value == wanted)


def _both(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other)
