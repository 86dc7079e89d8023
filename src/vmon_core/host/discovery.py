"""Find plugins by their entry points, importing none of them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vmon_core.host.failures import describe
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
        flaw: what is wrong with the metadata of that distribution, "" when nothing is.
    """

    name: str
    value: str
    distribution: str
    version: str
    entry_point: importlib_metadata.EntryPoint = attrs.field(eq=False, repr=False)
    unmet: tuple[str, ...] = ()
    flaw: str = ""


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
        nothing = importlib_metadata.EntryPoint(name, "", ENTRY_POINT_GROUP)
        return [Candidate(name, "", name, "", nothing, flaw=f"its entry points cannot be read: {describe(error)}")]


def _candidate(point: importlib_metadata.EntryPoint) -> Candidate:
    distribution = point.dist
    if distribution is None:
        return Candidate(point.name, point.value, "", "", point)
    try:
        name, version = distribution.metadata["Name"], distribution.version
        return Candidate(point.name, point.value, name, version, point, tuple(_unmet(distribution.requires or [])))
    except (importlib_metadata.PackageNotFoundError, KeyError, ValueError) as error:
        flaw = f"the metadata of its distribution cannot be read: {describe(error)}"
        return Candidate(point.name, point.value, "", "", point, flaw=flaw)


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
    if candidate.flaw:
        return candidate.flaw, "install its distribution again"
    if candidate.unmet:
        return f"needs {', '.join(candidate.unmet)}", f"pip install --upgrade {candidate.distribution}"
    return "", ""


def reject(candidate: Candidate, reason: str, help_: str = "") -> Rejection:
    """Make the rejection of a candidate."""
    return Rejection(candidate.name, reason, help_, candidate.distribution, candidate.version)
