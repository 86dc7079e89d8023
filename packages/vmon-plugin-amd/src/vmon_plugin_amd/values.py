"""Numbers among what `amdsmi` returns: it writes blanks in several ways, and they differ by version.

Newer versions write "N/A", older ones hand out what the firmware wrote: a number with all bits set.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

_WIDTHS = (16, 32, 64)


def number(value: object, bits: int = 64) -> float | None:
    """The number that a value is, None where it is a blank.

    Args:
        value: what was returned; of a list, the highest number counts.
        bits: the width of the field in the driver's table; all bits set is a blank, also those of a wider field.

    >>> number("N/A"), number(0xFFFF, 16), number(65, 16), number(["N/A", 3, 7])
    (None, None, 65.0, 7.0)
    """
    if isinstance(value, list | tuple):
        return max((found for each in value if (found := number(each, bits)) is not None), default=None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    blank = not isfinite(value) or any(value == (1 << width) - 1 for width in _WIDTHS if width >= bits)
    return None if blank else float(value)


def at(data: object, path: str) -> Any:  # noqa: ANN401 (whatever lies there)
    """What lies at a dotted path in nested mappings, None where there is nothing; "" is the whole.

    >>> at({"pcie_metric": {"pcie_width": 16}}, "pcie_metric.pcie_width")
    16
    """
    for key in path.split(".") if path else ():
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def text(value: object) -> str:
    """A text that says something; "" for a blank.

    >>> text("N/A"), text(" AMD Instinct MI300X ")
    ('', 'AMD Instinct MI300X')
    """
    found = value.strip() if isinstance(value, str) else ""
    return "" if found.upper() in {"N/A", "NA", "UNKNOWN"} else found
