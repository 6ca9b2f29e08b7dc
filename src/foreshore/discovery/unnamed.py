"""Reports that do not say whose code, image or site they are about, and the name that a person gives.

A report of a code scanner often names files and nothing else. What it is about then bears the tool's name,
and two repositories under one source would be one asset; a name given at the import keeps them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from foreshore import facts

# What a report may be about as a whole; a resource of a cluster is one of many in it.
_WHOLE = ("repository", "code_component", "image", "host", "web_application")


def named(records: Iterable[facts.Record], asset: str) -> Iterator[facts.Record]:
    """Yield `records`, the first asset that has no identifier but a made name called `asset`; '' changes none."""
    given = not asset
    for one in records:
        if not given and isinstance(one, facts.Sighting) and _is_made(one):
            given = True
            yield msgspec.structs.replace(one, name=asset, identifiers=(("artifact", asset),))
        else:
            yield one


def _is_made(sighting: facts.Sighting) -> bool:
    return sighting.kind in _WHOLE and {kind for kind, _value in sighting.identifiers} == {"artifact"}
