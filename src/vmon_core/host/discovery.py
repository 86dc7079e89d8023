"""Find plugins by their entry points, importing none of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import importlib_metadata
from packaging.utils import canonicalize_name

from vmon_core.host.failures import describe
from vmon_core.host.resolution.records import Candidate
from vmon_core.plugin import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable


def discover() -> tuple[Candidate, ...]:
    """List the plugins that installed distributions announce, by name.

    Returns:
        One candidate an entry point; several may have the same name.
    """
    try:
        found = list(map(_candidate, importlib_metadata.entry_points(group=ENTRY_POINT_GROUP)))
    except Exception:  # noqa: BLE001 (any file of any distribution may be damaged in any way)
        found = [candidate for each in _distributions() for candidate in _candidates(each)]
    return tuple(sorted(found, key=lambda c: (c.name, c.distribution)))


def _distributions() -> Iterable[importlib_metadata.Distribution]:
    """Every distribution that can say its name; of two with one name the first on the path is what gets imported."""
    found: dict[str, importlib_metadata.Distribution] = {}
    for distribution in importlib_metadata.Distribution.discover():
        with suppress(Exception):
            found.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution)
    return found.values()


def _candidates(distribution: importlib_metadata.Distribution) -> list[Candidate]:
    """Read one distribution by itself, so that a damaged one costs only itself; slower than all at once."""
    try:
        return [_candidate(point) for point in distribution.entry_points.select(group=ENTRY_POINT_GROUP)]
    except Exception as error:  # noqa: BLE001 (as above)
        name = distribution.metadata["Name"]
        return [Candidate(name=name, distribution=name, flaw=f"its entry points cannot be read: {describe(error)}")]


def _candidate(point: importlib_metadata.EntryPoint) -> Candidate:
    distribution = point.dist
    if distribution is None:
        return Candidate(name=point.name, value=point.value)
    try:
        return Candidate(
            name=point.name,
            value=point.value,
            distribution=distribution.metadata["Name"],
            version=distribution.version,
            requires=tuple(distribution.requires or ()),
            python=distribution.metadata.get("Requires-Python") or "",
        )
    except (importlib_metadata.PackageNotFoundError, KeyError, ValueError) as error:
        flaw = f"the metadata of its distribution cannot be read: {describe(error)}"
        return Candidate(name=point.name, value=point.value, flaw=flaw)


def installed_version(name: str) -> str | None:
    """The installed version of a distribution, None when it is not installed."""
    try:
        return importlib_metadata.version(name)
    except importlib_metadata.PackageNotFoundError:
        return None
