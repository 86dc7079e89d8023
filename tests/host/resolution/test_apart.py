"""Distributions that no installation can satisfy together."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from vmon_core.host.resolution.apart import apart
from vmon_core.host.resolution.records import Candidate

needs_it = pytest.mark.skipif(
    not hasattr(SpecifierSet, "is_unsatisfiable"), reason="this packaging cannot tell (before 26.1)"
)


def candidate(name: str, *requires: str) -> Candidate:
    """A plugin of a distribution of the same name."""
    return Candidate(name=name, distribution=name, version="1.0", requires=requires)


@needs_it
@pytest.mark.parametrize(
    ("one", "other", "never"),
    [
        ("lib>=2", "lib<2", True),
        ("lib>=2", "Lib_>=1", False),
        ("lib>=2", "LIB<2", True),
        ("lib==1.0", "lib==1.1", True),
        ("lib~=1.4", "lib>=1.4.5", False),
        ("lib>=1,<2", "lib>=2", True),
        ("lib", "lib<2", False),
        ("lib>=2; python_version < '3'", "lib<2", False),
    ],
)
def test_pair(one: str, other: str, never: bool) -> None:  # noqa: FBT001 (a parameter of the table)
    """Only ranges that exclude each other do, under the names that are canonical and the markers that hold here."""
    found = apart([candidate("b", other), candidate("a", one)], {"python_version": "3.11"})
    assert [(a.one, a.other, a.package) for a in found] == ([("a 1.0", "b 1.0", "lib")] if never else [])


@needs_it
def test_sentence() -> None:
    """It names both, with their versions, and what each wants."""
    (found,) = apart([candidate("a", "lib>=2", "lib!=2.1"), candidate("b", "lib<2")], {})
    assert str(found) == "a 1.0 and b 1.0 can never be installed together: one needs lib!=2.1,>=2, the other lib<2"


def test_packaging_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is claimed."""
    monkeypatch.delattr(SpecifierSet, "is_unsatisfiable", raising=False)
    assert apart([candidate("a", "lib>=2"), candidate("b", "lib<2")], {}) == ()
