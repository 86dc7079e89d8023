"""Turn plain TOML data into the configuration's classes, strictly, and collect every problem on the way."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, IntEnum
from pathlib import Path
from types import GenericAlias
from typing import Any, NoReturn, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from vmon_core.config.lines import Key
from vmon_core.config.model import PLUGIN_SETTINGS, Config, PluginsConfig, PredictedFailure
from vmon_core.config.options import (
    Distributions,
    Duration,
    Pause,
    Size,
    Versions,
    read_duration,
    read_pause,
    read_size,
)
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import GateMode, Severity

_NOT_FROM_TOML = {"source", "tables"}
_TABLES = "tables of plugins"
"""Where those are while they are read: a name that no TOML file of a person's has by accident.

It has no quotation mark, which older versions of cattrs would put into the code that they generate.
"""

_KEYS: dict[str, Key] = {"tables": ()}
"""Attributes whose place in the file is not their name."""


@attrs.frozen
class Problem:
    """Something wrong in the file: where, and what was expected."""

    key: Key
    text: str


class WrongError(Exception):
    """The data is wrong.

    Args:
        problems: everything that is wrong with it.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)


def structure(raw: Mapping[str, Any]) -> Config:
    """Make a configuration of plain data.

    Raises:
        WrongError: the data does not fit; it holds every problem.
    """
    try:
        config = _CONVERTER.structure(_without_nesting(raw), Config)
    except cattrs.BaseValidationError as error:
        raise WrongError(_problems(error, ())) from None
    if doubled := list(_doubled(config)):
        raise WrongError(doubled)
    return config


def key_text(key: Key) -> str:
    """Write a key as people do.

    >>> key_text(("guardrails", 0, "name"))
    'guardrails[0].name'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".") or "the file"


def _without_nesting(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the plugins' own tables, which stand beside the settings of `[plugins]`."""
    plugins = raw.get("plugins")
    if not isinstance(plugins, dict):
        return dict(raw)
    tables = {name: value for name, value in plugins.items() if name not in PLUGIN_SETTINGS and isinstance(value, dict)}
    settings = {name: value for name, value in plugins.items() if name not in tables}
    return {**raw, "plugins": {**settings, **({_TABLES: tables} if tables else {})}}


def _doubled(config: Config) -> Iterator[Problem]:
    counts = Counter(guardrail.name for guardrail in config.guardrails)
    for index, guardrail in enumerate(config.guardrails):
        if counts[guardrail.name] > 1:
            yield Problem(("guardrails", index, "name"), f"another guardrail is called {guardrail.name!r} too")


# --- problems ---


def _problems(error: BaseException, key: Key) -> Iterator[Problem]:
    if isinstance(error, cattrs.ClassValidationError):
        inside, here = error.group_exceptions()
        for exception, attribute in inside:
            yield from _problems(exception, key + _KEYS.get(attribute.name, (attribute.name,)))
        for exception in here:
            yield from _problems(exception, key)
    elif isinstance(error, cattrs.IterableValidationError):
        for exception, item in error.group_exceptions()[0]:
            yield from _problems(exception, (*key, item.index))
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        yield from _unknown(error, key)
    else:
        yield Problem(key, "is missing" if isinstance(error, KeyError) else str(error))


def _unknown(error: cattrs.ForbiddenExtraKeysError, key: Key) -> Iterator[Problem]:
    known = [f.name for f in attrs.fields(error.cl) if f.name not in _NOT_FROM_TOML]
    for name in sorted(error.extra_fields):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        yield Problem((*key, name), f"unknown key; {hint}")


# --- one hook for each type that a setting can have; cattrs' own ones would coerce ---


def _refuse(what: str, value: object) -> NoReturn:
    msg = f"expected {what}, got {value!r}"
    raise ValueError(msg)


def _string(value: object, _: object) -> str:
    if not isinstance(value, str):
        _refuse("a string", value)
    return value


def _truth(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        _refuse("true or false", value)
    return value


def _versions(value: object, _: object) -> Versions:
    text = _string(value, str)
    try:
        return Versions(str(SpecifierSet(text)))
    except InvalidSpecifier:
        _refuse("a range of versions such as '<0.3' or '>=1.2,<2'", value)


def _distributions(value: object, _: object) -> Distributions:
    text = _string(value, str)
    try:
        Requirement(text)
    except InvalidRequirement:
        _refuse("a distribution with a range of versions such as 'vmon-plugin-foo<1.2'", value)
    return Distributions(text)


def _read(reader: Callable[[Any], Any], what: str) -> Callable[[Any, Any], Any]:
    def hook(value: object, _: object) -> object:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            _refuse(what, value)
        return reader(value)

    return hook


def _size(value: str | float) -> Size:
    if isinstance(value, float):
        _refuse("a whole number of bytes or a size such as '200MB'", value)
    return read_size(value)


def _path(value: object, _: object) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        _refuse("a path", value)
    return Path(value).expanduser()


def _choice(kind: type[Enum]) -> Callable[[Any, Any], Any]:
    members = {m.name.lower() if issubclass(kind, IntEnum) else m.value: m for m in kind}

    def hook(value: object, _: object) -> object:
        if isinstance(value, str) and value in members:
            return members[value]
        near = difflib.get_close_matches(str(value), members, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        msg = f"expected one of {', '.join(members)}, got {value!r}{hint}"
        raise ValueError(msg)

    return hook


def _array(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:  # noqa: ANN401 (a generic type)
    (item, _) = get_args(kind)

    def hook(value: object, _: object) -> object:
        if not isinstance(value, list):
            _refuse("an array", value)
        plain: Any = GenericAlias(list, (item,))
        return tuple(converter.structure(value, plain))

    return hook


def _mapping(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:  # noqa: ANN401 (a generic type)
    (name, item) = get_args(kind)

    def hook(value: object, _: object) -> object:
        if not isinstance(value, dict):
            _refuse("a table", value)
        plain: Any = GenericAlias(dict, (name, item))
        return converter.structure(value, plain)

    return hook


def _table(kind: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:  # noqa: ANN401 (an attrs class)
    fill = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **_OVERRIDES.get(kind, {}))

    def hook(value: object, _: object) -> object:
        if not isinstance(value, dict):
            _refuse("a table", value)
        return fill(value, kind)

    return hook


_HOOKS: dict[Any, Callable[[Any, Any], Any]] = {
    bool: _truth,
    str: _string,
    Path: _path,
    Versions: _versions,
    Distributions: _distributions,
    Duration: _read(read_duration, "a duration such as '5s'"),
    Pause: _read(read_pause, "a duration such as '5s', or 0"),
    Size: _read(_size, "a size such as '200MB'"),
    GateMode: _choice(GateMode),
    PredictedFailure: _choice(PredictedFailure),
    LifecycleState: _choice(LifecycleState),
    Severity: _choice(Severity),
}

_OVERRIDES: dict[type, dict[str, Any]] = {
    Config: {"source": override(omit=True)},
    PluginsConfig: {"tables": override(rename=_TABLES)},
}


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook_factory(lambda kind: _is_generic(kind, tuple))(_array)
    converter.register_structure_hook_factory(lambda kind: _is_generic(kind, Mapping))(_mapping)
    converter.register_structure_hook_factory(attrs.has)(_table)
    for kind, hook in _HOOKS.items():
        converter.register_structure_hook(kind, hook)
    return converter


def _is_generic(kind: object, origin: object) -> bool:
    found: object = get_origin(kind)
    return found is origin


_CONVERTER = _make_converter()
