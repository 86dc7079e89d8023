"""Runs corpora as an ordinary user: `python as_nobody.py PYTHON FILE…`, started by root.

Everything is imported first, since nobody may not be able to read this Python; PYTHON is one that nobody can start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings

from vmon_plugin_sandbox.engine import Engine
from vmon_plugin_sandbox.escapes.__main__ import main
from vmon_plugin_sandbox.hardening import native
from vmon_plugin_sandbox.hardening.privileges import NOBODY

PR_SET_DUMPABLE = 4
TALKATIVE = {"antigravity", "this", "idlelib", "turtledemo", "turtle", "tkinter"}


def become_ordinary() -> None:
    """Another user, who may look at itself in /proc as an ordinary process may."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    native.prctl(PR_SET_DUMPABLE, 1)


def warm_up() -> None:
    """Import all that anybody may import later."""
    warnings.simplefilter("ignore")
    for name in sorted(sys.stdlib_module_names - TALKATIVE):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    engine = Engine(workers=1)
    engine.check("return nothing")
    engine.run("return 1")
    engine.close()


if __name__ == "__main__":
    warm_up()
    sys.executable = sys.argv[1]
    become_ordinary()
    sys.exit(main(sys.argv[2:]))
