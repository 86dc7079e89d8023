"""The system calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000


def prctl(option: int, *arguments: int) -> int:
    """Change something about this process, see prctl in the manual.

    Raises:
        OSError: the kernel refuses.
    """
    numbers = [*arguments, 0, 0, 0, 0][:4]
    return checked(_libc.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, numbers)), "prctl")


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call by its number; a negative result is the error's number, negated."""
    found: int = _libc.syscall(ctypes.c_long(number), *map(_native, arguments))
    return found if found >= 0 else -ctypes.get_errno()


def unshare(flags: int) -> None:
    """Leave namespaces, see unshare in the manual.

    Raises:
        OSError: the kernel refuses.
    """
    checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def checked(result: int, call: str) -> int:
    """Raise the error of a call that failed.

    Args:
        result: what the call returned: -1 when it failed.
        call: its name, for the message.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def address(buffer: bytes) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """Memory that holds these bytes, to be kept as long as the kernel may read it, and where it is."""
    memory = ctypes.create_string_buffer(buffer, len(buffer))
    return memory, ctypes.addressof(memory)


def _native(argument: int | bytes | None) -> object:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument
