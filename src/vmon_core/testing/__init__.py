"""Helpers for the tests of plugins: a contract that every plugin keeps, and stand-ins for what hooks are called with.

They are imported when they are first used: pytest loads this package for every test run of an environment that has it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmon_core.testing.contract import check_plugin
    from vmon_core.testing.fakes import FakeHost, Said, make_checkpoint, make_tick, make_window

__all__ = ["FakeHost", "Said", "check_plugin", "make_checkpoint", "make_tick", "make_window"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562: any public name)
    if name not in __all__:
        msg = f"module 'vmon_core.testing' has no attribute {name!r}"
        raise AttributeError(msg)
    home = "contract" if name == "check_plugin" else "fakes"
    return getattr(importlib.import_module(f"vmon_core.testing.{home}"), name)


def __dir__() -> list[str]:
    return __all__
