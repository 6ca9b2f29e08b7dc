"""What pipelines may do: cloud roles that trust the runs of a repository, and identities whose secrets lie in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _packages
from foreshore.discovery.readers._aws_policies import statements_of
from foreshore.discovery.readers._aws_shapes import Thing, document, text, words
from foreshore.facts import Record, Relation, Sighting, Skipped

# Issuer of a pipeline's tokens -> (its name, address of its repositories, form of the subject that a token names).
_ISSUERS = {
    "token.actions.githubusercontent.com": (
        "GitHub Actions", "https://github.com/", regex(r"^repo:([^/:*?]+/[^/:*?]+):(.+)$"),
    ),
    "gitlab.com": ("GitLab CI", "https://gitlab.com/", regex(r"^project_path:([^:*?]+/[^:*?]+):(.+)$")),
}  # fmt: skip
_GUARDED = "environment:"  # rules of an environment, such as a review, stand before its runs
_USER = regex(r"^arn:aws[\w-]*:iam::\d{12}:(?:user|role)/[\w+=,.@/-]{1,256}$")
SECRET = "secret in it"  # noqa: S105  the name of a relation


def of_roles(roles: Iterable[Thing], known: frozenset[str]) -> Iterator[Record]:
    """Yield the repositories that roles trust, each once, and the trusts; of roles that are `known` only."""
    said: set[Record] = set()
    for role in roles:
        arn = text(role.body, "Arn")
        for statement in statements_of(document(role.body.get("AssumeRolePolicyDocument"))) if arn in known else ():
            for one in deployers(arn, statement):
                if one not in said:
                    said.add(one)
                    yield one


def deployers(arn: str, statement: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the repositories whose pipelines may act as a role of AWS, by one statement of its trust policy.

    Who writes to a repository decides what its pipeline runs. A statement that names an environment holds under a
    condition: the environment may ask for a review first.
    """
    for issuer, (name, address, form) in _ISSUERS.items():
        if statement.get("Effect") != "Allow" or not _trusts(statement, issuer):
            continue
        for subject in _subjects(statement, issuer):
            found = form.match(subject)
            if found is None:
                yield Skipped(f"role {arn}", f"it trusts {name} for “{subject}”, which is no single repository")
                continue
            repository = msgspec.structs.replace(
                _packages.project(found[1], address + found[1]), authenticated=None
            )  # nobody looked into it
            yield repository
            note = f"{name}, under a condition" if found[2].startswith(_GUARDED) else name
            yield Relation(kind="trusts", source=f"asset:{arn}", target=f"asset:{repository.key}", note=note)


def _trusts(statement: Mapping[str, Any], issuer: str) -> bool:
    principal = statement.get("Principal")
    named = words(principal.get("Federated")) if isinstance(principal, dict) else ()
    return any(one.rpartition("oidc-provider/")[2] == issuer for one in named)


def _subjects(statement: Mapping[str, Any], issuer: str) -> list[str]:
    """The subjects that a statement's condition allows; `*` where it names none."""
    condition = statement.get("Condition")
    found: list[str] = []
    for operator, keys in condition.items() if isinstance(condition, dict) else ():
        if operator.lower().rpartition(":")[2] in ("stringequals", "stringlike") and isinstance(keys, dict):
            found.extend(one for key, value in keys.items() if key.lower() == f"{issuer}:sub" for one in words(value))
    return list(dict.fromkeys(found)) or ["*"]


_KEY = regex(r"^(?:AKIA|ASIA)[A-Z0-9]{12,124}$")


def access_key(name: str) -> tuple[str, str]:
    """The identifier that an access key gives to the identity it was made for; its name is no secret."""
    return "artifact", f"aws-access-key:{name.lower()}"


def owner_of_key(asset: str, name: str) -> Iterator[Record]:
    """Yield the identity that the access key `name`, found in `asset`, belongs to, whoever that turns out to be."""
    if _KEY.match(name):
        kind, value = access_key(name)
        yield Sighting(key=value, name=f"owner of access key {name}", kind="identity", identifiers=((kind, value),))
        yield Relation(kind="controls", source=f"asset:{asset}", target=f"asset:{value}", note=SECRET)


def owner(asset: str, arn: str) -> Iterator[Record]:
    """Yield the identity of AWS that a secret in `asset` belongs to, as the tool that tried the secret was told."""
    if _USER.match(arn):
        yield Sighting(key=arn, name=arn.rpartition("/")[2], kind="identity", identifiers=(("arn", arn),))
        yield Relation(kind="controls", source=f"asset:{asset}", target=f"asset:{arn}", note=SECRET)
