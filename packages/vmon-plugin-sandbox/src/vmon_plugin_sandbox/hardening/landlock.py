"""The files that a worker may use, and nothing else: Documentation/userspace-api/landlock.rst of the Linux kernel."""

from __future__ import annotations

import errno
import os
import stat
import struct

from vmon_plugin_sandbox.hardening import native

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The numbers of its system calls, the same on every processor."""

_VERSION = 1
_BENEATH = 1
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over files that a version of Landlock knows."""

_EXECUTE, _READ = 1 << 0, 1 << 2
_TCP = 3
_TCP_SINCE = 4
_SCOPES = 3
_SCOPES_SINCE = 6
"""No TCP port is opened or called; no signal and no abstract socket reaches a process outside."""


def version() -> int:
    """The version of Landlock that the kernel has, 0 when it has none."""
    return max(0, native.syscall(_CREATE, None, 0, _VERSION))


class Ruleset:
    """The rules for one process, until they are enforced.

    Args:
        readable: files that may be read.
        executable: files that may be read and executed.

    Raises:
        OSError: the kernel has no Landlock, or a file cannot be opened.
    """

    def __init__(self, readable: list[str], executable: list[str]) -> None:
        known = version()
        if not known:
            raise OSError(errno.ENOSYS, "the kernel has no Landlock")
        handled = _RIGHTS[min(known, max(_RIGHTS))]
        network = _TCP if known >= _TCP_SINCE else 0
        scopes = _SCOPES if known >= _SCOPES_SINCE else 0
        size = 24 if scopes else 16 if network else 8
        self._fd = _checked(native.syscall(_CREATE, struct.pack("=QQQ", handled, network, scopes), size, 0), "create")
        for path in readable:
            self._allow(path, _READ)
        for path in executable:
            self._allow(path, _READ | _EXECUTE)

    def enforce(self) -> None:
        """Put this process under the rules, and make sure that they hold.

        Raises:
            OSError: they do not.
        """
        _checked(native.syscall(_RESTRICT, self._fd, 0), "restrict")
        os.close(self._fd)
        if _reads("/"):
            raise OSError(errno.EPERM, "Landlock is enforced, but / can still be read")

    def _allow(self, path: str, rights: int) -> None:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, f"{path} is no file")
            _checked(native.syscall(_ADD, self._fd, _BENEATH, struct.pack("=Qi", rights, fd), 0), "add")
        finally:
            os.close(fd)


def _reads(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
    except PermissionError:
        return False
    return True


def _checked(result: int, step: str) -> int:
    if result < 0:
        raise OSError(-result, f"Landlock, {step}: {os.strerror(-result)}")
    return result
