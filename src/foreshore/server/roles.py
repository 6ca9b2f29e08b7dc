"""What a person may do, by role: the whole table, so that the matrix of access can be read in one place."""

from __future__ import annotations

from collections.abc import Mapping

PERMISSIONS: Mapping[str, str] = {
    "see": "read exposures, assets, services, actions and reports within the data scope",
    "names": "see the names of persons in directories",
    "comment": "write comments, keep views and plans",
    "decide": "decide about exposures: false positive, not applicable, mitigated, duplicate, not ours; claim a fix",
    "request": "ask for an exception",
    "approve": "approve or refuse exceptions that somebody else asked for",
    "identity": "say whether two assets are one",
    "assign": "say which team owns an asset",
    "upload": "bring in reports",
    "run": "start cycles, collections and updates of intelligence; release held news",
    "scope": "change and apply the scope",
    "policy": "change the policy",
    "sources": "set up sources, connectors, schedules and webhooks",
    "people": "invite people, give and take roles, revoke sessions and tokens",
    "audit": "read and verify the audit trail, and the data-protection page",
}
_READ = frozenset({"see", "comment"})
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"see"}),
    "analyst": _READ | {"names", "decide", "request", "identity", "assign", "upload", "run"},
    "owner": _READ | {"decide", "request", "assign"},
    "approver": _READ | {"approve"},
    "administrator": frozenset(PERMISSIONS) - {"approve"},
    "auditor": frozenset({"see", "names", "audit"}),
}
DESCRIBED: Mapping[str, str] = {
    "viewer": "reads",
    "analyst": "works on the queue, brings in reports and starts cycles",
    "owner": "a team's own exposures: decides, asks for exceptions",
    "approver": "says yes or no to exceptions that others asked for",
    "administrator": "sets everything up; approves no exceptions",
    "auditor": "reads everything, and the audit trail",
}
GUEST = frozenset({"see"})  # what a guest link can carry at most, with `audit` for an auditor's
