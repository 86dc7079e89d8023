"""A plugin's code before the plugin is used: it may raise, exit, hang and print, and costs only itself."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from vmon_core.errors import PluginError
from vmon_core.host.guarded import PRINT_LIMIT, guarded
from vmon_core.host.say import nobody

if TYPE_CHECKING:
    from tests.host.conftest import Listener


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_it_raises(error: BaseException) -> None:
    """An exit or an interrupt in a plugin's thread is the plugin's."""

    def fail() -> NoReturn:
        raise error

    with pytest.raises(PluginError, match=f"trying it failed: {type(error).__name__}") as caught:
        guarded(fail, "trying it", nobody)
    assert caught.value.__cause__ is error


def test_error_of_the_host_is_passed_on() -> None:
    """What the host itself has to object keeps its words."""

    def fail() -> NoReturn:
        msg = "no plugin"
        raise PluginError(msg)

    with pytest.raises(PluginError, match=r"^no plugin$"):
        guarded(fail, "trying it", nobody)


def test_it_hangs() -> None:
    """After the deadline the caller goes on; the thread is left behind."""
    done = threading.Event()
    with pytest.raises(PluginError, match=r"trying it took longer than 0\.05 s"):
        guarded(done.wait, "trying it", nobody, deadline=0.05)
    done.set()


def test_it_prints(listener: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    """Megabytes of prints do not come between the lines of a command's output; their beginning is told."""

    def chat() -> int:
        print("hello", file=sys.stderr)
        print("x" * 10_000_000)
        return 42

    assert guarded(chat, "asking it", listener.say) == 42
    assert capsys.readouterr() == ("", "")
    (text,) = listener.texts
    assert "asking it: it printed something that is not shown, beginning with 'hello" in text
    assert len(text) < 2 * PRINT_LIMIT


def test_others_print_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the plugin's own thread is kept quiet."""
    asked, printed = threading.Event(), threading.Event()

    def other() -> None:
        asked.wait(10)
        print("from another thread")
        sys.stdout.flush()
        printed.set()

    thread = threading.Thread(target=other)
    thread.start()
    guarded(lambda: asked.set() or printed.wait(10), "asking it", nobody)
    thread.join()
    assert capsys.readouterr().out == "from another thread\n"
