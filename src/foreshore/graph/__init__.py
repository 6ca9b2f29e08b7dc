"""Attack-path engine: arrays in, arrays out, nothing known of assets, findings or stores.

`Graph` holds states and steps; `simulate` gives probabilities per year; `contributions` what each cause
adds; `choke_points` and `strict` where ways meet; `blast` what holding a state is worth; `best_paths`
and `routes` the likeliest ways; `reach` and `leads` plain yes-or-no closures.
"""

from __future__ import annotations

from foreshore.graph.blasts import Blast, blast
from foreshore.graph.changes import Change, applied
from foreshore.graph.chokes import Choke, Strict, choke_points, strict
from foreshore.graph.closures import leads, reach
from foreshore.graph.contributions import Contributions, Ranked, contributions
from foreshore.graph.losses import Losses, losses
from foreshore.graph.model import Graph, Params, Profile, Range, Shared
from foreshore.graph.paths import BestPaths, best_paths
from foreshore.graph.ranks import stability
from foreshore.graph.routes import Route, Routes, routes
from foreshore.graph.simulation import Difference, Effort, Outcome, difference, simulate, weighted
from foreshore.graph.whatif import WhatIf

__all__ = [
    "BestPaths",
    "Blast",
    "Change",
    "Choke",
    "Contributions",
    "Difference",
    "Effort",
    "Graph",
    "Losses",
    "Outcome",
    "Params",
    "Profile",
    "Range",
    "Ranked",
    "Route",
    "Routes",
    "Shared",
    "Strict",
    "WhatIf",
    "applied",
    "best_paths",
    "blast",
    "choke_points",
    "contributions",
    "difference",
    "leads",
    "losses",
    "reach",
    "routes",
    "simulate",
    "stability",
    "strict",
    "weighted",
]
