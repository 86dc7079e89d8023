"""The filter of system calls: what is not on the list does not happen, whoever asks.

Documentation/userspace-api/seccomp_filter.rst of the Linux kernel.
"""

from __future__ import annotations

import errno
import platform
import struct

from vmon_plugin_sandbox.hardening import native, syscalls

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_LOAD, _EQUALS, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _PROCESSOR, _ARGUMENTS = 0, 4, 16
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
"""Numbers from here on are those of the x32 ABI, by which x86-64 calls could be made under other numbers."""

_CLONE_THREAD = 0x00010000
_AT_EMPTY_PATH = 0x1000
_PR_SET_NAME = 15
_PROT_WRITE, _PROT_EXEC = 2, 4
_MAP_ANONYMOUS = 0x20

Instruction = tuple[int, int, int, int]
Condition = tuple[int, int, int, bool]
"""Number of the argument, comparison, value, and whether it must be so."""

_CONDITIONS: dict[str, tuple[tuple[Condition, ...], ...]] = {
    "clone": (((0, _HAS, _CLONE_THREAD, True),),),
    "execveat": (((4, _EQUALS, _AT_EMPTY_PATH, True),),),
    "prctl": (((0, _EQUALS, _PR_SET_NAME, True),),),
    "prlimit64": (((0, _EQUALS, 0, True),),),
    "mprotect": (((2, _HAS, _PROT_EXEC, False),),),
    "mmap": (
        ((2, _HAS, _PROT_EXEC, False),),
        ((2, _HAS, _PROT_WRITE, False), (3, _HAS, _MAP_ANONYMOUS, False)),
    ),
}
"""Calls that are allowed only so; one line for each way. Threads but no processes, the interpreter's binary by its open
file but nothing by name, the limits of nobody else, and memory to execute only from a file and never writable."""

_MISSING = {"clone3": errno.ENOSYS}
"""Its flags lie in memory, where a filter cannot look; the C library then takes `clone`."""


def program(processor: str) -> bytes:
    """The filter, in the kernel's byte code (classic BPF).

    Args:
        processor: whose numbers it compares.
    """
    numbers = syscalls.NUMBERS[processor]
    code = [(_LOAD, 0, 0, _PROCESSOR), (_EQUALS, 1, 0, _AUDIT[processor]), (_RETURN, 0, 0, _KILL)]
    code += [(_LOAD, 0, 0, _NUMBER)]
    if processor == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for name, number in numbers.items():
        answer = _ERRNO | _MISSING[name] if name in _MISSING else _ALLOW
        for conditions in _CONDITIONS.get(name, ((),)):
            code += _rule(number, conditions, answer)
    code += [(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def available() -> bool:
    """Whether the kernel has filters: it looks for one where there is none, and says which of the two is missing."""
    try:
        native.prctl(_PR_SET_SECCOMP, _MODE_FILTER, 0)
    except OSError as error:
        return error.errno == errno.EFAULT and platform.machine() in _AUDIT
    return False  # pragma: no cover (the kernel took a filter that there is not)


def enforce() -> None:
    """Put this process, and all that comes of it, under the filter.

    Raises:
        OSError: the kernel refuses, or the processor is unknown.
    """
    code = program(syscalls.here())
    memory, where = native.address(code)
    header, header_address = native.address(struct.pack("@HP", len(code) // 8, where))
    native.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header_address)
    del memory, header


def _rule(number: int, conditions: tuple[Condition, ...], answer: int) -> list[Instruction]:
    """Answer a call if all conditions hold; else go on behind the rule, with the call's number loaded again."""
    body: list[Instruction] = []
    reload_number = [(_LOAD, 0, 0, _NUMBER)] if conditions else []
    left = 2 * len(conditions)
    for argument, comparison, value, wanted in conditions:
        left -= 2
        onward = (0, left + 1) if wanted else (left + 1, 0)
        body += [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (comparison, *onward, value)]
    body += [(_RETURN, 0, 0, answer), *reload_number]
    return [(_EQUALS, 0, len(body), number), *body]
