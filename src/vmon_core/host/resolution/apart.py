"""Which distributions of plugins can never be installed together, and over what."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

import attrs
from packaging.utils import canonicalize_name

from vmon_core.host.resolution.requirements import required

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.specifiers import SpecifierSet

    from vmon_core.host.resolution.records import Candidate


@attrs.frozen(kw_only=True)
class Apart:
    """Two distributions that no version of a package satisfies at once.

    Attributes:
        one, other: the two, each with its version.
        package: what both require.
        one_wants, other_wants: which versions of it.
    """

    one: str
    other: str
    package: str
    one_wants: str
    other_wants: str

    def __str__(self) -> str:
        return (
            f"{self.one} and {self.other} can never be installed together: "
            f"one needs {self.package}{self.one_wants}, the other {self.package}{self.other_wants}"
        )


def apart(candidates: Iterable[Candidate], environment: Mapping[str, str]) -> tuple[Apart, ...]:
    """Find the pairs that can never be installed together.

    Ranges of versions that overlap in pairs overlap all at once, so that no more than two need to be looked at.

    Args:
        candidates: the plugins; several of one distribution count once.
        environment: the values of PEP 508 markers.

    Returns:
        One record for each pair and package, in the order of their names.
    """
    wanted: dict[str, dict[str, SpecifierSet]] = defaultdict(dict)
    for candidate in sorted(candidates, key=lambda c: c.source):
        for requirement in required(candidate.requires, environment):
            package = wanted[canonicalize_name(requirement.name)]
            package[candidate.source] = package.get(candidate.source, requirement.specifier) & requirement.specifier
    return tuple(
        Apart(one=one, other=other, package=package, one_wants=str(wants[one]), other_wants=str(wants[other]))
        for package, wants in sorted(wanted.items())
        for one, other in combinations(wants, 2)
        if _contradict(wants[one], wants[other])
    )


def _contradict(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether no version is in both; packaging before 26.1 cannot tell, and then nothing is claimed."""
    both = one & other
    is_unsatisfiable = getattr(both, "is_unsatisfiable", lambda: False)
    return bool(is_unsatisfiable())
