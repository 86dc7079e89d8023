"""The filter, run step by step as the kernel would, for both processors."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_sandbox.hardening import seccomp
from vmon_plugin_sandbox.hardening.syscalls import NUMBERS

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, MISSING = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
PROCESSORS = list(NUMBERS)


def answer(processor: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says to a call: an interpreter for the six instructions that it is made of."""
    where = AUDIT[processor] if audit is None else audit
    call = struct.pack("=iIQ6Q", number, where, 0, *[*arguments, 0, 0, 0, 0, 0, 0][:6])
    program = list(struct.iter_unpack("=HBBI", seccomp.program(processor)))
    position, loaded = 0, 0
    while True:
        code, then, otherwise, value = program[position]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            [loaded] = struct.unpack_from("=I", call, value)
            position += 1
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
        position += 1 + (then if holds else otherwise)


def call(processor: str, name: str, *arguments: int) -> int:
    """What the filter says to a call by its name."""
    return answer(processor, NUMBERS[processor][name], *arguments)


@pytest.mark.parametrize("processor", PROCESSORS)
@given(number=st.integers(0, 1000), arguments=st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6))
def test_only_the_list_is_allowed(processor: str, number: int, arguments: list[int]) -> None:
    """Whatever the arguments are."""
    if number not in NUMBERS[processor].values():
        assert answer(processor, number, *arguments) == DENY


@pytest.mark.parametrize("processor", PROCESSORS)
def test_what_needs_no_look_at_arguments_is_allowed(processor: str) -> None:
    """The calls that a program lives on."""
    for name in ("read", "write", "munmap", "futex", "exit_group", "openat", "rt_sigreturn"):
        assert call(processor, name) == ALLOW


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x003D0F00,), ALLOW),  # what pthread_create asks for
        ("clone", (17,), DENY),  # what fork asks for
        ("clone3", (), MISSING),
        ("execveat", (5, 0, 0, 0, 0x1000), ALLOW),
        ("execveat", (5, 0, 0, 0, 0), DENY),
        ("prlimit64", (0, 3), ALLOW),
        ("prlimit64", (1, 3), DENY),
        ("prctl", (15,), ALLOW),
        ("prctl", (22,), DENY),
        ("mmap", (0, 4096, 3, 0x22), ALLOW),  # memory to read and write
        ("mmap", (0, 4096, 5, 0x2), ALLOW),  # a library's code
        ("mmap", (0, 4096, 5, 0x22), DENY),
        ("mmap", (0, 4096, 7, 0x2), DENY),
        ("mmap", (0, 4096, 7, 0x22), DENY),
        ("mprotect", (0, 4096, 1), ALLOW),
        ("mprotect", (0, 4096, 4), DENY),
        ("mprotect", (0, 4096, 7), DENY),
    ],
)
def test_arguments_matter(processor: str, name: str, arguments: tuple[int, ...], expected: int) -> None:
    """Threads but no processes, code from files only."""
    assert call(processor, name, *arguments) == expected


def test_another_processors_calls_are_deadly() -> None:
    """32-bit calls and x32 have other numbers for the same things."""
    assert answer("x86_64", 0, audit=0x40000003) == KILL
    assert answer("aarch64", 63, audit=0x40000028) == KILL
    assert answer("x86_64", 0x40000000) == KILL
    assert answer("x86_64", -1) == KILL


@pytest.mark.parametrize("processor", PROCESSORS)
def test_jumps_stay_within_reach(processor: str) -> None:
    """A program is short enough for the kernel, and each jump lands inside it."""
    program = list(struct.iter_unpack("=HBBI", seccomp.program(processor)))
    assert len(program) < 4096
    for position, (code, then, otherwise, _) in enumerate(program):
        reach = max(then, otherwise) if code in {0x15, 0x35, 0x45} else 0
        assert position + 1 + reach < len(program) or code == 0x06
