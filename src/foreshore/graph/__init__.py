"""Attack-path engine: arrays in, arrays out, nothing known of assets, findings or stores.

`Graph` holds states and steps; `simulate` gives probabilities per year; `contributions` what each
cause adds; `best_paths` the likeliest ways; `reach` and `leads` plain yes-or-no closures.
"""

from __future__ import annotations

from foreshore.graph.closures import leads, reach
from foreshore.graph.contributions import Contributions, contributions
from foreshore.graph.model import Graph, Params, Profile, Range, Shared
from foreshore.graph.paths import BestPaths, best_paths
from foreshore.graph.simulation import Difference, Effort, Outcome, difference, simulate

__all__ = [
    "BestPaths",
    "Contributions",
    "Difference",
    "Effort",
    "Graph",
    "Outcome",
    "Params",
    "Profile",
    "Range",
    "Shared",
    "best_paths",
    "contributions",
    "difference",
    "leads",
    "reach",
    "simulate",
]
