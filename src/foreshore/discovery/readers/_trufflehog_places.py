"""Where TruffleHog found a secret: repositories, images, buckets, files and the services it can search."""

from __future__ import annotations

from typing import NamedTuple

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _code_scans, _naming, _packages
from foreshore.discovery.readers._code_scans import Row, inner, text
from foreshore.facts import Sighting

_PATHS = ("file", "path", "filename", "key", "page", "file_path", "title", "location", "field_type", "variable_type")
_ASSETS = ("workspace_name", "workspace", "channel_name", "space", "project_name", "job_name", "project", "name")
_COMMIT = regex(r"^[0-9a-fA-F]{7,64}$")
_LINK = regex(r"^https?://[^\s@?]{3,600}$")  # a query may hold a token


class Place(NamedTuple):
    """The thing that was searched, and where in it."""

    asset: Sighting
    path: str = ""
    line: int = 0
    commit: str = ""
    time: str = ""
    link: str = ""
    note: str = ""


def of(row: Row) -> Place:
    """The place of a result of any version."""
    data = inner(row, "SourceMetadata", "Data")
    if not isinstance(data, dict):
        return _old(row)
    for kind, held in data.items():
        if isinstance(held, dict):
            return _new(str(kind).lower(), {str(key).lower(): value for key, value in held.items()})
    return Place(_code_scans.unnamed("TruffleHog"))


def _old(row: Row) -> Place:
    commit = text(row, "commitHash") or text(row, "commit")
    return Place(
        asset=_code_scans.unnamed("TruffleHog"),
        path=text(row, "path"),
        line=max(0, _naming.whole_number(inner(row, "line"))),
        commit=commit if _COMMIT.match(commit) else "",
        time=text(row, "date"),
    )


def _new(kind: str, held: Row) -> Place:
    path = next((value for name in _PATHS if (value := text(held, name))), "")
    commit, link = text(held, "commit"), text(held, "link")
    link = link if _LINK.match(link) else ""
    asset = _asset(kind, held)
    layer = text(held, "layer")
    return Place(
        asset=asset,
        path=path or link or kind,
        line=max(0, _naming.whole_number(inner(held, "line"))),
        commit=commit if _COMMIT.match(commit) else "",
        time=text(held, "timestamp").removesuffix(" UTC"),
        link=link,
        note=f"layer={layer}" if layer else "",
    )


def _asset(kind: str, held: Row) -> Sighting:
    if kind in (
        "git",
        "github",
        "gitlab",
        "bitbucket",
        "azurerepos",
        "azure_repos",
        "gerrit",
        "filesystem",
        "huggingface",
    ):
        return _repository(text(held, "repository") or text(held, "project"))
    if kind == "docker":
        return _image(text(held, "image"), text(held, "tag"))
    if kind in ("s3", "gcs"):
        return _bucket(kind, text(held, "bucket"))
    name = next((value for one in _ASSETS if (value := text(held, one))), "")
    shown = f"{kind}: {name}" if name else kind
    return Sighting(key=f"service {shown}", name=shown, kind="saas", identifiers=(("artifact", shown),))


def _repository(address: str) -> Sighting:
    """A repository by its address; of one that lies in a folder only the folder's name, never a login."""
    url = _packages.repository_url(address)
    name = "" if url else address.rstrip("/\\").replace("\\", "/").rpartition("/")[2].removesuffix(".git")
    if url or (name not in ("", ".", "..") and "@" not in name):
        return _packages.project(name, url)
    return _code_scans.unnamed("TruffleHog")


def _image(image: str, tag: str) -> Sighting:
    found: tuple[tuple[str, str], ...] = ()
    if image:
        digest = tag if tag.startswith("sha256:") else image.partition("@")[2]
        plain = image.partition("@")[0]
        written = plain if not tag or tag.startswith("sha256:") or ":" in plain.rpartition("/")[2] else f"{plain}:{tag}"
        found = _naming.image_identifiers([written], [digest])
    name = next((value for kind, value in found if kind == "image_ref"), "") or "image"
    return Sighting(
        key=f"image {found[0][1] if found else name}",
        name=name,
        kind="image",
        identifiers=found or (("artifact", name),),
        authenticated=True,
    )


def _bucket(kind: str, name: str) -> Sighting:
    shown = f"{kind}://{name}" if name else f"{kind} bucket"
    identifiers = (("arn", f"arn:aws:s3:::{name}"),) if kind == "s3" and name else (("artifact", shown),)
    return Sighting(key=f"bucket {shown}", name=name or shown, kind="data_store", identifiers=identifiers)
