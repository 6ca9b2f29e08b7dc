"""Single sign-on, as the workspace's `foreshore.toml` names it; the secret stands in the environment.

[[sign_in]]
name = "Company"                        # what the button says
server = "https://login.example.com"    # the OpenID Connect issuer
client = "foreshore"
secret_env = "FORESHORE_OIDC_SECRET"
domains = ["example.com"]               # addresses here count as verified even where the issuer does not say so

[[sign_in]]
kind = "saml"                           # needs the extra `saml`
name = "Company SAML"
metadata = "https://login.example.com/metadata"
entity = "https://login.example.com/entity"
domains = ["example.com"]
"""

from __future__ import annotations

import os
import re
import tomllib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from foreshore.errors import WorkspaceError

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

KINDS = {"oidc": ("server", "client"), "saml": ("metadata", "entity")}


def sign_in_providers(workspace: Workspace) -> dict[str, Any]:
    """Return allauth's settings of the providers in `foreshore.toml`; raises WorkspaceError for one that is not whole."""
    found = _entries(workspace)
    return {
        "openid_connect": {
            "APPS": [_oidc(one) for one in found if one["kind"] == "oidc"], "OAUTH_PKCE_ENABLED": True
        },
        "saml": {"APPS": [_saml(one) for one in found if one["kind"] == "saml"]},
    }  # fmt: skip


def sign_in_apps(workspace: Workspace) -> list[str]:
    """Return the applications of Django that the named providers need."""
    kinds = {one["kind"] for one in _entries(workspace)}
    if "saml" not in kinds:
        return []
    if find_spec("onelogin") is None:
        raise WorkspaceError("SAML needs a package that is not installed", where="foreshore.toml, sign_in",
                             hint="pip install 'foreshore[saml]'")  # fmt: skip
    return ["allauth.socialaccount.providers.saml"]


def sign_in_origins(workspace: Workspace) -> list[str]:
    """Return the origins to which the sign-in form may lead: the providers', and those listed as `origins`."""
    found: list[str] = []
    for one in _entries(workspace):
        for url in [one.get("server") or one.get("entity") or "", one.get("metadata") or "", *one.get("origins", [])]:
            parts = urlsplit(str(url))
            if parts.scheme in ("http", "https") and parts.netloc:
                found.append(f"{parts.scheme}://{parts.netloc}")
    return list(dict.fromkeys(found))


def _entries(workspace: Workspace) -> list[dict[str, Any]]:
    text = (workspace.root / "foreshore.toml").read_text("utf-8")
    found = []
    for number, one in enumerate(tomllib.loads(text).get("sign_in", []), start=1):
        entry = {"kind": "oidc", **one}
        where = f"foreshore.toml, sign_in number {number}"
        if entry["kind"] not in KINDS:
            raise WorkspaceError(f"“{entry['kind']}” is no kind of sign-in", where=where, hint=", ".join(KINDS))
        for name in ("name", *KINDS[entry["kind"]]):
            if not isinstance(entry.get(name), str) or not entry[name].strip():
                raise WorkspaceError(f"it names no {name}", where=where, hint="docs/howto/serve.md shows a whole one")
        found.append(entry)
    return found


def _slug(one: dict[str, Any]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", one["name"].lower()).strip("-")


def _oidc(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "provider_id": _slug(one), "name": one["name"], "client_id": one["client"],
        "secret": os.environ.get(str(one.get("secret_env", "")), ""),
        "settings": {"server_url": one["server"], "fetch_userinfo": True, "domains": one.get("domains", [])},
    }  # fmt: skip


def _saml(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "provider_id": one["entity"], "name": one["name"], "client_id": _slug(one), "secret": "",
        "settings": {
            "idp": {"entity_id": one["entity"], "metadata_url": one["metadata"]},
            "use_nameid_for_email": bool(one.get("address_is_name_id", False)), "domains": one.get("domains", []),
            "advanced": {"want_assertion_signed": True, "strict": True, "reject_idp_initiated_sso": True},
        },
    }  # fmt: skip
