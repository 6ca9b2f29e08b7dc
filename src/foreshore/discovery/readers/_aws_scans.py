"""Findings of Amazon ECR's own scans of images: the basic one, and the one that Amazon Inspector does for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._aws_assets import digest_of
from foreshore.discovery.readers._aws_shapes import Thing, World, listed, mapping, text
from foreshore.facts import Covered, Finding, Record, Sighting, Skipped, Word

_DONE = ("COMPLETE", "ACTIVE")
_WORDS: dict[str, Word] = {"SUPPRESSED": "suppressed", "CLOSED": "fixed"}
# What Inspector calls package managers, as the beginnings of package names that `_naming` knows.
_MANAGERS = {
    "NPM": "npm", "NODEPKG": "npm", "YARN": "npm", "PNPM": "npm", "PIP": "pip", "PIPENV": "pip", "POETRY": "pip",
    "PYTHONPKG": "pip", "JAR": "jar", "POM": "jar", "GOBINARY": "gomod", "GOMOD": "gomod", "GEMSPEC": "gem",
    "BUNDLER": "gem", "CARGO": "cargo", "NUGET": "nuget", "DOTNET_CORE": "nuget", "COMPOSER": "composer", "PHP": "composer",
}  # fmt: skip


def scans(world: World, known: frozenset[str]) -> Iterator[Record]:
    """Yield images that only a scan names, findings, and coverage of scans that were answered to the end."""
    seen = set(known)
    whole: set[str] = set()
    partial = {one.about.get("imageDigest", "") for one in world.of("partial_scan")}
    for thing in world.of("scan"):
        key = digest_of(mapping(thing.body, "imageId"))
        if not key:
            world.skipped.append(
                Skipped(f"scan in {text(thing.body, 'repositoryName')}", "names no image by its digest")
            )
            continue
        if key not in seen:
            seen.add(key)
            yield _image(thing, key)
        yield from _findings(thing, key)
        whole.discard(key)
        if text(mapping(thing.body, "imageScanStatus"), "status") in _DONE and not text(thing.body, "nextToken"):
            whole.add(key)
    for key in sorted(whole - partial):
        yield Covered(asset=key, authenticated=True)


def _image(thing: Thing, key: str) -> Sighting:
    repository, tag = text(thing.body, "repositoryName"), text(mapping(thing.body, "imageId"), "imageTag")
    return Sighting(
        key=key, name=f"{repository}:{tag}" if tag else f"{repository}@{key[:19]}", kind="image",
        identifiers=(("image_digest", key),), attributes=(("provider", "aws"), ("repository", repository)),
    )  # fmt: skip


def _findings(thing: Thing, key: str) -> Iterator[Finding]:
    about = mapping(thing.body, "imageScanFindings")
    when = text(about, "imageScanCompletedAt")
    for one in listed(about, "findings"):
        yield _basic(one, key, when)
    for one in listed(about, "enhancedFindings"):
        yield from _enhanced(one, key, when)


def _basic(one: Mapping[str, Any], key: str, when: str) -> Finding:
    more = {text(each, "key"): text(each, "value") for each in listed(one, "attributes")}
    name, package = text(one, "name"), more.get("package_name", "")
    vector = more.get("CVSS4_VECTOR") or more.get("CVSS3_VECTOR") or more.get("CVSS2_VECTOR") or ""
    score = more.get("CVSS4_SCORE") or more.get("CVSS3_SCORE") or more.get("CVSS2_SCORE") or ""
    return Finding(
        asset=key, rule=name or "finding", title=f"{name}: {package}" if package else name or "finding of an image scan",
        severity=_naming.severity(text(one, "severity")), weaknesses=_naming.weakness(name), component_name=package,
        version=more.get("package_version", ""), cvss_vector=vector, cvss_score=_naming.score(score), proof="package",
        description=text(one, "description"), references=(uri,) if (uri := text(one, "uri")) else (),
        observed_at=_naming.when(when),
    )  # fmt: skip


def _enhanced(one: Mapping[str, Any], key: str, when: str) -> Iterator[Finding]:
    details = mapping(one, "packageVulnerabilityDetails")
    identifier = text(details, "vulnerabilityId") or text(one, "title") or "finding"
    scored = next((each for each in listed(details, "cvss") if text(each, "version").startswith(("3", "4"))), {})
    for package in listed(details, "vulnerablePackages") or [{}]:
        name = text(package, "name")
        fixed = text(package, "fixedInVersion").removeprefix("0:")
        yield Finding(
            asset=key, rule=identifier, title=text(one, "title") or identifier,
            severity=_naming.severity(text(one, "severity")), weaknesses=_naming.weakness(identifier),
            component=_naming.built_package(_MANAGERS.get(text(package, "packageManager").upper(), ""), name),
            component_name=name, version=_version(package),
            fixed_version="" if fixed.lower().replace(" ", "") in ("notavailable", "none") else fixed,
            path=text(package, "filePath"), cvss_vector=text(scored, "scoringVector"),
            cvss_score=_naming.score(scored.get("baseScore")), proof="package" if name else "unknown",
            word=_WORDS.get(text(one, "status"), "open"), description=text(one, "description"),
            solution=text(mapping(mapping(one, "remediation"), "recommendation"), "text"),
            references=(uri,) if (uri := text(details, "sourceUrl")) else (),
            first_seen=_naming.when(text(one, "firstObservedAt")),
            observed_at=_naming.when(text(one, "lastObservedAt") or when),
        )  # fmt: skip


def _version(package: Mapping[str, Any]) -> str:
    """As package managers write it: epoch, version and release, without what is missing or zero."""
    version, release = text(package, "version"), text(package, "release")
    shown = f"{version}-{release}" if version and release else version
    epoch = _naming.whole_number(package.get("epoch"))
    return f"{epoch}:{shown}" if epoch and shown else shown
