"""The policies that cycles were counted with: what changed between them, when, and the note of it in the audit trail."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from foreshore import decisions, keys, policy
from foreshore.policy import files

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

NOTED = 50  # changes that an entry of the audit trail lists; the digest covers all
_CYCLES = "select cycle, as_of, known_at, policy_digest from cycles order by known_at, cycle"


def content(lake: Lake, cycle: int) -> policy.Policy:
    """Return the policy as the cycle with this key copied it."""
    import orjson

    found = lake.sql(f"select payload from decisions_at where cycle = {int(cycle)} and kind = 'policy'")
    return policy.restore(orjson.loads(found.column("payload")[0].as_py()))


def history(lake: Lake) -> list[dict[str, Any]]:
    """Return every cycle, oldest first: its policy's digest, whether it changed, and the entries that did.

    The first cycle's changes are against the shipped policy. Policies are compared only where digests differ.
    """
    found: list[dict[str, Any]] = []
    before: policy.Policy | None = policy.load(None)
    digest = before.digest if before else ""
    for row in lake.sql(_CYCLES).to_pylist():
        changes: list[files.Change] = []
        if row["policy_digest"] != digest:
            now = content(lake, row["cycle"])
            changes = files.changes(before, now)
            before, digest = now, row["policy_digest"]
        found.append({
            "cycle": keys.show("CYC", row["cycle"]), "as_of": row["as_of"], "run_at": row["known_at"],
            "digest": row["policy_digest"], "changes": [one._asdict() for one in changes],
        })  # fmt: skip
    for number, one in enumerate(found):
        one["changed"] = bool(number) and one["digest"] != found[number - 1]["digest"]
    return found


def took_effect(workspace: Workspace, lake: Lake, cycle: int, now: policy.Policy) -> bool:
    """Note in the audit trail that the policy of a committed cycle took effect; False where it was in force before.

    What it replaces is the policy of the cycle run before, or the shipped one.
    """
    rows = lake.sql(
        f"select cycle, policy_digest from cycles where cycle <> {int(cycle)} order by known_at desc limit 1"
    )
    former = rows.to_pylist()
    if former and former[0]["policy_digest"] == now.digest:
        return False
    before = content(lake, former[0]["cycle"]) if former else policy.load(None)
    if not former and before.digest == now.digest:
        return False
    changes = [one.sentence() for one in files.changes(before, now)]
    more = [f"and {len(changes) - NOTED} more"] if len(changes) > NOTED else []
    with decisions.open(workspace) as opened:
        return opened.policy_in_force(
            now.digest, before=former[0]["policy_digest"] if former else before.digest,
            changes=changes[:NOTED] + more, author=getpass.getuser(),
        )  # fmt: skip
