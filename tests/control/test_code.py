"""Code plugins across a real control socket: the same answers and errors as in the monitor itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.control.client import ControlClient
from vmon_core.control.code import RemoteCode, code_methods
from vmon_core.control.server import ControlServer
from vmon_core.control.wire import ControlError
from vmon_core.dynamic import (
    OPERATOR,
    CodeKind,
    CodePlugin,
    CodePlugins,
    CodeRejectedError,
    GrantedFunction,
    Problem,
    Trial,
)
from vmon_core.errors import VmonError
from vmon_core.host.say import nobody

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from vmon_core.records import Checkpoint

PROBLEMS = (Problem(message="no such name", line=2, help="there is read_gpu", code="name"), Problem(message="too long"))
TRIAL = Trial(value={"t": [1, None]}, printed="hello\n", seconds=0.25)
FUNCTION = GrantedFunction(name="read_gpu", signature="read_gpu() -> float", summary="degrees", example="read_gpu()")
GUARDRAIL = CodePlugin(
    name="g", kind=CodeKind.GUARDRAIL, code="return True", actions=("notify",), functions=("read_gpu",), hold_for=2.5
)


@attrs.define
class Runner:
    """Keeps plugins; one whose code is `bad` is rejected."""

    kept: dict[str, CodePlugin] = attrs.field(factory=dict)

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Run it."""
        return Trial(problems=PROBLEMS) if plugin.code == "bad" else TRIAL

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Keep it."""
        if plugin.code == "bad":
            raise CodeRejectedError(plugin.name, PROBLEMS)
        self.kept[plugin.name] = attrs.evolve(plugin, version=1, created=9.5)
        return self.kept[plugin.name]

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Forget it."""
        if self.kept.pop(name, None) is None:
            msg = f"there is no code plugin {name!r}"
            raise VmonError(msg)

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Give a version back."""
        if version == 7:
            raise CodeRejectedError(name, PROBLEMS)
        return attrs.evolve(self.kept[name], version=version or 2)

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """Each one."""
        return tuple({"name": name, "owner": p.owner} for name, p in self.kept.items())

    def functions(self) -> tuple[GrantedFunction, ...]:
        """The one."""
        return (FUNCTION,)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ControlClient]:
    """Calls a server that offers a runner."""
    with ControlServer(tmp_path, "t", code_methods(Runner()), nobody) as server:
        yield ControlClient(server.path)


@pytest.fixture
def remote(client: ControlClient) -> RemoteCode:
    """The caller's view."""
    return RemoteCode(client)


def test_records_come_across_whole(remote: RemoteCode) -> None:
    """Every field of every record is the same at the other end."""
    assert isinstance(remote, CodePlugins)
    made = remote.create(GUARDRAIL)
    assert made == attrs.evolve(GUARDRAIL, version=1, created=9.5)
    assert remote.attempt(GUARDRAIL) == TRIAL
    assert remote.back_out("g", 5) == attrs.evolve(made, version=5)
    assert remote.back_out("g").version == 2
    assert remote.describe() == ({"name": "g", "owner": "operator"},)
    assert remote.functions() == (FUNCTION,)
    remote.remove("g")
    assert remote.describe() == ()


def test_rejections_come_across_with_their_problems(remote: RemoteCode) -> None:
    """Line, message and help, so that whoever wrote the code can mend it."""
    bad = attrs.evolve(GUARDRAIL, code="bad")
    assert remote.attempt(bad).problems == PROBLEMS
    with pytest.raises(CodeRejectedError) as refused:
        remote.create(bad)
    assert (refused.value.name, refused.value.problems) == ("g", PROBLEMS)
    with pytest.raises(CodeRejectedError):
        remote.back_out("g", 7)


def test_other_errors_are_told(remote: RemoteCode, client: ControlClient) -> None:
    """A plugin that is not there, and a record that is none."""
    with pytest.raises(ControlError, match="there is no code plugin 'x'"):
        remote.remove("x")
    with pytest.raises(ControlError, match="this is no CodePlugin"):
        client.call("code.create", plugin={"name": "x", "kind": "nonsense"})
