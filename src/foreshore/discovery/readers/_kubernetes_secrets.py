"""The secrets of each namespace as one thing that rights lead to, those that are known by name, and whose tokens they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._kubernetes_objects import Object, identity
from foreshore.discovery.readers._kubernetes_pods import own
from foreshore.discovery.readers._kubernetes_rights import Rights, namespace_of, thing
from foreshore.facts import Record, Sighting

_OF_TYPE = "kubernetes.io/service-account-token"
_OF = "kubernetes.io/service-account.name"
_HOLDS = "holds token"


class Secrets:
    """The secrets of one report; what is in them is never read."""

    def __init__(self, found: Iterable[Object], rights: Rights) -> None:
        self.rights = rights
        self.named = [one for one in found if one.kind == "Secret"]

    def records(self, namespaces: Iterable[str]) -> Iterator[Record]:
        """Yield the secrets that the report holds, and where roles may lead to them all of each namespace.

        Whether an account has a token among them is not known unless the report holds the secret: clusters before
        version 1.24 made one for every account.
        """
        for one in self.named:
            yield from self.secret(one)
        if not self.rights.roles and not self.rights.bindings:
            return
        tokens = {self.account(one) for one in self.named} - {""}
        for namespace in dict.fromkeys((*namespaces, *sorted({one.namespace for one in self.named}))):
            whole = identity("Secrets", namespace, "all")
            yield from self.rights.said.sighting(thing("Secrets", whole))
            yield from self.rights.within(whole, namespace, "secrets")
            yield from self.rights.holder(identity("ServiceAccount", namespace, "default"))
            for key in [one for one in self.rights.accounts if namespace_of(one) == namespace]:
                yield from self.rights.tie(
                    "controls", whole, key, _HOLDS if key in tokens else f"{_HOLDS}, under a condition"
                )
            for one in self.named:
                if one.namespace == namespace:
                    yield from self.rights.tie("controls", whole, one.key, "Contains secret")

    def secret(self, one: Object) -> Iterator[Record]:
        """Yield one secret, and the account whose token it holds."""
        seen = thing("Secret", one.key)
        kind = _naming.text(one.body.get("type"))
        shown = (*seen.attributes, *((("secret_type", kind),) if kind else ()))
        full: Sighting = msgspec.structs.replace(seen, identifiers=own(one), attributes=shown)
        yield from self.rights.said.sighting(full)
        if account := self.account(one):
            yield from self.rights.holder(account)
            yield from self.rights.tie("controls", one.key, account, _HOLDS)

    def account(self, one: Object) -> str:
        """The key of the account whose token a secret holds; '' for other secrets."""
        name = one.annotations.get(_OF, "") if _naming.text(one.body.get("type")) == _OF_TYPE else ""
        return identity("ServiceAccount", one.namespace, name) if name else ""
