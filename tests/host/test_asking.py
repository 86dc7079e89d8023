"""Hooks of which one answer is wanted: launch, adopt and recording. Somebody waits at a prompt for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.errors import PluginError, VmonError
from vmon_core.plugin import LaunchRequest, PluginInfo, hookimpl
from vmon_core.records import Frame, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.conftest import Listener

    from vmon_core.evidence import CleanupVerified, ProcessExited
    from vmon_core.host.plugin_host import PluginHost

TARGET = Target(name="t")
REQUEST = LaunchRequest(command=("serve",), environment={}, directory=Path())
PATH = Path("x")


@attrs.frozen
class FakeServer:
    """A server that is none."""

    target: Target = TARGET

    def alive(self) -> bool:
        """It is not."""
        return False

    def send(self, signal: int) -> bool:
        """Nobody is there."""
        return False

    def kill(self) -> int:
        """Nobody is hit."""
        return 0

    def wait(self, timeout: float) -> ProcessExited | None:
        """Nobody ends."""
        return None

    def clean_up(self, *, remove: bool = False) -> CleanupVerified:
        """Nobody asks."""
        raise NotImplementedError


class Answers:
    """A plugin that answers every question as a test wants."""

    def __init__(self, name: str, answer: Callable[[], Any]) -> None:
        self._name = name
        self._answer = answer
        self.asked = 0

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name=self._name, version="1.0")

    @hookimpl
    def vmon_launch(self, request: LaunchRequest) -> Any:
        """Do what the test wants."""
        self.asked += 1
        return self._answer()

    @hookimpl
    def vmon_adopt(self, target: Target) -> Any:
        """Do what the test wants."""
        return self._answer()

    @hookimpl
    def vmon_recording(self, path: Path) -> Any:
        """Do what the test wants."""
        return self._answer()


def failing() -> None:
    """Fail."""
    raise KeyError("broken")  # noqa: EM101 (what a plugin's own mistake looks like)


def exiting() -> None:
    """Exit."""
    raise SystemExit(0)


def refusing() -> None:
    """Refuse on purpose."""
    raise VmonError("the port is taken")  # noqa: EM101, TRY003 (as a plugin's author may write it)


def nothing() -> None:
    """Have no answer."""


ASK: dict[str, Callable[[PluginHost], Any]] = {
    "launch": lambda host: host.hooks.launch(REQUEST),
    "adopt": lambda host: host.hooks.adopt(TARGET),
    "recording": lambda host: host.hooks.recording(PATH),
}
BROKEN = [failing, exiting, lambda: 5]
every_question = pytest.mark.parametrize("ask", ASK.values(), ids=ASK)


@every_question
def test_nobody_has_an_answer(host: PluginHost, ask: Callable[[PluginHost], Any]) -> None:
    """Then there is none."""
    host.register(Answers("one", nothing))
    assert ask(host) is None


@pytest.mark.parametrize("broken", BROKEN)
def test_answer_behind_a_broken_plugin(host: PluginHost, listener: Listener, broken: Callable[[], Any]) -> None:
    """Who raises, exits or returns rubbish is told, and the next one is asked."""
    server = FakeServer()
    host.register(Answers("broken", broken))
    host.register(Answers("silent", nothing))
    host.register(Answers("good", lambda: server))
    assert host.hooks.adopt(TARGET) is server
    assert [text for text in listener.texts if text.startswith("broken: vmon_adopt failed: ")]
    assert [p.describe()["failures"] for p in host.plugins] == [1, 0, 0]


@every_question
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_plugin_without_another_answer(
    host: PluginHost, ask: Callable[[PluginHost], Any], broken: Callable[[], Any]
) -> None:
    """The error names the plugin and the way out: no answer would mean that there is nothing to be found."""
    host.register(Answers("broken", broken))
    host.register(Answers("silent", nothing))
    with pytest.raises(PluginError, match=r"plugin 'broken' failed in vmon_\w+: .*disable it in \[plugins\]"):
        ask(host)


def test_launch_is_not_tried_twice(host: PluginHost) -> None:
    """The plugin that failed may have started a server already: two of them must not fight over a GPU."""
    other = Answers("other", FakeServer)
    host.register(Answers("broken", failing))
    host.register(other)
    with pytest.raises(PluginError, match="'broken'"):
        host.hooks.launch(REQUEST)
    assert other.asked == 0


@every_question
def test_refusal_on_purpose(host: PluginHost, ask: Callable[[PluginHost], Any], listener: Listener) -> None:
    """It goes to the person as it is, and is no failure of the plugin."""
    host.register(Answers("one", refusing))
    with pytest.raises(VmonError, match=r"^the port is taken$"):
        ask(host)
    assert listener.texts == []
    assert host.plugins[0].describe()["failures"] == 0


def test_frames_are_read_as_they_are_asked_for(host: PluginHost) -> None:
    """A recording can be larger than the memory."""
    read: list[float] = []

    def frames() -> Iterator[Frame]:
        for time in (0.0, 1.0):
            read.append(time)
            yield Frame(time)

    host.register(Answers("one", frames))
    found = host.hooks.recording(PATH)
    assert found is not None
    assert read == []
    assert next(iter(found)) == Frame(0.0)
    assert read == [0.0]


@pytest.mark.parametrize(
    ("then", "error", "message"),
    [
        (failing, PluginError, "plugin 'one' failed in vmon_recording: KeyError: 'broken'"),
        (exiting, PluginError, "plugin 'one' failed in vmon_recording: SystemExit: 0"),
        (lambda: 5, PluginError, "it returned int where Frame is expected"),
        (refusing, VmonError, "^the port is taken$"),
    ],
)
def test_recording_that_breaks_in_the_middle(
    host: PluginHost, then: Callable[[], Any], error: type[Exception], message: str
) -> None:
    """What was good before it is heard, and the error has the plugin's name."""

    def frames() -> Iterator[Any]:
        yield Frame(0.0)
        yield then()

    host.register(Answers("one", frames))
    found = iter(host.hooks.recording(PATH) or ())
    assert next(found) == Frame(0.0)
    with pytest.raises(error, match=message):
        next(found)
