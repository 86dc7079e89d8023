"""Which figures of a process may be read is tried, not guessed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

from vmon_core.records import CheckVerdict, Target
from vmon_plugin_system import diagnose as module
from vmon_plugin_system.diagnose import diagnose

if TYPE_CHECKING:
    import pytest


def test_own_process_tells_all() -> None:
    """What belongs to the same user can be read."""
    (check,) = diagnose(Target(name="t", pid=os.getpid()))
    assert check.verdict is CheckVerdict.OK


def test_refused_figures_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel refuses is named, with what would help."""

    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setitem(module._FIGURES, "open files", refuse)
    (check,) = diagnose(Target(name="t", pid=os.getpid()))
    assert check.verdict is CheckVerdict.WARNING
    assert check.summary.endswith(": open files")
    assert "SYS_PTRACE" in check.fix


def test_no_process_and_a_dead_one() -> None:
    """A remote target has nothing to be measured here; a process that is gone is said to be."""
    assert list(diagnose(Target(name="t"))) == []
    (check,) = diagnose(Target(name="t", pid=2**22 + 1))
    assert check.verdict is CheckVerdict.NOT_EVALUATED
