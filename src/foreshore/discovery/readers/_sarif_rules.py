"""The rules of a SARIF run: what is the same for all results of one rule, worked out once."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._decoding import Scalar, each
from foreshore.facts import ExposureKind, Severity


class _Text(msgspec.Struct, gc=False):
    text: Scalar = None


class Message(msgspec.Struct, gc=False):
    """A message: its text, or the name of one with arguments."""

    text: Scalar = None
    markdown: Scalar = None
    id: Scalar = None
    arguments: list[Scalar] | None = None


class _Configuration(msgspec.Struct, gc=False):
    level: Scalar = None


class _Target(msgspec.Struct, gc=False):
    id: Scalar = None


class _Relationship(msgspec.Struct, gc=False):
    target: _Target | None = None


class _Rule(msgspec.Struct, gc=False):
    id: Scalar = None
    name: Scalar = None
    shortDescription: _Text | None = None
    fullDescription: _Text | None = None
    help: _Text | None = None
    helpUri: Scalar = None
    defaultConfiguration: _Configuration | None = None
    messageStrings: dict[str, _Text] | None = None
    properties: dict[str, Any] | None = None
    relationships: list[_Relationship] | None = None


class _Component(msgspec.Struct, gc=False):
    name: Scalar = None
    version: Scalar = None
    semanticVersion: Scalar = None
    rules: list[msgspec.Raw] | None = None
    globalMessageStrings: dict[str, _Text] | None = None


class Tool(msgspec.Struct, gc=False):
    """The tool of a run."""

    driver: _Component | None = None
    extensions: list[_Component] | None = None


class Rule(msgspec.Struct, frozen=True):
    """What results of one rule have in common."""

    id: str
    title: str
    titled: bool
    severity: Severity | None
    level: str
    score: float | None
    weaknesses: tuple[str, ...]
    kind: ExposureKind
    secret: bool
    cwes: tuple[int, ...]
    tags: tuple[str, ...]
    description: str
    help: str
    references: tuple[str, ...]
    messages: dict[str, str]
    package: tuple[str, str, str]  # name, version, fixed version where the rule is about one package


_DECODER: msgspec.json.Decoder[_Rule] = msgspec.json.Decoder(_Rule)
_NO_PACKAGE = ("", "", "")
_PACKAGE_LINES = regex(r"^(Package|Version|Fix Version): (.*)$", re.MULTILINE)
_ARGUMENT = regex(r"\{(\d+)\}")
_CWE_TAG = regex(r"cwe[-:/ ]*0*(\d+)", re.IGNORECASE)
_INFRASTRUCTURE = regex(r"checkov|tfsec|kics|terrascan|kube|dockle|hadolint|conftest|cfn|prowler", re.IGNORECASE)


def digest(text: str) -> str:
    """A short digest of code, white space folded: the code is not stored and indentation does not count."""
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8", "replace"), digest_size=12).hexdigest()


def security_severity(properties: dict[str, Any]) -> Severity | None:
    """The severity that a property bag states: a score from 0 to 10, or a word."""
    value = properties.get("security-severity")
    if value is None or value == "":
        return None
    score = _naming.number(value)
    if score is not None:
        return _naming.of_score(score)
    return _naming.severity(value)


class Rules:
    """The rules of a tool by identifier and number; one that is not listed is known by its identifier."""

    def __init__(self, tool: Tool | None) -> None:
        driver = (tool.driver if tool is not None else None) or _Component()
        self.tool = _naming.text(driver.name)
        self.globals = {name: _naming.text(one.text) for name, one in (driver.globalMessageStrings or {}).items()}
        self._listed: list[_Rule] = list(each(_DECODER, driver.rules, "rules", lambda _skipped: None))
        whole = len(self._listed) == len(driver.rules or ())
        self._by_number = self._listed if whole else []
        self._by_id = {_naming.text(one.id): one for one in self._listed}
        for extension in (tool.extensions if tool is not None else None) or ():
            for one in each(_DECODER, extension.rules, "rules", lambda _skipped: None):
                self._by_id.setdefault(_naming.text(one.id), one)
        self._made: dict[tuple[str, int | None], Rule] = {}

    def names(self) -> tuple[str, ...]:
        """The identifiers of all rules that are listed, sorted."""
        return tuple(sorted(self._by_id.keys() - {""}))

    def of(self, identifier: str, number: int | None) -> Rule:
        """The rule of a result that gives an identifier, a number, or both."""
        found = self._made.get((identifier, number))
        if found is None:
            found = self._made[identifier, number] = self._make(identifier, number)
        return found

    def _make(self, identifier: str, number: int | None) -> Rule:
        listed = self._by_id.get(identifier)
        if listed is None and number is not None and 0 <= number < len(self._by_number):
            listed = self._by_number[number]
        if listed is None:
            listed = self._by_id.get(identifier.rpartition("/")[0])
        listed = listed or _Rule()
        return _made(identifier or _naming.text(listed.id) or "unknown", listed, self.tool)

    def message(self, rule: Rule, message: Message | None) -> str:
        """The text of a result's message, its arguments put in."""
        if message is None:
            return rule.description or rule.title
        found = message.text if type(message.text) is str else _naming.text(message.text)
        if not found and message.id is not None:
            name = _naming.text(message.id)
            found = rule.messages.get(name) or self.globals.get(name) or ""
        if message.arguments and "{" in found:
            values = [_naming.text(one) for one in message.arguments]
            found = _ARGUMENT.sub(
                lambda place: values[int(place[1])] if len(place[1]) < 4 and int(place[1]) < len(values) else place[0],
                found,
            )
        return found or _naming.text(message.markdown) or rule.description or rule.title


def _text(value: _Text | None) -> str:
    return _naming.text(value.text).strip() if value is not None else ""


def _made(identifier: str, listed: _Rule, tool: str) -> Rule:
    properties = listed.properties or {}
    tags = properties.get("tags")
    words = tuple(one for one in tags if isinstance(one, str)) if isinstance(tags, list) else ()
    weaknesses = _naming.public_ids(identifier)
    short, name = _text(listed.shortDescription), _naming.text(listed.name)
    kind: ExposureKind = "code"
    if weaknesses:
        kind = "vulnerability"
    elif _INFRASTRUCTURE.search(tool) or any(word.lower() in ("misconfiguration", "iac") for word in words):
        kind = "misconfiguration"
    level = listed.defaultConfiguration.level if listed.defaultConfiguration is not None else None
    links = (
        _naming.text(listed.helpUri),
        _text(listed.help) if _text(listed.help).startswith("http") else "",
    )
    return Rule(
        id=identifier,
        title=short or name or identifier,
        titled=bool(short or name),
        severity=security_severity(properties),
        level=_naming.text(level) or "warning",
        score=_naming.score(properties.get("security-severity")) if weaknesses else None,
        weaknesses=weaknesses,
        kind=kind,
        secret=any(word.lower() in ("secret", "secrets") for word in words),
        cwes=_cwes(listed, words, properties),
        tags=words,
        description=_text(listed.fullDescription) or short,
        help="" if links[1] else _text(listed.help),
        references=tuple(dict.fromkeys(link for link in links if link)),
        messages={key: _text(one) for key, one in (listed.messageStrings or {}).items()},
        package=_package(_text(listed.help)) if weaknesses else _NO_PACKAGE,
    )


def _package(help_text: str) -> tuple[str, str, str]:
    """Package, version and fix as Grype writes them into the help of a rule."""
    found = dict(_PACKAGE_LINES.findall(help_text))
    return found.get("Package", ""), found.get("Version", ""), found.get("Fix Version", "")


def _cwes(listed: _Rule, words: tuple[str, ...], properties: dict[str, Any]) -> tuple[int, ...]:
    targets = [
        _naming.text(one.target.id) for one in listed.relationships or () if one.target is not None and one.target.id
    ]
    stated = properties.get("cwe")
    texts = [*words, *targets, *(stated if isinstance(stated, list) else [stated])]
    found = [match.group(1) for text in texts if (match := _CWE_TAG.search(_naming.text(text)))]
    if isinstance(stated, (int, str)) and _naming.text(stated).isdigit():
        found.append(_naming.text(stated))
    return _naming.cwes(found)
