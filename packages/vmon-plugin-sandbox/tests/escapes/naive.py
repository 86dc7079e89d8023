"""Runs corpora against what many people write first, `exec` with a few builtins, and prints what gets through.

Each attempt is made in a process of its own that is killed when it takes too long, with the same harness as for the
real sandbox: `python naive.py FILE…`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_plugin_sandbox.escapes.corpus import load
from vmon_plugin_sandbox.escapes.harness import SECONDS, Outcome, judge
from vmon_plugin_sandbox.escapes.surroundings import Surroundings

if TYPE_CHECKING:
    from vmon_plugin_sandbox.escapes.corpus import Attempt

MODULES = {"math", "json", "re", "itertools", "functools", "collections", "decimal", "datetime", "time", "asyncio"}
HARMFUL = {
    "open",
    "eval",
    "exec",
    "compile",
    "input",
    "breakpoint",
    "help",
    "exit",
    "quit",
    "globals",
    "locals",
    "vars",
}
MEMORY = 2 << 30
builtins: dict[str, Any] = vars(__import__("builtins"))


def imported(name: str, *rest: Any) -> Any:
    """Import what looks harmless."""
    if name.partition(".")[0] not in MODULES:
        raise ImportError(name)
    return builtins["__import__"](name, *rest)


def naive(code: str, around: Surroundings) -> Outcome:
    """Run code as the body of a function, without the builtins that look harmful."""
    kept = {name: value for name, value in builtins.items() if name not in HARMFUL} | {"__import__": imported}
    names = {"__builtins__": kept, "checkpoint": around.checkpoint, "get_metric": around.get_metric}
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(f"def plugin():\n{textwrap.indent(code, '    ')}", names)  # noqa: S102 (that is what is tried)
            value = names["plugin"]()
            return Outcome("returned", f"{printed.getvalue()}{value!r}")
    except Exception as error:  # noqa: BLE001 (whatever the code raised)
        return Outcome("runtime", f"{error!r}")


def alone(attempt: Attempt) -> list[str]:
    """What an attempt got through with, made in a process of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        with Surroundings() as around:
            verdict = judge(attempt, naive, around)
        os.write(writer, json.dumps(verdict.failures).encode())
        os._exit(0)
    os.close(writer)
    answered, _, _ = select.select([reader], [], [], SECONDS)
    said = os.read(reader, 65_536) if answered else b""
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not answered:
        return [f"not stopped after {SECONDS:g} s"]
    return list(json.loads(said)) if said else ["the host died"]


def main(paths: list[str]) -> None:
    """Print the failures by attempt, as one JSON object."""
    with tempfile.TemporaryDirectory() as tempfile.tempdir:  # those that are killed cannot tidy up
        found = {attempt.id: alone(attempt) for path in paths for attempt in load(Path(path))}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
