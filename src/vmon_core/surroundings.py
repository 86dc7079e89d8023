"""Whether vmon itself can work here: its files, its socket, what it may see of processes, and the clock."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.control.wire import control_folder
from vmon_core.host.resolution.records import Reason
from vmon_core.lifecycle.capture.files import read
from vmon_core.records import CheckVerdict, CompatibilityCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.config import Config
    from vmon_core.host.plugin_host import PluginHost

SOCKET_PATH_LIMIT = 107
"""The longest path of a Unix socket in bytes: `sun_path` of `unix(7)`, less the ending zero."""

FEW_WATCHES = 1024
"""Fewer inotify watches than this are soon used up by other programs of the same user; kernels allow 8192 or more."""

EARLIEST = 1735689600.0
"""The beginning of 2025: a clock that shows less was never set."""

_AS_WANTED = frozenset({Reason.DISABLED, Reason.BLOCKED, Reason.ENVIRONMENT, Reason.FACT})
"""Reasons that are somebody's wish, or say that there is nothing to do for a plugin on this machine."""

_CAP_SYS_PTRACE = 19
_SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "pit", "jiffies"})
"""Clock sources for which each look is a system call, some of a microsecond and more."""


def check_surroundings(config: Config, host: PluginHost, root: Path = Path("/")) -> list[CompatibilityCheck]:
    """Check what vmon itself needs of this machine.

    Args:
        config: says where its files are and which folders it follows.
        host: the plugins as they were loaded.
        root: where `proc` and `sys` are found.

    Returns:
        A check each. Nothing is written.
    """
    checks = [_journal(config), _control_socket(config), _processes(root), _stacks(root), _clock(root)]
    checks += [_inotify(root)] if config.plugins.folders else []
    return [*checks, *_plugins(host)]


def _journal(config: Config) -> CompatibilityCheck:
    path = config.journal_path
    problem = _cannot_write(path)
    if problem:
        fix = "Set journal.path, or monitor.data_dir, to a place of this user's."
        return _check("vmon.journal", CheckVerdict.FAILURE, f"the journal cannot be written: {problem}", fix)
    return _check("vmon.journal", CheckVerdict.OK, f"the journal {path} can be written")


def _control_socket(config: Config) -> CompatibilityCheck:
    folder = control_folder(config.data_dir)
    longest = folder / f"{_largest_pid()}.sock"
    fix = "Set monitor.data_dir to another folder of this user's, with a shorter path."
    if len(os.fsencode(longest)) > SOCKET_PATH_LIMIT:
        told = f"the path of the control socket, {longest}, is longer than {SOCKET_PATH_LIMIT} bytes"
        return _check("vmon.control_socket", CheckVerdict.WARNING, f"{told}: no command can reach a monitor", fix)
    problem = _foreign(folder) or _cannot_write(longest)
    if problem:
        told = f"no command can reach a monitor by its control socket: {problem}"
        return _check("vmon.control_socket", CheckVerdict.WARNING, told, fix)
    return _check("vmon.control_socket", CheckVerdict.OK, f"monitors can listen in {folder}")


def _foreign(folder: Path) -> str:
    try:
        found = folder.lstat()
    except OSError:
        return ""
    return "" if found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode) else f"{folder} is not this user's"


def _cannot_write(path: Path) -> str:
    """Why a file cannot be written, "" when it can; what is missing can be made below a folder that can be written."""
    existing = path
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if existing != path and not existing.is_dir():
        return f"{existing} is no folder"
    if path.is_dir():
        return f"{path} is a folder"
    return "" if os.access(existing, os.W_OK) else f"{existing} may not be written"


def _largest_pid() -> str:
    return read(Path("/proc/sys/kernel/pid_max")) or "4194304"


def _processes(root: Path) -> CompatibilityCheck:
    """Whether the processes of others are shown, which `hidepid` of the proc file system hides."""
    options = next((line.split()[3] for line in read(root / "proc/mounts").splitlines() if " /proc proc " in line), "")
    hidden = any(o.startswith("hidepid=") and o[8:] not in ("0", "off") for o in options.split(","))
    if os.geteuid() == 0:
        return _check("vmon.processes", CheckVerdict.OK, "vmon runs as root and sees every process of this namespace")
    if hidden:
        told = "/proc hides the processes of other users (hidepid): a server of another user's is seen by HTTP only"
        return _check("vmon.processes", CheckVerdict.WARNING, told, "Run vmon as the user of the server.")
    told = "the processes of other users are shown; their environment, open files and log are not"
    return _check("vmon.processes", CheckVerdict.OK, told)


def _stacks(root: Path) -> CompatibilityCheck:
    """Whether stacks of a hung server could be taken: by Yama's ptrace_scope, or the capability SYS_PTRACE."""
    effective = next((x.split()[1] for x in read(root / "proc/self/status").splitlines() if x[:7] == "CapEff:"), "0")
    scope = read(root / "proc/sys/kernel/yama/ptrace_scope") or "0"
    if int(effective, 16) >> _CAP_SYS_PTRACE & 1 and scope != "3":
        return _check("vmon.stacks", CheckVerdict.OK, "vmon has SYS_PTRACE: stacks of any process can be taken")
    if scope in ("0", "1"):
        whose = "any process of this user's" if scope == "0" else "children only (ptrace_scope 1)"
        return _check("vmon.stacks", CheckVerdict.OK, f"without SYS_PTRACE, stacks can be taken of {whose}")
    fix = "Give vmon the capability SYS_PTRACE (docker run --cap-add SYS_PTRACE), or set kernel.yama.ptrace_scope to 0."
    told = f"no stacks can be taken of a hung server (ptrace_scope {scope}, no SYS_PTRACE)"
    return _check("vmon.stacks", CheckVerdict.NOT_EVALUATED, told, fix)


def _inotify(root: Path) -> CompatibilityCheck:
    limits = {name: read(root / f"proc/sys/fs/inotify/max_user_{name}") for name in ("watches", "instances")}
    if not all(limit.isdecimal() for limit in limits.values()):
        return _check("vmon.inotify", CheckVerdict.NOT_EVALUATED, "this kernel does not tell its inotify limits")
    told = ", ".join(f"{limit} {name}" for name, limit in limits.items())
    if int(limits["watches"]) < FEW_WATCHES:
        fix = "Raise them: sysctl fs.inotify.max_user_watches=65536."
        return _check("vmon.inotify", CheckVerdict.WARNING, f"plugin folders may not be followed: {told}", fix)
    return _check("vmon.inotify", CheckVerdict.OK, f"plugin folders can be followed: {told}")


def _clock(root: Path) -> CompatibilityCheck:
    now = time.time()
    source = read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    if now < EARLIEST:
        told = f"the clock shows {time.strftime('%Y-%m-%d', time.gmtime(now))}: it was never set"
        return _check("vmon.clock", CheckVerdict.WARNING, told, "Set the clock (chrony, systemd-timesyncd).")
    if source in _SLOW_CLOCKS:
        told = f"the kernel reads time from {source}, which is slow: everything that looks at the clock costs more"
        return _check(
            "vmon.clock", CheckVerdict.WARNING, told, "Boot with clocksource=tsc, where the processor allows."
        )
    return _check("vmon.clock", CheckVerdict.OK, f"the clock is set{source and f', its source is {source}'}")


def _plugins(host: PluginHost) -> Iterator[CompatibilityCheck]:
    """What was loaded, and each plugin that is installed and not in use."""
    loaded = ", ".join(f"{p.info.name} {p.info.version}" for p in host.plugins)
    needs = tuple(f"{p.info.name} needs {', '.join(p.info.needs)}" for p in host.plugins if p.info.needs)
    yield CompatibilityCheck(
        code="vmon.plugins", verdict=CheckVerdict.OK, summary=f"in use: {loaded}", evidence=needs, source="vmon"
    )
    for rejection in host.report.rejected:
        told = f"plugin {rejection.name} is not in use: {rejection.reason}"
        wanted = rejection.code in _AS_WANTED
        yield _check("vmon.plugin_rejected", CheckVerdict.OK if wanted else CheckVerdict.WARNING, told, rejection.help)


def _check(code: str, verdict: CheckVerdict, summary: str, fix: str = "") -> CompatibilityCheck:
    return CompatibilityCheck(code=code, verdict=verdict, summary=summary, fix=fix, source="vmon")
