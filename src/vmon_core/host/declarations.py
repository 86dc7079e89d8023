"""Check what a plugin says about itself: an author without a type checker may write anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from vmon_core.config.model import PLUGIN_SETTINGS
from vmon_core.errors import PluginError
from vmon_core.plugin import Capability, Isolation, PluginInfo, Risk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def check_info(info: object) -> PluginInfo:
    """Check what `vmon_plugin_info` returned.

    Returns:
        The same.

    Raises:
        PluginError: it is no PluginInfo, or one of its fields makes no sense; the message names the field.
    """
    if type(info) is not PluginInfo:  # a subclass, or what pretends to be one, may say something else each time
        msg = f"vmon_plugin_info must return a PluginInfo, not {type(info).__name__}"
        raise PluginError(msg)
    check_name(info.name)
    _check_types(info, {"summary": str, "config": type | None})
    if _CONTROL.search(info.summary):
        msg = f"its summary must be one line of plain text, not {info.summary!r}"
        raise PluginError(msg)
    if not _is_version(info.version):
        msg = f"its version {info.version!r} is no version (PEP 440)"
        raise PluginError(msg)
    actions: object = info.actions
    if type(actions) is not dict or not all(type(k) is str and type(risk) is Risk for k, risk in actions.items()):
        msg = "its actions must be a mapping of kinds to a Risk"
        raise PluginError(msg)
    _check_relations(info)
    _check_place(info)
    return info


def check_name(name: object) -> str:
    """Check a plugin's name: it is a table of the configuration and a part of messages.

    Args:
        name: the name.

    Returns:
        The same name.

    Raises:
        PluginError: it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        msg = f"its name {name!r} must be lower case letters, digits and hyphens"
        raise PluginError(msg)
    if name in PLUGIN_SETTINGS:
        msg = f"its name {name!r} is a setting of [plugins], where its own table would stand"
        raise PluginError(msg)
    return name


def _check_relations(info: PluginInfo) -> None:
    for field in ("provides", "requires", "conflicts", "needs"):
        if not isinstance(getattr(info, field), tuple | list):
            msg = f"its {field} must be a tuple, not {getattr(info, field)!r}"
            raise PluginError(msg)
    provided: tuple[object, ...] = info.provides
    for capability in provided:
        if not (isinstance(capability, Capability) and _is_version(capability.version)):
            msg = f"its provides must be capabilities with a version (PEP 440), not {capability!r}"
            raise PluginError(msg)
        _check_requirement("provides", capability.name)
    for field in ("requires", "conflicts", "needs"):
        for text in getattr(info, field):
            _check_requirement(field, text)
    for text in info.conflicts:
        if Requirement(text).name != text:
            msg = f"its conflicts must be bare names of capabilities or plugins, in any version, not {text!r}"
            raise PluginError(msg)


def _check_requirement(field: str, text: Any) -> None:  # noqa: ANN401 (anything)
    try:
        marker = Requirement(text).marker
        if marker is not None:
            _check_marker(marker)
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName, TypeError, AttributeError):
        msg = f"its {field} must be requirements such as 'gpu.telemetry>=1' (PEP 508), not {text!r}"
        raise PluginError(msg) from None


def _check_place(info: PluginInfo) -> None:
    """Check where it says that it works and runs."""
    try:
        if info.environment:
            _check_marker(Marker(info.environment))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, TypeError, AttributeError):
        msg = (
            f"its environment must be a marker such as 'sys_platform == \"linux\"' (PEP 508), not {info.environment!r}"
        )
        raise PluginError(msg) from None
    _check_types(info, {"api": int, "isolation": Isolation, "memory_limit": int})


def _check_types(info: PluginInfo, kinds: Mapping[str, type | UnionType]) -> None:
    for field, kind in kinds.items():
        if not isinstance(getattr(info, field), kind):
            msg = f"its {field} must be of type {getattr(kind, '__name__', kind)}, not {getattr(info, field)!r}"
            raise PluginError(msg)


def _check_marker(marker: Marker) -> None:
    """Some markers are found to be nonsense only when they are evaluated."""
    marker.evaluate({"extra": ""})


def _is_version(text: Any) -> bool:  # noqa: ANN401 (anything)
    try:
        Version(text)
    except (InvalidVersion, TypeError):
        return False
    return True
