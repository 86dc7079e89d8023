"""Requirements as PEP 508 writes them: over distributions, capabilities and facts alike."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

read = lru_cache(maxsize=1024)(Requirement)
"""Reads one requirement; a resolution looks at each several times."""


def required(requirements: Iterable[str], environment: Mapping[str, str]) -> Iterator[Requirement]:
    """Read requirements and leave out those that do not count here; what pip let pass unread is passed over."""
    for text in requirements:
        with suppress(InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            requirement = read(text)
            if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""}):
                yield requirement
