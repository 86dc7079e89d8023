"""The end of a process that is just being started again, or that hangs in its own end: nothing is left behind."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.host.child import keeper as keeper_module
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.child.process import Process
from vmon_core.host.failures import RemoteError
from vmon_testkit.waiting import wait_until

from .conftest import runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.host.child.contract import Order

PLUGIN = """
import time
from vmon_core.plugin import PluginInfo, hookimpl

class Made:
    @hookimpl
    def vmon_plugin_info(self):
        return PluginInfo(name="made", version="1.0")

    @hookimpl
    def vmon_stop(self):
        time.sleep(3600)

plugin = Made()
"""


def test_process_that_begins_while_its_keeper_is_closed(
    module: Callable[[str], Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started after everybody had looked for it: it is ended all the same."""
    plugin = ChildPlugin(module(PLUGIN))
    started: list[int] = []
    begins, go = threading.Event(), threading.Event()

    class Late(Process):
        """Is there only when the keeper has been told to close."""

        def __init__(self, *arguments: Any) -> None:
            begins.set()
            go.wait(30.0)
            super().__init__(*arguments)
            started.append(self.pid)

    monkeypatch.setattr(keeper_module, "Process", Late)
    monkeypatch.setattr(keeper_module, "POLITE_SECONDS", 0.1)
    os.kill(plugin.describe()["pid"], 9)
    assert begins.wait(30.0)
    plugin.close()
    go.set()
    wait_until(lambda: started and not runs(started[0]))


def test_plugin_that_hangs_in_its_end(module: Callable[[str], Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, whoever stops it hears why, and it is not started again."""
    monkeypatch.setattr(keeper_module, "START_SECONDS", 0.5)
    said: list[str] = []
    plugin = ChildPlugin(module(PLUGIN), lambda _, __, text, **___: said.append(text), patience=30.0)
    pid = plugin.describe()["pid"]
    with pytest.raises(RemoteError, match=r"vmon_stop gave no answer for 0\.5 s"):
        plugin.vmon_stop()
    assert not runs(pid)
    assert said == []
    assert plugin.describe()["pid"] is None
