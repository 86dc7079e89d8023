"""How the lines of an exposition form families.

A family is opened by its HELP or TYPE comment and collects the samples behind it that fit its name and type. A sample
that fits nowhere is a family of its own. The rules are those of prometheus_client's parser.
"""

from __future__ import annotations

import attrs

from vmon_plugin_vllm.metrics.grammar import Series
from vmon_plugin_vllm.metrics.lines import Comment, ExpositionError, Keyword

_SUFFIXES = {"summary": ("_count", "_sum", ""), "histogram": ("_count", "_sum", "_bucket")}
_UNTYPED = "untyped"
_TYPES = frozenset(
    {"counter", "gauge", "summary", "histogram", "gaugehistogram", "unknown", "info", "stateset", _UNTYPED}
)


@attrs.frozen
class Family:
    """A metric and the positions of its samples.

    Attributes:
        name: without the `_total` of a counter.
        type: such as `gauge`; `unknown` where the server does not tell.
        help: what the server says about it.
        start, stop: its samples are `Layout.series[start:stop]`.
    """

    name: str
    type: str
    help: str
    start: int
    stop: int


@attrs.frozen(eq=False)
class Layout:
    """Everything about a scrape but its numbers. While only numbers change, scrapes share one layout.

    Attributes:
        families: in the order of the body.
        series: the series of each sample; a sample's number has the same position in `Parsed.values`.
        lines: the index of each sample's line in the body.
    """

    families: tuple[Family, ...] = ()
    series: tuple[Series, ...] = ()
    lines: tuple[int, ...] = ()


class LayoutBuilder:
    """Takes the lines in order and forms families.

    Attributes:
        values: the numbers so far, by position.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self._families: list[Family] = []
        self._series: list[Series] = []
        self._lines: list[int] = []
        self._fits: tuple[str, ...] = ()
        self._typed_in = 0
        self._reset("")

    def _reset(self, name: str) -> None:
        self._name, self._type, self._help = name, _UNTYPED, ""
        self._start = len(self._series)

    def comment(self, index: int, comment: Comment) -> None:
        """Take a HELP or TYPE comment.

        Args:
            index: the index of its line.
            comment: what it says.

        Raises:
            ExpositionError: the family that ends here has no valid name or type.
        """
        if comment.name != self._name:
            self._close(index)
            self._reset(comment.name)
            self._fits = (comment.name,)
        if comment.keyword is Keyword.HELP:
            self._help = comment.text
        else:
            self._type, self._typed_in = comment.text, index
            self._fits = tuple(comment.name + suffix for suffix in _SUFFIXES.get(comment.text, ("",)))

    def sample(self, index: int, series: Series, value: float) -> None:
        """Take a sample.

        Args:
            index: the index of its line.
            series: what was measured.
            value: the number.

        Raises:
            ExpositionError: the sample has no name, or the family that ends here no valid name or type.
        """
        fits = series.name in self._fits
        if not fits:
            self._close(index)
            self._reset(series.name)
        self._series.append(series)
        self._lines.append(index)
        self.values.append(value)
        if not fits:
            self._close(index, required=True)
            self._reset("")
            self._fits = ()

    def finish(self, index: int) -> Layout:
        """Close the last family and return the layout; `index` is that of the last line."""
        self._close(index)
        return Layout(tuple(self._families), tuple(self._series), tuple(self._lines))

    def _close(self, index: int, *, required: bool = False) -> None:
        """End the current family; one without a name is dropped, unless it is `required` to have one."""
        if not self._name and not required:
            del self._series[self._start :], self._lines[self._start :], self.values[self._start :]
            return
        if self._type not in _TYPES:
            raise ExpositionError(self._typed_in + 1, f"{self._type!r} is not a metric type")
        name = self._counter_name() if self._type == "counter" else self._name
        if not name:
            raise ExpositionError(index + 1, "the metric has no name")
        kind = "unknown" if self._type == _UNTYPED else self._type
        self._families.append(Family(name, kind, self._help, self._start, len(self._series)))

    def _counter_name(self) -> str:
        """Give a counter the one form that prometheus_client uses: family without, samples with `_total`."""
        if self._name.endswith("_total"):
            return self._name.removesuffix("_total")
        for position in range(self._start, len(self._series)):
            series = self._series[position]
            self._series[position] = attrs.evolve(series, name=series.name + "_total")
        return self._name
