"""Check the fields of the records that plugins hand in: an author without a type checker may put anything into them.

A record of ours is believed everywhere behind this: one list where a tuple belongs would end the whole turn that first
puts it into a dictionary, and with it the work of all other plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

_T = TypeVar("_T")
_Test = Callable[[Any], bool]


def sound(item: object, kind: type[_T]) -> _T:
    """Check that something is a record of a kind, and that its fields hold what they should.

    Args:
        item: what a plugin handed in.
        kind: a class of records; of one that is no attrs class, an instance is enough.

    Returns:
        The same.

    Raises:
        TypeError: it is none; the message names the field.
    """
    if not isinstance(item, kind):
        msg = f"it returned {type(item).__name__} where {kind.__name__} is expected"
        raise TypeError(msg)
    found: Any = type(item)
    for name, fits, expected in _fields(found) if attrs.has(kind) else ():
        value = getattr(item, name)
        if not fits(value):
            msg = f"{found.__name__}.{name} must be {expected}, not {type(value).__name__}"
            raise TypeError(msg)
    return item


@cache
def _fields(kind: Any) -> tuple[tuple[str, _Test, str], ...]:  # noqa: ANN401 (any class)
    """The fields of a class of records: name, test, and what belongs there; a class that only pretends fails."""
    if not attrs.has(kind):
        msg = f"{kind.__name__} is no class of records"
        raise TypeError(msg)
    hints = get_type_hints(kind)
    wanted = [(field.name, hints[field.name]) for field in attrs.fields(kind)]
    return tuple((name, _test(hint), getattr(hint, "__name__", str(hint))) for name, hint in wanted)


def _test(hint: Any) -> _Test:  # noqa: ANN401 (any annotation of a record)
    """Make the test for an annotation, once for each field of a class."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        tests = tuple(map(_test, inner))
        return lambda value: any(fits(value) for fits in tests)
    if origin is tuple:
        return _tuple(inner)
    if origin is not None:  # a mapping, of anything
        return lambda value: issubclass(type(value), Mapping)
    if hint is Any:
        return lambda _: True
    if hint is float:
        return lambda value: issubclass(type(value), (float, int))
    return lambda value: issubclass(type(value), hint)


def _tuple(inner: tuple[Any, ...]) -> _Test:
    if inner[-1] is Ellipsis:
        each = _test(inner[0])
        return lambda value: type(value) is tuple and all(map(each, value))
    tests = tuple(map(_test, inner))
    return lambda value: (
        type(value) is tuple and len(value) == len(tests) and all(t(v) for t, v in zip(tests, value, strict=True))
    )
