"""An incremental parser of the Prometheus text format.

Two scrapes of one server differ in a few numbers only. The parser keeps the lines of the last scrape, compares, and
reads nothing but the numbers that changed. The result is the same as that of prometheus_client's parser, which reads
every character of every scrape again.
"""

from __future__ import annotations

import operator
from itertools import compress

import attrs

from vmon_plugin_vllm.metrics import grammar
from vmon_plugin_vllm.metrics.families import Layout, LayoutBuilder
from vmon_plugin_vllm.metrics.grammar import Series
from vmon_plugin_vllm.metrics.lines import Comment, ExpositionError, Reading, read_line

__all__ = ["ExpositionError", "ExpositionParser", "Parsed"]


@attrs.frozen(eq=False)
class Parsed:
    """A scrape.

    Attributes:
        layout: its families and series; the same object as in the last scrape while only numbers changed.
        values: the number of each series of the layout; whole numbers written without a point are ints.
        changed: the positions whose line was not in the last scrape.
    """

    layout: Layout
    values: tuple[float, ...]
    changed: tuple[int, ...]


@attrs.frozen(eq=False)
class _Memory:
    """What the parser keeps of a scrape; `heads` and `positions` are by line, `known` is by head.

    Lines and heads stay bytes: they split and compare faster than text.
    """

    body: bytes = b""
    lines: list[bytes] = attrs.field(factory=list)
    heads: list[bytes] = attrs.field(factory=list)
    positions: list[int] = attrs.field(factory=list)
    known: dict[str, Series] = attrs.field(factory=dict)
    layout: Layout = attrs.field(factory=Layout)
    values: tuple[float, ...] = ()


class ExpositionParser:
    r"""Parses the scrapes of one server, each with the help of the one before.

    >>> parser = ExpositionParser()
    >>> parser.parse(b"a 1.0\nb 2.0\n").values
    (1.0, 2.0)
    >>> scrape = parser.parse(b"a 1.0\nb 3.0\n")
    >>> scrape.values, scrape.changed
    ((1.0, 3.0), (1,))
    """

    def __init__(self) -> None:
        self._last = _Memory()

    def parse(self, body: bytes) -> Parsed:
        """Parse a scrape.

        Args:
            body: the text as the server sent it, in UTF-8.

        Returns:
            Its series and numbers, and which of them are new.

        Raises:
            ExpositionError: prometheus_client would refuse it, or it is not UTF-8. The next scrape is then compared
                with the last good one.
        """
        last = self._last
        if body == last.body:
            return Parsed(last.layout, last.values, ())
        lines = body.split(b"\n")
        return self._update(body, lines) or self._rebuild(body, lines)

    def _update(self, body: bytes, lines: list[bytes]) -> Parsed | None:
        """Read the numbers that changed; None when more than numbers changed."""
        last = self._last
        if len(lines) != len(last.lines):
            return None
        differs = list(map(operator.ne, lines, last.lines))
        changed = tuple(compress(last.positions, differs))
        numbers = _numbers(list(compress(lines, differs)), list(compress(last.heads, differs)))
        if numbers is None:
            return None
        values = list(last.values)
        for position, number in zip(changed, numbers, strict=True):
            values[position] = number
        self._last = _Memory(body, lines, last.heads, last.positions, last.known, last.layout, tuple(values))
        return Parsed(last.layout, self._last.values, changed)

    def _rebuild(self, body: bytes, lines: list[bytes]) -> Parsed:
        """Form the families anew; series that were known need not be read again."""
        builder, readings = LayoutBuilder(), dict[int, Reading]()
        for index, line in enumerate(_decode(body).split("\n")):
            item = self._read(index, line)
            if isinstance(item, Reading):
                readings[index] = item
                builder.sample(index, item.series, item.value)
            elif item is not None:
                builder.comment(index, item)
        layout = builder.finish(len(lines) - 1)
        before = set(self._last.lines)
        changed = tuple(p for p, index in enumerate(layout.lines) if lines[index] not in before)
        self._last = _remember(body, lines, layout, tuple(builder.values), readings)
        return Parsed(layout, self._last.values, changed)

    def _read(self, index: int, line: str) -> Comment | Reading | None:
        try:
            return read_line(line, self._last.known)
        except (ValueError, OverflowError) as error:
            raise ExpositionError(index + 1, str(error)) from None


def _numbers(lines: list[bytes], heads: list[bytes]) -> list[float] | None:
    """Read the number of each line behind its head; None when one does not have the head that it had.

    This is where a scrape under load spends its time, so the loops run in C. Buckets of a histogram repeat numbers,
    so each one is read once.
    """
    tails = list(map(bytes.removeprefix, lines, heads))
    if any(map(operator.eq, tails, lines)):  # nothing was removed: the head is another one, or not plain
        return None
    try:
        read = {tail: grammar.number(tail.decode()) for tail in set(tails)}
    except ValueError:
        return None
    return list(map(read.__getitem__, tails))


def _remember(
    body: bytes, lines: list[bytes], layout: Layout, values: tuple[float, ...], readings: dict[int, Reading]
) -> _Memory:
    heads, positions = [b""] * len(lines), [-1] * len(lines)
    for position, index in enumerate(layout.lines):
        heads[index], positions[index] = readings[index].head.encode(), position
    known = {reading.head: reading.series for reading in readings.values() if reading.head}
    return _Memory(body, lines, heads, positions, known, layout, values)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ExpositionError(body.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
