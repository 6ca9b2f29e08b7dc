"""“Is there a working exploit?” as one sentence for each exposure: by its public name, else by its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore.intel import exploits

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

# What a row of the table of weakness classes says of tools, where no feed speaks of the weakness.
_CLASSES = {
    "built_in": "No exploit has to be developed: ordinary tools are enough",
    "weaponized": "Ready tools for it are public",
    "poc": "How to exploit it is public",
    "none_known": "No exploit of its kind is known",
}
NAMELESS = "It has no public name that a feed of exploits could list."
ENDED = f"{NAMELESS} Its support has ended, the report says: weaknesses found in it since stay open."


def sentences(exposures: pa.Table, judged: pa.Table, signals: pa.Table, feeds: list[dict[str, Any]], policy: Policy) -> pa.Array:  # fmt: skip
    """Return one sentence for each exposure; `judged` has the columns class and ending, in the same order.

    Written once for each distinct weakness, class and kind.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ("weakness", "exploit", "ladder", "exploit_sources", "ssvc_exploitation", "ssvc_at")
    told = {row["weakness"]: (row["exploit"], exploits.answer(row, feeds)["sentence"])
            for row in signals.select(columns).to_pylist()}  # fmt: skip
    parts = (exposures.column("weakness"), judged.column("class"), exposures.column("kind"))
    both = pc.binary_join_element_wise(*parts, "\x1f").dictionary_encode()
    both = both.combine_chunks()
    words = []
    for text in both.dictionary.to_pylist():
        weakness, name, kind = text.split("\x1f")
        exploit, sentence = told.get(weakness, ("unknown", ""))
        words.append(of_class(name, weakness, policy, kind) if exploit == "unknown" else sentence)
    said = pa.array(words, pa.string()).take(both.indices)
    ending = judged.column("ending").combine_chunks()
    return pc.if_else(pc.equal(ending, ""), said, pc.binary_join_element_wise(said, ending, " "))


def of_class(name: str, weakness: str, policy: Policy, kind: str = "") -> str:
    """Return the sentence for what no feed speaks of: by its class, by having no public name, or unknown."""
    row = next((one for one in policy.table("weakness_classes") if one["name"] == name), None) if name else None
    if row is not None:
        return f"{_CLASSES[row['maturity']]} (class “{name}”)."
    if not weakness.startswith("CVE-"):
        return ENDED if kind == "end_of_life" else NAMELESS
    return exploits.UNKNOWN
