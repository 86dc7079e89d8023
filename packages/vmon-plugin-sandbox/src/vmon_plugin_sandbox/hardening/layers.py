"""Which layers hold a worker, as the kernel reports them of the running process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import attrs

from vmon_plugin_sandbox.hardening import privileges


@attrs.frozen
class Layer:
    """One layer of the confinement.

    Attributes:
        name: what it is called.
        active: whether it holds the worker.
        detail: what it does, or why it is not there.
    """

    name: str
    active: bool
    detail: str


SAYS = {
    "process": "the interpreter is a process of its own",
    "privileges": "no program gives it more rights (no_new_privs)",
    "seccomp": "system calls that are not on the list fail",
    "landlock": "no files but its own binary and libraries; no TCP, no signals to others where the kernel knows these",
    "user": "it is not root and has no capabilities",
    "limits": f"{privileges.MEMORY >> 20} MB of address space, {privileges.SECONDS} s of processor time, "
    f"{privileges.FILES} open files, no files written",
    "network": "it has a network of its own, with nothing in it",
}

_FILTERED = "2"
_LIMITS = {
    "Max address space": privileges.MEMORY,
    "Max cpu time": privileges.SECONDS,
    "Max file size": 0,
    "Max core file size": 0,
    "Max open files": privileges.FILES,
}


def measure(pid: int, planned: list[str]) -> tuple[Layer, ...]:
    """Read which layers hold a process.

    Landlock is the one that the kernel does not tell of another process. A launcher that put it on has tried to read
    what it must not, and would not have become the interpreter if it could; so it counts where it is planned and
    seccomp, the layer after it, is there.

    Args:
        pid: the worker.
        planned: the layers that its launcher was told to put on.

    Raises:
        ProcessLookupError: there is no such process.
    """
    if sys.platform != "linux":
        return (Layer("process", active=True, detail=SAYS["process"]),)
    status, ours = _status(pid), _status(os.getpid())
    seccomp = status.get("Seccomp") == _FILTERED and _filters(status, 1) > _filters(ours, 0)
    found = {
        "process": True,
        "privileges": status.get("NoNewPrivs") == "1",
        "seccomp": seccomp,
        "landlock": "landlock" in planned and (seccomp or "seccomp" not in planned),
        "user": "0" not in status["Uid"].split() and int(status["CapEff"], 16) == 0,
        "limits": _limited(pid),
        "network": _has_own_network(pid),
    }
    return tuple(
        Layer(name, active, SAYS[name] if active else _missing(name, planned)) for name, active in found.items()
    )


def start_time(pid: int) -> str:
    """When a process began, in the kernel's ticks: with its number it names a process for good.

    Raises:
        ProcessLookupError: there is no such process.
    """
    return _read(pid, "stat").rpartition(")")[2].split()[19]


def _missing(name: str, planned: list[str]) -> str:
    return (
        "it was asked for and is not there"
        if name in planned
        else "this system does not offer it, or it was not asked for"
    )


def _status(pid: int) -> dict[str, str]:
    pairs = (line.partition(":") for line in _read(pid, "status").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _filters(status: dict[str, str], untold: int) -> int:
    """How many filters a process has: a container puts one on the monitor already; kernels before 5.9 do not tell."""
    return int(status.get("Seccomp_filters", untold))


def _limited(pid: int) -> bool:
    rows = _read(pid, "limits").splitlines()[1:]
    soft = {row[:25].strip(): row[25:].split()[0] for row in rows}
    return all(soft[name].isdigit() and int(soft[name]) <= limit for name, limit in _LIMITS.items())


def _has_own_network(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    except OSError:
        return False  # what cannot be read is not claimed


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ProcessLookupError(pid) from error
