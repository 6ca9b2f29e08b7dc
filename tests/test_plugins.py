"""A folder is its own registry."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from foreshore import plugins

MODULE = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Greeter:
    \"\"\"Greets.\"\"\"
    word: str = "{word}"

PLUGIN = Greeter()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package with two plugins, a module without one, and a private module."""
    name = "greeters_of_a_test"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "warm.py").write_text(MODULE.format(word="hello"))
    (folder / "cold.py").write_text(MODULE.format(word="good day"))
    (folder / "shared.py").write_text("ANSWER = 42\n")
    (folder / "_private.py").write_text("raise RuntimeError('a private module was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    plugins.load.cache_clear()
    yield name
    plugins.load.cache_clear()
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        del sys.modules[module]


def offer(monkeypatch: pytest.MonkeyPatch, package: str, *names: str) -> None:
    """Let third parties register `names`, all leading to one object of the package."""
    points = [EntryPoint(name, f"{package}.shared:ANSWER", package) for name in names]
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(points).select(group=group))


def test_every_module_with_a_plugin_is_found_by_its_file_name(package: str) -> None:
    found = plugins.load(package)
    assert list(found) == ["cold", "warm"]
    assert found["warm"].word == "hello"
    assert found["warm"].__doc__ == "Greets."


def test_another_attribute_can_be_asked_for(package: str) -> None:
    assert dict(plugins.load(package, "ANSWER")) == {"shared": 42}


def test_the_registry_cannot_be_changed(package: str) -> None:
    with pytest.raises(TypeError):
        plugins.load(package)["other"] = 1  # type: ignore[index]


def test_third_parties_come_after_our_own_and_replace_nothing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, package, "another", "warm")
    found = plugins.load(package)
    assert list(found) == ["cold", "warm", "another"]
    assert found["another"] == 42
    assert found["warm"].word == "hello"


def test_entry_points_of_other_packages_do_not_take_part(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("stranger", f"{package}.shared:ANSWER", "some.other.package")
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    assert "stranger" not in plugins.load(package)
