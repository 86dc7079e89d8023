"""Find plugins by their entry points, importing none of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs
import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vmon_core.plugin import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

CORE = "vmon-core"


@attrs.frozen
class Candidate:
    """A plugin that an installed distribution announces.

    Attributes:
        name: the entry point's name.
        value: what it points to, as in `package.module:object`.
        distribution, version: who announces it.
        unmet: requirements of that distribution that what is installed does not meet.
    """

    name: str
    value: str
    distribution: str
    version: str
    entry_point: importlib_metadata.EntryPoint = attrs.field(eq=False, repr=False)
    unmet: tuple[str, ...] = ()


@attrs.frozen
class Rejection:
    """A plugin that is not loaded, and why.

    Attributes:
        name: the plugin's name.
        reason: why it is not loaded.
        help: what would help.
        distribution, version: who announced it, "" for plugins of this process.
    """

    name: str
    reason: str
    help: str = ""
    distribution: str = ""
    version: str = ""

    def describe(self) -> dict[str, object]:
        """The rejection as plain data."""
        return attrs.asdict(self)


def discover() -> tuple[Candidate, ...]:
    """List the plugins that installed distributions announce, by name.

    Returns:
        One candidate an entry point; several may have the same name.
    """
    points = importlib_metadata.entry_points(group=ENTRY_POINT_GROUP)
    return tuple(sorted(map(_candidate, points), key=lambda c: (c.name, c.distribution)))


def _candidate(point: importlib_metadata.EntryPoint) -> Candidate:
    distribution = point.dist
    if distribution is None:
        return Candidate(point.name, point.value, "", "", point)
    name, version = distribution.metadata["Name"], distribution.version
    return Candidate(point.name, point.value, name, version, point, tuple(_unmet(distribution.requires or [])))


def _unmet(requirements: Iterable[str]) -> Iterator[str]:
    """Name the requirements that pip would have refused, which `--no-deps` and half-done upgrades let pass."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name}{requirement.specifier} (found: {found or 'nothing'})"


def _version(name: str) -> str | None:
    try:
        return importlib_metadata.version(canonicalize_name(name))
    except importlib_metadata.PackageNotFoundError:
        return None


def sift(candidates: Iterable[Candidate], disabled: Collection[str]) -> tuple[list[Candidate], list[Rejection]]:
    """Separate what may be imported from what may not.

    Args:
        candidates: all that were found.
        disabled: names that the user does not want.

    Returns:
        The candidates to import, and the rejections of the others.
    """
    found = list(candidates)
    names = Counter(c.name for c in found)
    good, rejected = [], []
    for candidate in found:
        reason, help_ = _objection(candidate, names, disabled, found)
        if reason:
            rejected.append(reject(candidate, reason, help_))
        else:
            good.append(candidate)
    return good, rejected


def _objection(
    candidate: Candidate, names: Counter[str], disabled: Collection[str], found: list[Candidate]
) -> tuple[str, str]:
    if candidate.name in disabled:
        return "disabled by the configuration", f"take {candidate.name!r} out of [plugins] disabled"
    if names[candidate.name] > 1:
        owners = ", ".join(f"{c.distribution} {c.version}" for c in found if c.name == candidate.name)
        return f"several distributions announce this name: {owners}", "uninstall all but one of them"
    if candidate.unmet:
        return f"needs {', '.join(candidate.unmet)}", f"pip install --upgrade {candidate.distribution}"
    return "", ""


def reject(candidate: Candidate, reason: str, help_: str = "") -> Rejection:
    """Make the rejection of a candidate."""
    return Rejection(candidate.name, reason, help_, candidate.distribution, candidate.version)
