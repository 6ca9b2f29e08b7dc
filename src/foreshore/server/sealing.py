"""Secrets that the service has to keep (webhooks'): sealed with a key that stands outside the database.

The key comes from the workspace's own key file, a different one for each purpose; a copy of the database
alone opens nothing.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foreshore.errors import WorkspaceError
from foreshore.workspace import Workspace

_NONCE = 12


def seal(workspace: Workspace, purpose: str, secret: bytes) -> bytes:
    """Return the sealed secret (AES-256-GCM, with a fresh nonce before it), to be kept in the database."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(workspace.secret(f"sealed {purpose}")).encrypt(nonce, secret, purpose.encode())


def opened(workspace: Workspace, purpose: str, sealed: bytes) -> bytes:
    """Return a secret that `seal` sealed for the same purpose; raises WorkspaceError for any other bytes."""
    nonce, rest = bytes(sealed[:_NONCE]), bytes(sealed[_NONCE:])
    try:
        return AESGCM(workspace.secret(f"sealed {purpose}")).decrypt(nonce, rest, purpose.encode())
    except (InvalidTag, ValueError):
        raise WorkspaceError(
            "a sealed secret cannot be opened", where=purpose, hint="the key file of this workspace, or set it anew"
        ) from None


_NAMES = "names of persons"


def pseudonym(workspace: Workspace, name: str) -> str:
    """Return what stands in place of a person's name for who may not read names: always the same for one name."""
    import hmac

    return f"person-{hmac.new(workspace.secret(_NAMES), name.encode(), 'sha256').hexdigest()[:10]}"
