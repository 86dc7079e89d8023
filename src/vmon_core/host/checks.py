"""Check a plugin object before it is used: its hooks and their arguments."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from vmon_core.errors import PluginError
from vmon_core.hookspecs import SPECS
from vmon_core.host.declarations import check_info
from vmon_core.plugin import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.plugin import PluginInfo

_MARK = f"{PROJECT}_impl"
_WORD = re.compile(r"\w+")
_BUILTINS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"})

_SPECS: dict[str, inspect.Signature] = {
    name: inspect.signature(function)
    for spec in SPECS
    for name, function in vars(spec).items()
    if name.startswith(f"{PROJECT}_")
}

SPEC_ARGUMENTS: dict[str, tuple[str, ...]] = {name: tuple(spec.parameters)[1:] for name, spec in _SPECS.items()}
"""The arguments of every hook."""


def _text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _words(annotation: object) -> set[str]:
    return set() if annotation is inspect.Signature.empty else set(_WORD.findall(_text(annotation)))


_VOCABULARY = {
    word
    for spec in _SPECS.values()
    for annotation in (spec.return_annotation, *(p.annotation for p in spec.parameters.values()))
    for word in _words(annotation)
} - {"None", "Any", "Mapping", *_BUILTINS}
"""Every name in the annotations of the specifications that says what kind of thing is meant."""


def implementations(plugin: object) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name the hook implementations of a plugin object; properties are not touched."""
    for name in dir(plugin):
        attribute = inspect.getattr_static(plugin, name, None)
        marked = getattr(attribute, "__func__", attribute)
        if inspect.isroutine(marked) and hasattr(marked, _MARK):
            yield name, getattr(plugin, name)


def check(plugin: object) -> PluginInfo:
    """Check a plugin and ask it who it is.

    Args:
        plugin: a module or an object with hook implementations.

    Returns:
        What it says about itself.

    Raises:
        PluginError: it cannot be used; the message says why.
    """
    if inspect.isclass(plugin):
        msg = f"it is a class; announce an instance of it, such as plugin = {plugin.__name__}()"
        raise PluginError(msg)
    found = dict(implementations(plugin))
    for name, function in found.items():
        _check_signature(name, function)
        _check_options(name, getattr(function, _MARK))
    if "vmon_plugin_info" not in found:
        msg = "it does not implement vmon_plugin_info, which says who it is"
        raise PluginError(msg)
    return check_info(found["vmon_plugin_info"]())


def _check_signature(name: str, function: Callable[..., Any]) -> None:
    if name not in SPEC_ARGUMENTS:
        msg = f"{name} is no hook; the hooks are: {', '.join(sorted(SPEC_ARGUMENTS))}"
        raise PluginError(msg)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            msg = f"{name}: {parameter} must be a plain argument; the hook cannot pass it otherwise"
            raise PluginError(msg)
        if parameter.default is not parameter.empty:
            msg = f"{name}: {parameter.name} must not have a default; versions of pluggy treat them differently"
            raise PluginError(msg)
        if parameter.name not in SPEC_ARGUMENTS[name]:
            known = ", ".join(SPEC_ARGUMENTS[name]) or "none"
            msg = f"{name}: the hook has no argument {parameter.name!r}; it has: {known}"
            raise PluginError(msg)
    _check_annotations(name, inspect.signature(function))
    if inspect.iscoroutinefunction(function) and name != "vmon_collect":
        msg = f"{name} must be a plain function; only vmon_collect may be async"
        raise PluginError(msg)


def _check_annotations(name: str, signature: inspect.Signature) -> None:
    """Refuse an annotation that names a type of another hook: pluggy compares only the names of arguments.

    Annotations are compared as text, because most of their names exist for type checkers only. A type that no hook
    knows says nothing: it may be an alias.
    """
    spec = _SPECS[name]
    for parameter in signature.parameters.values():
        expected = spec.parameters[parameter.name].annotation
        if (_words(parameter.annotation) & (_VOCABULARY | _BUILTINS)) - _words(expected):
            msg = f"{name}: {parameter.name} is a {expected}, not a {_text(parameter.annotation)}"
            raise PluginError(msg)
    if (_words(signature.return_annotation) & _VOCABULARY) - _words(spec.return_annotation):
        msg = f"{name} returns {spec.return_annotation}, not {_text(signature.return_annotation)}"
        raise PluginError(msg)


def _check_options(name: str, options: dict[str, Any]) -> None:
    if options.get("specname") not in (None, name):
        msg = f"{name} must have the name of its hook, {options['specname']}"
        raise PluginError(msg)
    if options.get("wrapper") or options.get("hookwrapper"):
        msg = f"{name} is a wrapper; implementations are called alone, so there is nothing to wrap"
        raise PluginError(msg)
