"""What comes out of the sandbox is reduced to the types of JSON, and bounded."""

from __future__ import annotations

import math
from typing import Any

from vmon_plugin_sandbox.engine.errors import SandboxLimitError, SandboxRuntimeError
from vmon_plugin_sandbox.engine.limits import Limits

WHOLE_NUMBER_BITS = 64
"""What the journal and every JSON reader can hold."""

_INSTEAD = {
    "set": "return a list: sorted(x)",
    "frozenset": "return a list: sorted(x)",
    "bytes": "return a string: x.decode()",
    "datetime": "return a string: x.isoformat()",
    "date": "return a string: x.isoformat()",
    "timedelta": "return seconds: x.total_seconds()",
    "Decimal": "return a float: float(x)",
}
_ALLOWED = "None, bool, int, float, str, list, and dict with string keys can be returned"


def plain(value: object, limits: Limits | None = None) -> Any:  # noqa: ANN401 (plain data of any shape)
    """Copy a value of the sandbox, of exact types only; tuples become lists.

    Args:
        value: what the code returned, or gave to a host function.
        limits: how large it may be, the defaults when there are none.

    Raises:
        SandboxLimitError: it is too large or too deep.
        SandboxRuntimeError: it is no plain data: a class, a host object, NaN.

    Examples:
        >>> plain({"hot": (1, 2.5, None)})
        {'hot': [1, 2.5, None]}
    """
    return _Reduction(limits or Limits()).reduce(value, 0)


class _Reduction:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes = 0
        self._bytes = 0

    def reduce(self, value: object, depth: int) -> object:
        """Exact types: a subclass could bring methods of its own."""
        self._count(depth)
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return _whole(value)  # type: ignore[arg-type]  # mypy does not narrow by `kind`
        if kind is float:
            return _finite(value)  # type: ignore[arg-type]  # likewise
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # likewise
        if kind is list or kind is tuple:
            return [self.reduce(item, depth + 1) for item in value]  # type: ignore[attr-defined]  # likewise
        if kind is dict:
            return {self._key(key): self.reduce(item, depth + 1) for key, item in value.items()}  # type: ignore[attr-defined]  # likewise
        raise _unusable(value)

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            message = f"more than {self._limits.nodes} values"
            raise SandboxLimitError(message, help="return fewer values")
        if depth > self._limits.depth:
            message = f"nested more than {self._limits.depth} deep"
            raise SandboxLimitError(message, help="return flatter data")

    def _text(self, value: str) -> str:
        """Strings are counted together: a thousand long ones are as large as a huge one, and fill the journal too."""
        if len(value) <= self._limits.text:  # else there is no need to encode what may be megabytes
            self._bytes += len(_encoded(value))
        if max(len(value), self._bytes) > self._limits.text:
            message = f"more than {self._limits.text} bytes of text"
            raise SandboxLimitError(message, help="return less text")
        return value

    def _key(self, key: object) -> str:
        if type(key) is not str:
            message = f"a dict key of type {_name(key)}"
            raise SandboxRuntimeError(message, help="keys are strings: str(key)", code="result")
        self._count(0)
        return self._text(key)


def _whole(value: int) -> int:
    if value.bit_length() >= WHOLE_NUMBER_BITS:
        message = f"a whole number of more than {WHOLE_NUMBER_BITS} bits"
        raise SandboxLimitError(message, help="return a float: float(x)")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        message = f"{value} is not a number that can be kept"
        raise SandboxRuntimeError(message, help="return None where there is no value", code="result")
    return value


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        message = "a string with half of a surrogate pair"
        raise SandboxRuntimeError(message, help="return text that UTF-8 can hold", code="result") from None


def _name(value: object) -> str:
    return type(value).__name__


def _unusable(value: object) -> SandboxRuntimeError:
    name = _name(value)
    return SandboxRuntimeError(f"a value of type {name}", help=_INSTEAD.get(name, _ALLOWED), code="result")
