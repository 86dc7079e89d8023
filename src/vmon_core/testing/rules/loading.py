"""Rules for the moment when a plugin is found: importing it, asking who it is, reading its configuration."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.host.settings import settings
from vmon_core.plugin import HOOK_API
from vmon_core.testing.subject import require

if TYPE_CHECKING:
    from vmon_core.testing.subject import Subject

HEAVY = frozenset({
    "aiohttp", "asyncio", "cattrs", "grpc", "httpx", "mcp", "multiprocessing", "numpy", "pandas", "psutil", "pydantic",
    "pynvml", "requests", "rich", "sqlite3", "ssl", "torch", "vllm",
})  # fmt: skip
"""Modules that cost milliseconds or megabytes; every command imports all plugins, and most use none of these."""

_IMPORT = """
import importlib.util, sys
import vmon_core.plugin, vmon_core.records, vmon_core.evidence
before = set(sys.modules)
try:
    known = importlib.util.find_spec(sys.argv[1]) is not None
except ModuleNotFoundError:
    known = False
if known:
    __import__(sys.argv[1])
    print(*sorted(set(sys.modules) - before))
"""

NONSENSE = {"nonsense": ["on", "purpose"]}
"""What no setting but a table can be."""


def imports_light(subject: Subject) -> None:
    """It imports nothing heavy: what few commands need is imported where it is used."""
    rule, plugin = "imports_light", subject.plugin
    module = plugin.__name__ if inspect.ismodule(plugin) else type(plugin).__module__
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", _IMPORT, module]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 (this very Python)
    require(done.returncode == 0, rule, f"importing {module} by itself fails: {done.stderr.strip()[-400:]}")
    require(not done.stderr, rule, f"importing {module} prints {done.stderr.strip()[:200]!r}")
    heavy = ", ".join(sorted(HEAVY & set(done.stdout.split())))
    require(not heavy, rule, f"importing {module} imports {heavy}; import that inside of the functions that use it")


def describes_itself(subject: Subject) -> None:
    """What it declares is of use: a summary, hooks that this vmon has, actions with an implementation."""
    rule, info = "describes_itself", subject.info
    require(info.summary, rule, "it has no summary, which is all that `vmon plugins list` can show of it")
    require(1 <= info.api <= HOOK_API, rule, f"api is {info.api!r}; the levels of this vmon are 1 to {HOOK_API}")
    acts = "vmon_intervene" in subject.hooks
    require(acts or not info.actions, rule, f"it owns the actions {sorted(info.actions)} without vmon_intervene")
    require(info.actions or not acts, rule, "vmon_intervene is never called, since its PluginInfo names no actions")


def refuses_nonsense(subject: Subject) -> None:
    """Its configuration takes no unknown key, no value of another type, and no number that is none."""
    rule, kind = "refuses_nonsense", subject.info.config
    if kind is None:
        return
    require(attrs.has(kind), rule, f"its configuration {kind.__name__} is no attrs class")
    require(not _accepts(kind, {"no_such_key": 1}), rule, f"{kind.__name__} takes the key no_such_key")
    for field in attrs.fields(attrs.resolve_types(kind)):
        require(not _accepts(kind, {field.name: NONSENSE}), rule, f"{field.name} = {NONSENSE} is taken")
        if field.type is float:
            require(not _accepts(kind, {field.name: float("nan")}), rule, f"{field.name} = nan is taken; bound it")


def _accepts(kind: type, table: dict[str, Any]) -> bool:
    try:
        settings(kind, table)
    except Exception:  # noqa: BLE001 (whatever says no)
        return False
    return True
