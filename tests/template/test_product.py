"""What the template makes is clean and passes its own tests, for every combination of hooks and every licence."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from tests.template.conftest import COMBINATIONS, Made

from vmon_core.template import KINDS, LICENCES, make_package

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BATCH = 16
"""Packages that share a process: each finds all the plugins of its process, so many would take long."""


def announce(made: Made, site: Path) -> None:
    """Do what an editable installation does to be found, without the time that one takes."""
    project: dict[str, Any] = tomllib.loads((made.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {value}" for name, value in project["entry-points"]["vmon.plugins"].items()]
    (info / "entry_points.txt").write_text("\n".join(["[vmon.plugins]", *lines]))


def run(*command: str, path: Iterable[Path] = ()) -> None:
    """Run a tool of this environment; `path` is searched for packages first."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), "MYPYPATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_style(product: list[Made]) -> None:
    """Each package is clean by the rules that it brings along."""
    folders = [str(made.folder) for made in product]
    run("ruff", "check", "--no-cache", *folders)
    run("ruff", "format", "--check", "--no-cache", *folders)


def test_types(product: list[Made], tmp_path: Path) -> None:
    """Sources and tests pass mypy's strict mode; tests get names of their own, to fit into one run."""
    sources = [str(made.source) for made in product]
    for made in product:
        for test in (made.folder / "tests").glob("*.py"):
            shutil.copy(test, tmp_path / f"{test.stem}_{made.name.replace('-', '_')}.py")
    run("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *sources, str(tmp_path))


@pytest.mark.parametrize("first", range(0, len(COMBINATIONS), BATCH))
def test_generated_tests_pass(product: list[Made], tmp_path: Path, first: int) -> None:
    """The suite of each package passes as it was generated."""
    batch = product[first : first + BATCH]
    for made in batch:
        announce(made, tmp_path)
    folders = [str(made.folder / "tests") for made in batch]
    settings = str(batch[0].folder / "pyproject.toml")
    run("pytest", "-c", settings, "-p", "no:cacheprovider", *folders, path=[tmp_path, *(m.source for m in batch)])


@pytest.mark.parametrize("kind", KINDS)
def test_only_code_for_the_chosen_kinds(product: list[Made], kind: str) -> None:
    """A package for one kind has its hook, its tests, and no others."""
    (made,) = (made for made in product if made.kinds == (kind,))
    tests = {path.name for path in (made.folder / "tests").iterdir()}
    assert tests == {"test_plugin.py", f"test_{kind}.py"}
    plugin = next(made.source.glob("*/plugin.py")).read_text(encoding="utf-8")
    others = set(HOOKS) - {kind}
    assert f"def {HOOKS[kind]}(" in plugin
    assert [other for other in others if HOOKS[other] in plugin] == []


HOOKS = {
    "collector": "vmon_collect",
    "analyzer": "vmon_analyze",
    "guardrail": "vmon_guardrail",
    "lifecycle": "vmon_lifecycle",
    "intervention": "vmon_intervene",
    "exporter": "vmon_export",
    "command": "vmon_commands",
}


def test_nothing_is_left_of_the_template(product: list[Made]) -> None:
    """No braces of the template, no doubled blank lines in texts, no trailing space."""
    for made in product:
        for path in (path for path in made.folder.rglob("*") if path.is_file()):
            text = path.read_text(encoding="utf-8")
            assert "cookiecutter" not in text, path
            assert "{%" not in text, path
            assert path.suffix != ".md" or "\n\n\n" not in text, path
            assert [line for line in text.splitlines() if line != line.rstrip()] == [], path


def test_licence_changes_nothing_else(tmp_path: Path) -> None:
    """Only LICENSE and pyproject.toml depend on it, so that the combinations above need not be tried for each one."""
    made = [make_package("same", tmp_path / licence, kinds=KINDS, licence=licence) for licence in LICENCES]
    for first, second in itertools.pairwise(made):
        files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
        differing = [str(file) for file in files if (first / file).read_bytes() != (second / file).read_bytes()]
        assert differing == ["LICENSE", "pyproject.toml"]


@pytest.mark.parametrize(
    ("licence", "expression", "text"),
    [
        ("Apache-2.0", "Apache-2.0", "Apache License"),
        ("MIT", "MIT", "MIT License"),
        ("BSD-3-Clause", "BSD-3-Clause", "BSD 3-Clause License"),
        ("proprietary", "LicenseRef-Proprietary", "All rights reserved"),
    ],
)
def test_licence(tmp_path: Path, licence: str, expression: str, text: str) -> None:
    """Its text is there, and its SPDX expression in the metadata; what is proprietary is never uploaded."""
    folder = make_package("licensed", tmp_path, licence=licence, author="Ada Lovelace")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == expression
    assert (project.get("classifiers") == ["Private :: Do Not Upload"]) == (licence == "proprietary")
    assert text in (folder / "LICENSE").read_text(encoding="utf-8")
    assert project["authors"] == [{"name": "Ada Lovelace"}]
