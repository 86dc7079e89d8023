"""Confines its own process and becomes the interpreter. Whatever fails, the interpreter does not start.

It runs as `python -I -S` with an empty environment, so nothing here may need a package from elsewhere.
"""

from __future__ import annotations

import os
import sys

from vmon_plugin_sandbox.hardening import landlock, privileges, seccomp

FAILED = 120
"""The exit status of a launcher that did not get to the interpreter; shells use 126 and more."""

_ERRORS, _FIRST_OTHER = 2, 3
_LEAST_OPEN_MAX = 65_536
"""Descriptors to close at least: the limit may have been lowered after some were opened."""


def launch(plan: dict[str, list[str]], arguments: list[str]) -> None:
    """Become the interpreter, or leave.

    Args:
        plan: what `confinement.plan` made: `binary`, `executable` and `readable` files, and the `layers` to put on.
        arguments: those of the interpreter.
    """
    os.closerange(_FIRST_OTHER, max(os.sysconf("SC_OPEN_MAX"), _LEAST_OPEN_MAX))
    told = os.dup(_ERRORS)
    try:
        _become(plan, arguments)
    except BaseException as error:  # noqa: BLE001 (nothing may be left that goes on)
        os.write(told, f"the sandbox's launcher: {error}\n".encode())
    os._exit(FAILED)


def _become(plan: dict[str, list[str]], arguments: list[str]) -> None:
    """Open what root may open, then give up one right after the other, each while it can still be given up."""
    [binary] = plan["binary"]
    interpreter = os.open(binary, os.O_RDONLY | os.O_CLOEXEC)
    layers = plan["layers"]
    rules = landlock.Ruleset(plan["readable"], plan["executable"]) if "landlock" in layers else None
    silence()
    confine(layers, rules)
    os.execve(interpreter, [binary, *arguments], {})  # noqa: S606 (a shell is the last thing that it should be)


def silence() -> None:
    """What the interpreter says on its standard error goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), _ERRORS)


def confine(layers: list[str], rules: landlock.Ruleset | None) -> None:
    """Put on the layers, each of which stands alone.

    Args:
        layers: their names.
        rules: those of Landlock, if that is one of them.

    Raises:
        OSError: the kernel refuses one.
    """
    privileges.gain_nothing()
    if "network" in layers:
        privileges.leave_namespaces()
    if "user" in layers:
        privileges.become_nobody()
    if "limits" in layers:
        privileges.take_little()
    if rules is not None:
        rules.enforce()
    if "seccomp" in layers:
        seccomp.enforce()


if __name__ == "__main__":
    sys.exit("it is started by the sandbox's engine")
