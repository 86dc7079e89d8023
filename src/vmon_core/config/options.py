"""How a setting is declared: its default as TOML, and the sentence that explains it in the default file."""

from __future__ import annotations

import re
from typing import NewType

from vmon_core.plugin import seconds

Duration = NewType("Duration", float)
"""Seconds, more than none; written as a number of seconds or as text such as "5s", "250ms" or "30d"."""

Pause = NewType("Pause", float)
"""Seconds, none allowed; written as a duration is."""

Size = NewType("Size", int)
"""Bytes; written as a number of bytes or as text such as "200MB" or "1GiB"."""

Versions = NewType("Versions", str)
"""A range of versions as PEP 440 writes it, such as "<0.3"."""

Distributions = NewType("Distributions", str)
"""A distribution with a range of versions as PEP 508 writes it, such as "vmon-plugin-foo<1.2"."""

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>B|[kKMGT]B|[KMGT]iB)")
_POWERS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def read_duration(value: str | float) -> Duration:
    """Read a duration; see `vmon_core.plugin.seconds`."""
    return Duration(seconds(value))


def read_pause(value: str | float) -> Pause:
    """Read a duration that may be zero.

    >>> read_pause("0s"), read_pause(0), read_pause("1m")
    (0.0, 0.0, 60.0)
    """
    return Pause(0.0) if value in (0, "0", "0s") else Pause(seconds(value))


def read_size(value: str | int) -> Size:
    """Read a number of bytes.

    Args:
        value: a positive whole number of bytes, or a number with one of the units B, kB, MB, GB, TB (powers of 1000),
            KiB, MiB, GiB, TiB (powers of 1024).

    Raises:
        ValueError: it is no such thing.

    >>> read_size("200MB"), read_size("1.5KiB"), read_size(4096)
    (200000000, 1536, 4096)
    """
    if isinstance(value, int):
        size = value
    else:
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            msg = f"{value!r} is not a size: write a number with a unit, such as '200MB' or '1GiB'"
            raise ValueError(msg)
        unit = match["unit"]
        size = int(float(match["number"]) * (1024 if "i" in unit else 1000) ** _POWERS[unit[0].upper()])
    if size <= 0:
        msg = f"{value!r} is not a positive size"
        raise ValueError(msg)
    return Size(size)


def write_duration(value: float) -> str:
    """Write a duration with the largest unit that needs no fraction; the opposite of `read_duration`.

    >>> write_duration(0.25), write_duration(5.0), write_duration(600.0), write_duration(0.0)
    ('250ms', '5s', '10m', '0s')
    """
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value and value % length == 0:
            return f"{value / length:.0f}{unit}"
    return f"{value * 1000:g}ms" if value else "0s"


def write_size(value: int) -> str:
    """Write a number of bytes with the largest unit that needs no fraction; the opposite of `read_size`.

    >>> write_size(200_000_000), write_size(1024)
    ('200MB', '1024B')
    """
    for unit, length in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value % length == 0:
            return f"{value // length}{unit}"
    return f"{value}B"


def says(comment: str, *, example: str = "") -> dict[str, str]:
    """Explain a setting in its field's metadata.

    Args:
        comment: the sentences that the default file says about it.
        example: a TOML value to show there, commented out, where the default is nothing that TOML can say.
    """
    return {"comment": comment, "example": example}
