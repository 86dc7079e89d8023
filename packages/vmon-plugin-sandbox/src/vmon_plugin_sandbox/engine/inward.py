"""What goes into the sandbox: copies, never the host's objects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
from pydantic_monty import ClassInstance

from vmon_plugin_sandbox.engine.errors import SandboxError
from vmon_plugin_sandbox.engine.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_plugin_sandbox.engine.limits import Limits


@attrs.frozen
class Attributes:
    """An object for code to read attributes of; it has these and nothing else, and no methods.

    Attributes:
        name: of its class, as messages show it.
        values: what its attributes are; they are copied.
    """

    name: str
    values: Mapping[str, object]


def inward(value: object) -> Any:  # noqa: ANN401 (whatever the interpreter takes)
    """Copy a value of the host for the sandbox.

    Raises:
        TypeError: it is neither plain data nor `Attributes`. The caller is to blame, not the code.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [inward(item) for item in value]
    if isinstance(value, Attributes):
        return _instance(value)
    try:
        return {str(key): inward(item) for key, item in value.items()}  # type: ignore[attr-defined]  # any mapping
    except AttributeError:
        message = f"the sandbox takes plain data and Attributes, not {type(value).__name__}"
        raise TypeError(message) from None


def _instance(attributes: Attributes) -> ClassInstance:
    copies = {name: inward(value) for name, value in attributes.values.items()}
    return ClassInstance(_class(attributes.name)(**copies), eager_attrs=tuple(copies))


@lru_cache(maxsize=64)
def _class(name: str) -> type[SimpleNamespace]:
    """A class of that name, for the messages; what it inherits does not cross over."""
    return type(name, (SimpleNamespace,), {})


def guarded(name: str, function: Callable[..., object], limits: Limits) -> Callable[..., object]:
    """A host function as code may call it: plain arguments in, copies out, and no text of its exceptions.

    Args:
        name: how the code calls it.
        function: the host function; it runs on the caller's thread, outside of all limits.
        limits: how large its arguments may be.
    """

    def call(*args: object, **kwargs: object) -> object:
        arguments, named = _arguments(name, args, kwargs, limits)
        try:
            return inward(function(*arguments, **named))
        except Exception as error:  # noqa: BLE001 (its text may hold what the code must not see)
            message = f"{name}() failed: {type(error).__name__}"
        raise RuntimeError(message)

    return call


def _arguments(
    name: str, args: tuple[object, ...], kwargs: Mapping[str, object], limits: Limits
) -> tuple[list[Any], dict[str, Any]]:
    try:
        return plain(list(args), limits), plain(dict(kwargs), limits)
    except SandboxError as error:
        message = f"{name}() takes plain data only: {error.problem.message}"
    raise ValueError(message)
