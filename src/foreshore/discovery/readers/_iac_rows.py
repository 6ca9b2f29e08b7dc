"""Findings of scanners that read infrastructure as code: files in a project, and what is set wrong in them."""

from __future__ import annotations

from pathlib import PurePosixPath

from foreshore.facts import Sighting


def project(tool: str, name: str = "", url: str = "") -> Sighting:
    """The asset of a report: its repository, else the folder it calls by name, else only that `tool` read it."""
    shown = name.strip() or f"code scanned by {tool}"
    identifiers = [("artifact", shown)]
    if url:
        plain = url.strip().removesuffix("/").removesuffix(".git").lower()
        identifiers.insert(0, ("repo_url", plain))
    return Sighting(
        key=f"project {shown}",
        name=shown,
        kind="repository",
        identifiers=tuple(identifiers),
        authenticated=True,
    )


def root_of(absolute: str, relative: str) -> str:
    """The folder that was scanned, from a file's absolute path and its path within; '' where they do not fit."""
    absolute, relative = absolute.replace("\\", "/"), "/" + relative.replace("\\", "/").lstrip("/")
    root = absolute.removesuffix(relative) if absolute.endswith(relative) else ""
    return root if len(root) > 3 else ""


def place(path: str, resource: str, also: str = "") -> str:
    """Where a setting is: file, resource and what else tells two of them apart. The line does not count."""
    return " ".join(part for part in (path, resource, also) if part)


def file_of(path: str) -> str:
    """A path with forward slashes, without a leading `./`."""
    path = path.replace("\\", "/")
    return str(PurePosixPath(path)) if path else ""
