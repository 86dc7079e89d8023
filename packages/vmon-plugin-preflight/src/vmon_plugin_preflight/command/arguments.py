"""The arguments of a launch, typed, with the defaults of the version that was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import attrs

from vmon_plugin_preflight.command.table import Option, Table, recorded

_T = TypeVar("_T")


_LARGEST = 1 << 1000
"""What stands for every integer beyond it, which may be too large for a float."""


@attrs.frozen
class Arguments:
    """What a command line says.

    Attributes:
        values: what was given, by dest.
        table: what the version takes.
        known: whether the table is that of the very version that will run.

    >>> arguments = Arguments({"tensor_parallel_size": 2})
    >>> arguments.get("tensor_parallel_size", int), arguments.get("port", int), arguments.get("seed", str)
    (2, 8000, None)
    >>> arguments.given("port"), arguments.flag("tensor_parallel_size")
    (False, '--tensor-parallel-size')
    """

    values: Mapping[str, Any]
    table: Table = attrs.field(factory=recorded)
    known: bool = True

    def get(self, dest: str, kind: type[_T]) -> _T | None:
        """A value as given, or vLLM's default.

        Args:
            dest: its name, such as `max_model_len`.
            kind: what it has to be: `int`, `float` (an integer is one too), `str`, `bool`, `dict` or `list`.

        Returns:
            The value; None when there is none, vLLM computes it, or it is of another kind.
        """
        option = self.table.options.get(dest)
        value = self.values.get(dest, option.default if option else None)
        if kind is float and type(value) is int:
            return cast("_T", float(max(-_LARGEST, min(value, _LARGEST))))
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return value if fits else None

    def size(self, dest: str) -> int:
        """A size that counts as 1 when nothing says otherwise, such as `tensor_parallel_size`."""
        return self.get(dest, int) or 1

    def given(self, dest: str) -> bool:
        """Whether the command line, or its configuration file, says it."""
        return dest in self.values

    def flag(self, dest: str) -> str:
        """How people write it: `--max-model-len`."""
        option = self.table.options.get(dest, Option(dest=dest))
        return option.flags[0] if option.flags else f"--{dest.replace('_', '-')}"
