"""Prepares the confinement in the monitor: what the kernel offers, and a program that starts confined workers."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path

from vmon_plugin_sandbox.hardening import binary as binaries
from vmon_plugin_sandbox.hardening import leftovers
from vmon_plugin_sandbox.hardening.errors import HardeningError

REQUIRED = ("seccomp", "landlock")
"""What must be there when hardening is required: either of them alone leaves a way out."""

_LONGEST_SHEBANG = 250
"""Linux reads 256 bytes of a program's first line since 5.1, the last kernel before Landlock by far."""

_TRIAL_TIMEOUT = 20.0
_PACKAGES = Path(__file__).parents[2]
_SETGID, _SETUID = 6, 7
_PROGRAM = """\
import sys
sys.path.append({packages!r})
from vmon_plugin_sandbox.hardening.launcher import launch
launch({plan!r}, sys.argv[1:])
"""


class Hardening(StrEnum):
    """How much the operating system must confine the workers."""

    REQUIRE = "require"
    PREFER = "prefer"
    OFF = "off"


DEFAULT = Hardening.REQUIRE if sys.platform == "linux" else Hardening.PREFER


class Confinement:
    """A program that starts workers, confined as this system can.

    Args:
        hardening: `require` refuses to go without seccomp and Landlock, `prefer` takes what there is, `off` nothing.
        binary: the interpreter; the one that is installed if it is not said.

    Attributes:
        program: what to start instead of the interpreter, with the same arguments.
        layers: what the workers put on.

    Raises:
        HardeningError: it cannot be done; says what to do.
    """

    def __init__(self, hardening: Hardening, binary: Path | None = None) -> None:
        found = binary or binaries.find()
        self.layers = [] if hardening is Hardening.OFF else offered()
        self._folder: Path | None = None
        missing = [layer for layer in REQUIRED if layer not in self.layers]
        if hardening is Hardening.REQUIRE and missing:
            message = (
                f"the sandbox requires {' and '.join(REQUIRED)}, and this system has no {' and no '.join(missing)}"
            )
            raise HardeningError(message, "allow them in the container's profile, or set os_hardening to `prefer`")
        self.program = self._launcher(found) if self.layers else found
        self._try()

    def close(self) -> None:
        """Remove the program."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _launcher(self, binary: Path) -> Path:
        place = _executable_folder()
        leftovers.tidy(Path(place))
        self._folder = Path(tempfile.mkdtemp(prefix=leftovers.prefix(), dir=place))
        if not stat.S_IXOTH & binary.stat().st_mode:  # nobody must be able to execute it, and a umask of 077 says no
            binary = Path(shutil.copy(binary, self._folder))
            binary.chmod(0o755)
        plan = {
            "binary": [str(binary)],
            "executable": [str(binary), *binaries.libraries(binary)],
            "readable": binaries.caches(),
            "layers": self.layers,
        }
        program = self._folder / "worker"
        program.write_text(_shebang() + _PROGRAM.format(packages=str(_PACKAGES), plan=plan), encoding="utf-8")
        program.chmod(0o700)
        return program

    def _try(self) -> None:
        """Start it once and hear what it has to say: of a worker that does not start nothing else is known."""
        try:
            done = subprocess.run(  # noqa: S603 (the program that was just made)
                [self.program, "--version"], env={}, capture_output=True, text=True, timeout=_TRIAL_TIMEOUT, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
        else:
            said = "" if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"
        if said:
            self.close()
            message = f"the sandbox's workers do not start: {said}"
            raise HardeningError(message, "set os_hardening to `prefer` or `off` if this system cannot do it")


def offered() -> list[str]:
    """The layers that this system can put on a worker."""
    if sys.platform != "linux":
        return []
    from vmon_plugin_sandbox.hardening import landlock, seccomp  # noqa: PLC0415 (they need Linux's C library)

    possible = {
        "privileges": True,
        "network": True,
        "user": os.geteuid() != 0 or _may_become_nobody(),
        "limits": True,
        "landlock": landlock.version() > 0,
        "seccomp": seccomp.available(),
    }
    return [name for name, there in possible.items() if there]


def _may_become_nobody() -> bool:
    """Whether root may change its user: containers can take the right away, and user namespaces lack the user."""
    from vmon_plugin_sandbox.hardening.privileges import NOBODY  # noqa: PLC0415 (likewise)

    status = Path("/proc/self/status").read_text(encoding="utf-8")
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    may = effective & 1 << _SETUID and effective & 1 << _SETGID
    return bool(may) and all(_mapped(Path(f"/proc/self/{kind}_map"), NOBODY) for kind in ("uid", "gid"))


def _mapped(table: Path, number: int) -> bool:
    rows = (map(int, line.split()) for line in table.read_text(encoding="utf-8").splitlines())
    return any(first <= number < first + length for first, _, length in rows)


def _executable_folder() -> str:
    """A folder for temporary files from which programs may be started; on some systems /tmp is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for folder in (tempfile.gettempdir(), *([runtime] if runtime else [])):
        if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return folder
    message = f"no program may be started from {tempfile.gettempdir()}, where the sandbox's launcher would be"
    raise HardeningError(message, "set TMPDIR to a folder on a file system without `noexec`")


def _shebang() -> str:
    """The first line, or a shell's detour when the interpreter's path has a space in it or is too long."""
    if not sys.executable:
        message = "this Python does not know where it is, so the sandbox's launcher has no interpreter"
        raise HardeningError(message, "run vmon with a Python of its own")
    line = f"#!{sys.executable} -IS\n"
    if len(os.fsencode(line)) <= _LONGEST_SHEBANG and " " not in sys.executable:
        return line
    return f"#!/bin/sh\n'''exec' \"{sys.executable}\" -IS \"$0\" \"$@\"\n' '''\n"
