"""What would change if …: the served cycle counted again under a supposition, on the same simulated years.

Luck belongs to the names of steps, so that both sides share it: what is left is the supposition's doing. Nothing is
written. Pure fixes of which no treatment is asked are struck out of years that were kept (`graph.replay`), which
gives the same figures much sooner; all else is gathered, compiled and simulated anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foreshore import keys
from foreshore.cycle import again, opened, policies, scenarios, supposing
from foreshore.cycle.scenarios import Suppose
from foreshore.errors import UsageError
from foreshore.graph import simulate
from foreshore.graph.replay import Replay
from foreshore.graph.simulation import difference, weighted
from foreshore.prioritization import stage
from foreshore.prioritization.modelled import Graphed, modelled

if TYPE_CHECKING:
    from foreshore.cycle.opened import Opened
    from foreshore.cycle.supposed import Supposed
    from foreshore.cycle.supposing import Meaning
    from foreshore.graph import Outcome
    from foreshore.graph.simulation import Effort
    from foreshore.prioritization.risk import Model
    from foreshore.workspace import Workspace

Say = Callable[[str], None]
QUICK = 256  # simulated years of a first answer
SHOWN = 10  # exposures that move, as many as are listed
UNIT = "weighted losses a year"


class _Both(NamedTuple):
    """The same years with and without what is supposed, and the assessments of both where they were asked for."""

    before: Outcome
    after: Outcome
    counted: dict[str, Any]
    same: bool  # is the attack graph the same?


def what_if(
    workspace: Workspace,
    suppose: Suppose,
    *,
    name: str = "",
    save: str = "",
    worlds: int | None = None,
    moves: bool = True,
    top: int = SHOWN,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Return what `what-if --json` prints: the difference that a supposition would make to the served cycle.

    `name` is a saved scenario, to which `suppose` is added; what of it no longer exists is left out and listed in
    `gone`. `save` keeps all of it under a name. `worlds` is how many years are simulated (default: as many as the
    cycle did); `moves` asks for treatments and exposures as well. Raises UsageError for words that name nothing,
    NothingToRead before the first cycle.
    """
    earlier = scenarios.load(workspace, name) if name else None
    if not suppose.parts() and not (earlier and earlier.suppose.parts()):
        raise UsageError("nothing is supposed", hint="foreshore what-if --fix EXP-…, or --name SCENARIO")
    if save:
        scenarios.path_of(workspace, save)
    say("compiling the served cycle again")
    with opened.with_facts(workspace) as base:
        return answer(
            workspace, base, suppose, earlier=earlier, save=save, worlds=worlds, moves=moves, top=top, say=say
        )


def answer(
    workspace: Workspace,
    base: Opened,
    suppose: Suppose,
    *,
    earlier: scenarios.Scenario | None = None,
    save: str = "",
    worlds: int | None = None,
    moves: bool = True,
    top: int = SHOWN,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Return what `what_if` does, asked of a served cycle that is open already."""
    if worlds is not None and worlds < 1:
        raise UsageError("at least one year has to be simulated", hint="--worlds 256")
    meaning = supposing.meant(workspace, base, suppose)
    if earlier is not None:
        _add_earlier(workspace, base, earlier, meaning)
    every = _together(earlier.suppose if earlier else Suppose(), suppose)
    cycle = keys.show("CYC", base.cycle)
    if save:
        scenarios.save(workspace, save, every, cycle=cycle, was={**(earlier.was if earlier else {}), **meaning.was})
    both = _both(workspace, base, meaning, worlds=worlds, moves=moves, top=top, say=say)
    return {
        "cycle": cycle, "name": save or (earlier.name if earlier else ""), "suppose": every.as_json(),
        "gone": meaning.gone, "notes": [*dict.fromkeys(meaning.notes), *_notes(meaning, both)],
        **_differences(base.found, both), **both.counted,
    }  # fmt: skip


def _add_earlier(workspace: Workspace, base: Opened, earlier: scenarios.Scenario, meaning: Meaning) -> None:
    """Put what is left of a saved scenario before what is supposed now."""
    found = supposing.meant(workspace, base, earlier.suppose, strict=False)
    for item in found.gone:
        text = item["what"].partition(" ")[2]
        if was := earlier.was.get(text):
            item["was"] = was
    meaning.fixed |= found.fixed
    meaning.assets |= found.assets
    meaning.sources |= found.sources
    for mine, others in (
        (meaning.added, found.added), (meaning.ways, found.ways), (meaning.rights, found.rights),
        (meaning.controls, found.controls), (meaning.notes, found.notes), (meaning.gone, found.gone),
    ):  # fmt: skip
        mine[:0] = others  # type: ignore[assignment]
    meaning.numbers = {**found.numbers, **meaning.numbers}
    meaning.was = {**found.was, **meaning.was}


def _together(first: Suppose, second: Suppose) -> Suppose:
    fields = Suppose.__struct_fields__
    return Suppose(**{name: tuple(dict.fromkeys(getattr(first, name) + getattr(second, name))) for name in fields})


def _both(
    workspace: Workspace, base: Opened, meaning: Meaning, *, worlds: int | None, moves: bool, top: int, say: Say
) -> _Both:
    model = base.found.model
    effort = replace(model.effort, worlds=worlds) if worlds else model.effort
    if not meaning.anything:
        outcome = _simulated(model, effort)
        return _Both(outcome, outcome, policies.NOTHING if moves else {}, True)
    if meaning.only_fixes and not moves:
        say("striking out the fixes")
        return _replayed(base, sorted(meaning.fixed), effort)
    say("counting again under the supposition")
    changed = supposing.applied(base, meaning)
    if not moves:
        after = modelled(changed)
        _refuse_other_services(base.found, after)
        done = _simulated(after.model, effort)
        return _Both(_simulated(model, replace(effort, worlds=done.worlds)), done, {}, _same(base.found, after))
    return _counted(workspace, base, changed, effort=worlds, top=top)


def _replayed(base: Opened, fixed: list[int], effort: Effort) -> _Both:
    """Strike out fixes from kept years."""
    model = base.found.model
    kept = Replay(model.graph, model.profiles, model.targets, seed=model.seed, effort=effort, layers=("cause",))
    causes = np.flatnonzero(np.isin(base.exposure_keys, np.array(fixed, np.int64))).astype(np.int32)
    nothing = np.zeros(0, np.int32)
    return _Both(kept.outcome(nothing), kept.outcome(causes), {}, not np.isin(model.graph.cause, causes).any())


def _counted(workspace: Workspace, base: Opened, changed: Supposed, *, effort: int | None, top: int) -> _Both:
    """Assess the supposed facts in full, and compare with what the cycle published."""
    row = again.served(workspace)
    assessed = stage.run(changed)
    _refuse_other_services(base.found, assessed.modelled)
    before = policies.published(workspace, row, base.snapshot.policy)
    if before is None:
        before = policies.counted(workspace, row, again.inputs_of(workspace, row))
    after = policies.Counted(
        assessed.batches["assessments"].select(list(policies.COMPARED)), assessed.batches["services_at"]
    )
    compared = policies.compared(before, after, top)
    del compared["services"]
    outcome = assessed.risk.believed.outcome
    model = base.found.model
    if effort is not None and effort != outcome.worlds:
        other = assessed.risk.model
        outcome = _simulated(other, replace(other.effort, worlds=effort))
    own = _simulated(model, replace(model.effort, worlds=outcome.worlds))
    return _Both(own, outcome, compared, _same(base.found, assessed.modelled))


def _simulated(model: Model, effort: Effort) -> Outcome:
    """Simulate plain years: years of their own for rare services would not be the same on both sides."""
    return simulate(model.graph, model.profiles, model.targets, seed=model.seed, effort=replace(effort, rare=False))


def _refuse_other_services(before: Graphed, after: Graphed) -> None:
    """Services come from the scope; only where it names none does what exists decide."""
    if [one.name for one in before.context.services] != [one.name for one in after.context.services]:
        raise UsageError("under this supposition the services are others", hint="name services in scope.yaml")


def _same(before: Graphed, after: Graphed) -> bool:
    one, other = before.model.graph, after.model.graph
    return one.steps == other.steps and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("key", "p")
    ) and np.array_equal(one.draws.p, other.draws.p) and np.array_equal(one.params.value, other.params.value)  # fmt: skip


def _differences(found: Graphed, both: _Both) -> dict[str, Any]:
    """Return the differences by service and in all, each with its own paired intervals; a fall is negative."""
    before, after = both.before, replace(both.after, targets=both.before.targets)
    model = found.model
    if both.same:
        after = before
    fell = difference(before, after)
    count = min(before.worlds, after.worlds)
    held = [((one.losses[:, :count] > 0) * one.weight[:count]).mean(axis=1) for one in (before, after)]
    services = [
        {
            "name": service.name, "before": float(held[0][row]), "after": float(held[1][row]),
            "change": -float(fell.mean[row]), "low": -float(fell.high[row]), "high": -float(fell.low[row]),
            "sampling_error": 0.0 if both.same else float(fell.error[row]),
        }
        for row, service in enumerate(found.context.services)
    ]  # fmt: skip
    total = weighted(before, after, model.weights)
    was, now = (float((model.weights @ one.losses[:, :count] * one.weight[:count]).mean()) for one in (before, after))
    share = now / was - 1 if was else 0.0
    return {
        "worlds": count,
        "preliminary": count < found.policy.number("treatment.simulation.least_worlds").value,
        "services": services,
        "total": {
            "before": was, "after": now, "change": now - was, "low": -float(total.high[0]), "high": -float(total.low[0]),
            "sampling_error": 0.0 if both.same else float(total.error[0]), "share": share, "unit": UNIT,
        },
    }  # fmt: skip


def _notes(meaning: Meaning, both: _Both) -> list[str]:
    if not meaning.anything:
        return ["nothing of this scenario exists any more: there is nothing to suppose"]
    return (
        ["no step of the attack graph is another for it: nothing that is modelled depends on it"] if both.same else []
    )
