"""Packages made from the template: one for every combination of hooks that it offers."""

from __future__ import annotations

import itertools
from pathlib import Path

import attrs
import pytest

from vmon_core.template import KINDS, LICENCES, make_package

COMBINATIONS = [kinds for size in range(1, len(KINDS) + 1) for kinds in itertools.combinations(KINDS, size)]
"""Every choice of hooks but none."""

LONG = {"summary": "S" * 80, "author": "A" * 80}
"""The longest answers; lines must still fit."""


@attrs.frozen
class Made:
    """A package that was made, and the answers that it was made of."""

    folder: Path
    name: str
    kinds: tuple[str, ...]
    licence: str

    @property
    def source(self) -> Path:
        """What must be on the path to import it."""
        return self.folder / "src"


def make(into: Path, number: int, kinds: tuple[str, ...]) -> Made:
    """Make one package; every second one has a name and answers as long as they may be, and licences take turns."""
    long, licence = number % 2 == 0, LICENCES[number % len(LICENCES)]
    name = f"k{number}-".ljust(30, "x") if long else f"k{number}"
    return Made(make_package(name, into, kinds=kinds, licence=licence, **(LONG if long else {})), name, kinds, licence)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """All of them, each under a name of its own, so that they fit into one environment."""
    into = tmp_path_factory.mktemp("product")
    return [make(into, number, kinds) for number, kinds in enumerate(COMBINATIONS)]
