"""What govulncheck says of Go modules: messages one after the other, and the single document of its first versions."""

from __future__ import annotations

from typing import Any

import msgspec

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._packages_osv import Osv


class Config(msgspec.Struct, gc=False):
    """The message that opens a report."""

    scanner_name: Scalar = None
    scanner_version: Scalar = None
    db_last_modified: Scalar = None
    go_version: Scalar = None
    scan_level: Scalar = None
    scan_mode: Scalar = None


class Module(msgspec.Struct, gc=False):
    """A module of the build."""

    path: Scalar = None
    version: Scalar = None


class Sbom(msgspec.Struct, gc=False):
    """The modules of the build; the one without a version is what was scanned."""

    modules: list[Module] | None = None
    roots: list[Scalar] | None = None


class Position(msgspec.Struct, gc=False):
    """A place in code."""

    filename: Scalar = None
    line: Scalar = None


class Frame(msgspec.Struct, gc=False):
    """A step from the vulnerable symbol (first) to what was scanned (last)."""

    module: Scalar = None
    version: Scalar = None
    package: Scalar = None
    function: Scalar = None
    receiver: Scalar = None
    position: Position | None = None


class Trace(msgspec.Struct, gc=False):
    """One way in which a vulnerability was met: required, imported, or called."""

    osv: Scalar = None
    fixed_version: Scalar = None
    trace: list[Frame] | None = None


class _OldFrame(msgspec.Struct, gc=False):
    PkgPath: Scalar = None
    FuncName: Scalar = None
    RecvType: Scalar = None
    Position: dict[str, Any] | None = None


class _OldStack(msgspec.Struct, gc=False):
    Frames: list[_OldFrame] | None = None


class _OldPackage(msgspec.Struct, gc=False):
    Path: Scalar = None
    CallStacks: list[_OldStack] | None = None


class _OldModule(msgspec.Struct, gc=False):
    Path: Scalar = None
    FoundVersion: Scalar = None
    FixedVersion: Scalar = None
    Packages: list[_OldPackage] | None = None


class Old(msgspec.Struct, gc=False):
    """A vulnerability in one piece; of the very first form only symbol, package and module are known."""

    OSV: Osv | None = None
    Modules: list[_OldModule] | None = None
    Symbol: Scalar = None
    PkgPath: Scalar = None
    ModPath: Scalar = None
    CallSink: Scalar = None


class _RequiredModule(msgspec.Struct, gc=False):
    Path: Scalar = None
    Version: Scalar = None


class Required(msgspec.Struct, gc=False):
    """The modules of the very first form, by a number."""

    Modules: dict[str, _RequiredModule] | None = None


class Message(msgspec.Struct, gc=False):
    """One message, of which one part is set; or the single document with `Vulns`."""

    config: Config | None = None
    SBOM: Sbom | None = None
    progress: Any = None
    osv: Osv | None = None
    finding: Trace | None = None
    Vulns: list[msgspec.Raw] | msgspec.UnsetType | None = msgspec.UNSET
    Requires: Required | None = None


def older(old: Old, versions: dict[str, str]) -> list[Trace]:
    """A vulnerability of the older form as traces of the newer one; `versions` are those of modules."""
    name = old.OSV.id if old.OSV is not None else None
    if old.Modules is None:
        called = old.Symbol if _naming.whole_number(old.CallSink) else None
        version = versions.get(_naming.text(old.ModPath))
        return [
            Trace(osv=name, trace=[Frame(module=old.ModPath, version=version, package=old.PkgPath, function=called)])
        ]
    found = []
    for module in old.Modules:
        first = Frame(module=module.Path, version=module.FoundVersion)
        traces = [Trace(osv=name, fixed_version=module.FixedVersion, trace=[first])]
        for package in module.Packages or ():
            start = Frame(module=module.Path, version=module.FoundVersion, package=package.Path)
            traces.append(Trace(osv=name, fixed_version=module.FixedVersion, trace=[start]))
            for stack in package.CallStacks or ():
                frames = _frames(module, stack)
                traces.append(Trace(osv=name, fixed_version=module.FixedVersion, trace=frames))
        found.extend(traces)
    return found


def _frames(module: _OldModule, stack: _OldStack) -> list[Frame]:
    """The older form writes the caller first."""
    found = []
    for one in reversed(stack.Frames or ()):
        place = one.Position or {}
        position = Position(filename=_naming.text(place.get("Filename")), line=_naming.whole_number(place.get("Line")))
        found.append(Frame(package=one.PkgPath, function=one.FuncName, receiver=one.RecvType, position=position))
    if found:
        found[0].module, found[0].version = module.Path, module.FoundVersion
    return found or [Frame(module=module.Path, version=module.FoundVersion)]
