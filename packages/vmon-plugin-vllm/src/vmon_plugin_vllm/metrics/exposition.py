"""An incremental parser of the Prometheus text format.

Two scrapes of one server differ in a few numbers only. The parser keeps the lines of the last scrape, compares, and
reads nothing but the numbers that changed. The result is the same as that of prometheus_client's parser, which reads
every character of every scrape again.
"""

from __future__ import annotations

import operator
from itertools import compress
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_vllm.metrics import grammar
from vmon_plugin_vllm.metrics.families import Layout, LayoutBuilder
from vmon_plugin_vllm.metrics.lines import Comment, ExpositionError, Reading, read_line

if TYPE_CHECKING:
    from vmon_plugin_vllm.metrics.grammar import Series

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
    """What the parser keeps of a scrape; `heads` and `positions` are by line, `known` is by head."""

    body: bytes = b""
    lines: list[str] = attrs.field(factory=list)
    heads: list[str] = attrs.field(factory=list)
    positions: list[int] = attrs.field(factory=list)
    known: dict[str, Series] = attrs.field(factory=dict)
    layout: Layout = attrs.field(factory=Layout)
    values: tuple[float, ...] = ()


class ExpositionParser:
    """Parses the scrapes of one server, each with the help of the one before.

    >>> parser = ExpositionParser()
    >>> parser.parse(b"a 1.0\\nb 2.0\\n").values
    (1.0, 2.0)
    >>> scrape = parser.parse(b"a 1.0\\nb 3.0\\n")
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
        lines = _decode(body).split("\n")
        return self._update(body, lines) or self._rebuild(body, lines)

    def _update(self, body: bytes, lines: list[str]) -> Parsed | None:
        """Read the numbers that changed; None when more than numbers changed."""
        last = self._last
        if len(lines) != len(last.lines):
            return None
        values, changed = list(last.values), []
        for index in compress(range(len(lines)), map(operator.ne, lines, last.lines)):
            line, head = lines[index], last.heads[index]
            if not head or not line.startswith(head):
                return None
            try:
                values[last.positions[index]] = grammar.number(line[len(head) :])
            except ValueError:
                return None
            changed.append(last.positions[index])
        self._last = attrs.evolve(last, body=body, lines=lines, values=tuple(values))
        return Parsed(last.layout, self._last.values, tuple(changed))

    def _rebuild(self, body: bytes, lines: list[str]) -> Parsed:
        """Form the families anew; series that were known need not be read again."""
        builder, readings = LayoutBuilder(), dict[int, Reading]()
        for index, line in enumerate(lines):
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


def _remember(
    body: bytes, lines: list[str], layout: Layout, values: tuple[float, ...], readings: dict[int, Reading]
) -> _Memory:
    heads, positions = [""] * len(lines), [-1] * len(lines)
    for position, index in enumerate(layout.lines):
        heads[index], positions[index] = readings[index].head, position
    known = {reading.head: reading.series for reading in readings.values() if reading.head}
    return _Memory(body, lines, heads, positions, known, layout, values)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ExpositionError(body.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
