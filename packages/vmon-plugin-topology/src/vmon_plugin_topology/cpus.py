"""Sets of logical processors, as Linux, NCCL and hwloc write them."""

from __future__ import annotations

import re

MAX_CPUS = 8192
"""Numbers above it are nonsense: no Linux kernel is built for more (NR_CPUS)."""

_SPAN = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MASK = re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}")


def parse_list(text: str) -> frozenset[int]:
    """Read a list such as `0-3,8`; what makes no sense is left out.

    >>> sorted(parse_list("0-2,8,x,9-"))
    [0, 1, 2, 8]
    """
    found: set[int] = set()
    for part in text.strip().split(","):
        match = _SPAN.fullmatch(part.strip())
        if match and int(match[2] or match[1]) < MAX_CPUS:
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)


def parse_mask(text: str) -> frozenset[int]:
    """Read a mask of 32-bit words such as `0000ffff,ffffffff`, highest first; nothing when it makes no sense.

    hwloc leaves zero words empty and may begin with `0xf...f`, which stands for all further ones: nothing is told then.

    >>> sorted(parse_mask("00000001,80000001"))
    [0, 31, 32]
    """
    words = [word or "0" for word in text.strip().split(",")]
    if len(words) > MAX_CPUS // 32 or not all(_MASK.fullmatch(word) for word in words):
        return frozenset()
    bits = 0
    for word in words:
        bits = bits << 32 | int(word, 16)
    return frozenset(number for number in range(bits.bit_length()) if bits >> number & 1)


def format_list(cpus: frozenset[int]) -> str:
    """Write a list as Linux does.

    >>> format_list(frozenset({0, 1, 2, 8}))
    '0-2,8'
    """
    spans: list[list[int]] = []
    for cpu in sorted(cpus):
        if spans and cpu == spans[-1][1] + 1:
            spans[-1][1] = cpu
        else:
            spans.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
