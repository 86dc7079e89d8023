"""Plugins from code strings across the control socket: the monitor's methods, and the caller's view of them.

Both ends are here, so that what one sends is what the other reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vmon_core.control.client import ControlClient
from vmon_core.control.wire import ControlError
from vmon_core.dynamic import OPERATOR, CodePlugin, CodeRejectedError, GrantedFunction, Problem, Trial

if TYPE_CHECKING:
    from vmon_core.dynamic import CodePlugins
    from vmon_core.records import Checkpoint

_T = TypeVar("_T")
_FUNCTION = tuple(attrs.fields_dict(GrantedFunction))


def code_methods(code: CodePlugins) -> Mapping[str, Callable[..., Any]]:
    """What can be called about the code plugins of a monitor, by name."""

    def attempt(plugin: Mapping[str, Any]) -> Mapping[str, Any]:
        return attrs.asdict(code.attempt(_read(plugin, CodePlugin)))

    def create(plugin: Mapping[str, Any]) -> Mapping[str, Any]:
        record = _read(plugin, CodePlugin)
        with _rejections_as_data():
            return attrs.asdict(code.create(record))

    def remove(name: str, owner: str = OPERATOR) -> None:
        with _rejections_as_data():
            code.remove(name, owner)

    def back_out(name: str, version: int | None = None, owner: str = OPERATOR) -> Mapping[str, Any]:
        with _rejections_as_data():
            return attrs.asdict(code.back_out(name, version, owner))

    return {
        "code.try": attempt,
        "code.create": create,
        "code.remove": remove,
        "code.back_out": back_out,
        "code.list": lambda: [dict(each) for each in code.describe()],
        # As lists: a key that is called `signature` would be taken for one, and its value for a secret.
        "code.functions": lambda: [attrs.astuple(each) for each in code.functions()],
    }


@attrs.frozen
class RemoteCode:
    """The code plugins of a running monitor; see `vmon_core.dynamic.CodePlugins`.

    A dry run takes place on the monitor's own latest checkpoint, so none is sent.

    Attributes:
        client: reaches the monitor.
    """

    client: ControlClient

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Check a plugin and run it once; nothing is kept."""
        del checkpoint
        return _read(self.client.call("code.try", plugin=attrs.asdict(plugin)), Trial)

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Check a plugin, run it once, and put it in the place of its older version."""
        del checkpoint
        with _data_as_rejections():
            return _read(self.client.call("code.create", plugin=attrs.asdict(plugin)), CodePlugin)

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Take a plugin out of use."""
        with _data_as_rejections():
            self.client.call("code.remove", name=name, owner=owner)

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Go back to an earlier version."""
        with _data_as_rejections():
            return _read(self.client.call("code.back_out", name=name, version=version, owner=owner), CodePlugin)

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """Each plugin in use as plain data."""
        return tuple(self.client.call("code.list"))

    def functions(self) -> tuple[GrantedFunction, ...]:
        """The functions that code may call."""
        return tuple(
            GrantedFunction(**dict(zip(_FUNCTION, each, strict=True))) for each in self.client.call("code.functions")
        )


def _read(data: Any, kind: type[_T]) -> _T:  # noqa: ANN401 (plain data from the other end)
    import cattrs  # noqa: PLC0415 (costs 5 MB, and most monitors are never asked)

    try:
        return cattrs.structure(data, kind)
    except cattrs.BaseValidationError as error:
        msg = f"this is no {kind.__name__}: {'; '.join(cattrs.transform_error(error))}"
        raise ControlError(msg) from error


@contextmanager
def _rejections_as_data() -> Iterator[None]:
    try:
        yield
    except CodeRejectedError as error:
        data = {"name": error.name, "problems": [attrs.asdict(problem) for problem in error.problems]}
        raise ControlError(str(error), data) from error


@contextmanager
def _data_as_rejections() -> Iterator[None]:
    try:
        yield
    except ControlError as error:
        if not isinstance(error.data, Mapping) or "problems" not in error.data:
            raise
        problems = tuple(_read(each, Problem) for each in error.data["problems"])
        raise CodeRejectedError(str(error.data.get("name", "")), problems) from error
