"""The numbers are the kernel's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmon_plugin_sandbox.hardening.syscalls import NUMBERS

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
NUMBER = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", re.MULTILINE)
ALIAS = re.compile(r"^#define __NR_(\w+)\s+__NR3264_(\w+)$", re.MULTILINE)


@pytest.mark.parametrize("processor", NUMBERS)
def test_numbers_are_those_of_the_headers(processor: str) -> None:
    """The generic header is that of aarch64 and of all processors that came later."""
    header = next((Path(path) for path in HEADERS[processor] if Path(path).is_file()), None)
    if header is None:
        pytest.skip(f"the kernel's headers for {processor} are not installed")
    text = header.read_text(encoding="utf-8")
    known = {name: int(number) for name, number in NUMBER.findall(text)}
    known |= {name: known[alias] for name, alias in ALIAS.findall(text) if alias in known}
    ours = NUMBERS[processor]
    assert ours == {name: known[name] for name in ours}


def test_what_a_processor_lacks_has_an_equal() -> None:
    """aarch64 came late and has only the newer of two calls."""
    lacking = NUMBERS["x86_64"].keys() - NUMBERS["aarch64"].keys()
    assert lacking == {"arch_prctl", "open", "poll", "stat"}
    assert not NUMBERS["aarch64"].keys() - NUMBERS["x86_64"].keys()
