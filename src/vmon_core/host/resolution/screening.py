"""What can be said against a plugin before it is imported: the user's wishes, and what its distribution requires."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from vmon_core.host.resolution.apart import apart
from vmon_core.host.resolution.records import Reason
from vmon_core.host.resolution.requirements import required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from vmon_core.config.model import PluginsConfig
    from vmon_core.config.options import Distributions
    from vmon_core.config.options import Versions as PinnedVersions
    from vmon_core.host.resolution.records import Candidate, Rejection

    Versions = Callable[[str], str | None]
    Objection = Callable[[Candidate], Rejection | None]


def screen(
    candidates: Iterable[Candidate], wishes: PluginsConfig, environment: Mapping[str, str], versions: Versions
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...]]:
    """Separate what may be imported from what may not.

    A name that several announce is nobody's; one whose version is blocked, or cannot work anyway, does not count.

    Args:
        candidates: all that were found, in any order.
        wishes: what the user disables, blocks and pins.
        environment: the values of PEP 508 markers.
        versions: tells the installed version of a distribution by its canonical name, None for one that is missing.

    Returns:
        The candidates to import by name, and the rejections of the others.
    """
    found = sorted(candidates, key=_key)
    objections: tuple[Objection, ...] = (
        lambda c: _disabled(c, wishes),
        _flawed,
        lambda c: blocked(c, wishes.blocked),
        lambda c: pinned(c, c.version, wishes.pins),
        lambda c: _python(c, environment["python_full_version"]),
        lambda c: _unmet(c, found, environment, versions),
    )
    rejected = [(c, next(filter(None, (object_(c) for object_ in objections)), None)) for c in found]
    good = [candidate for candidate, rejection in rejected if rejection is None]
    doubled = list(_doubled(good))
    names = {rejection.name for rejection in doubled}
    kept = [rejection for _, rejection in rejected if rejection is not None]
    return tuple(c for c in good if c.name not in names), tuple(kept + doubled)


def _key(candidate: Candidate) -> tuple[str, ...]:
    return (candidate.name, candidate.distribution, candidate.version, str(candidate.path), candidate.value)


def _disabled(candidate: Candidate, wishes: PluginsConfig) -> Rejection | None:
    if candidate.name not in wishes.disabled:
        return None
    return candidate.rejected(Reason.DISABLED, "disabled by the configuration", f"vmon plugins enable {candidate.name}")


def _flawed(candidate: Candidate) -> Rejection | None:
    if not candidate.flaw:
        return None
    return candidate.rejected(Reason.METADATA, candidate.flaw, "install its distribution again")


def blocked(candidate: Candidate, blocks: Mapping[Distributions, str]) -> Rejection | None:
    """Object to a distribution whose version is known to be bad."""
    for block, why in blocks.items():
        requirement = Requirement(block)
        ours = candidate.distribution and _same(requirement.name, candidate.distribution)
        if ours and requirement.specifier.contains(candidate.version, prereleases=True):
            reason = f"{candidate.source} is blocked by the configuration ({block}): {why or 'no reason is given'}"
            return candidate.rejected(Reason.BLOCKED, reason, f"install a version other than {requirement.specifier}")
    return None


def _same(one: str, other: str) -> bool:
    return canonicalize_name(one) == canonicalize_name(other)


def pinned(candidate: Candidate, version: str, pins: Mapping[str, PinnedVersions]) -> Rejection | None:
    """Object to a version that the user does not want; a version that is not known yet is passed over."""
    pin = pins.get(candidate.name)
    if pin is None or not version or SpecifierSet(pin).contains(version, prereleases=True):
        return None
    wanted = candidate.distribution or candidate.name
    reason = f"version {version} ({candidate.source}) is not {pin}, to which [plugins] pins it"
    help_ = f"pip install '{wanted}{pin}', or change the pin: vmon plugins pin {candidate.name} '=={version}'"
    return candidate.rejected(Reason.PINNED, reason, help_)


def _python(candidate: Candidate, running: str) -> Rejection | None:
    try:
        fits = SpecifierSet(candidate.python).contains(running, prereleases=True)
    except InvalidSpecifier:  # pip let it pass
        return None
    if fits:
        return None
    reason = f"{candidate.source} needs Python {candidate.python}, and this is Python {running}"
    help_ = f"install vmon with Python {candidate.python}, or another version of {candidate.distribution}"
    return candidate.rejected(Reason.PYTHON, reason, help_)


def _unmet(
    candidate: Candidate, found: list[Candidate], environment: Mapping[str, str], versions: Versions
) -> Rejection | None:
    unmet = [
        (requirement, version)
        for requirement in required(candidate.requires, environment)
        if (version := versions(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version, prereleases=True)
    ]
    if not unmet:
        return None
    wants = ", ".join(f"{r.name}{r.specifier} (found: {version or 'nothing'})" for r, version in unmet)
    names = {canonicalize_name(requirement.name) for requirement, _ in unmet}
    never = [a for a in apart(found, environment) if a.package in names and candidate.source in (a.one, a.other)]
    update = f"pip install --upgrade {candidate.distribution}"
    return candidate.rejected(
        Reason.REQUIREMENT, f"{candidate.source} needs {wants}", "; ".join(map(str, never)) or update
    )


def _doubled(candidates: Iterable[Candidate]) -> Iterator[Rejection]:
    by_name = defaultdict(list)
    for candidate in candidates:
        by_name[candidate.name].append(candidate)
    for group in by_name.values():
        for candidate in group if len(group) > 1 else ():
            others = ", ".join(each.source for each in group)
            reason = f"several announce the name {candidate.name!r}: {others}"
            help_ = "uninstall all but one of them, or block one in [plugins]"
            yield candidate.rejected(Reason.DUPLICATE, reason, help_)
