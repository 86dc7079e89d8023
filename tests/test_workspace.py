"""A new package joins by existing: what cannot find it by itself is named here."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]


def contract(name: str) -> dict[str, list[str]]:
    """One contract of import-linter."""
    (found,) = (each for each in LINTER["contracts"] if each["name"] == name)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_import_linter_knows_the_package(package: str) -> None:
    """It takes no patterns, so every package is in its lists."""
    module = package.replace("-", "_")
    assert module in LINTER["root_packages"]
    assert module in contract("The core knows no plugin")["forbidden_modules"]
    assert module in contract("Nobody imports torch or vllm")["source_modules"]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_has_what_each_has(package: str) -> None:
    """Types, tests, a changelog of its own, and a source archive that holds them."""
    folder = ROOT / "packages" / package
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert (folder / "src" / package.replace("-", "_") / "py.typed").exists()
    assert (folder / "README.md").exists()
    assert (folder / "CHANGELOG.md").exists()
    assert any((folder / "tests").glob("**/test_*.py"))
    assert project["tool"]["towncrier"]["directory"] == "changelog.d"
    assert {"src", "tests"} <= set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"])
