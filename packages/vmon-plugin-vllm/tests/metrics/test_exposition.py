"""The incremental parser against prometheus_client's, on recordings and on generated text."""

from __future__ import annotations

import math
import struct
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from vmon_plugin_vllm.metrics.exposition import ExpositionError, ExpositionParser, Parsed

TRACES = Path(__file__).parents[4] / "tests" / "traces"
RECORDED = sorted(TRACES.glob("*/metrics-*.txt"))
ORDER = ("ready", "idle", "traffic", "end")


def bits(value: float) -> tuple[type, bytes | int]:
    """Tell apart what == does not: ints from floats, signs of zero; all NaN of one kind are equal."""
    return type(value), value if isinstance(value, int) else struct.pack("d", value)


def ours(parsed: Parsed) -> list[Any]:
    """Our result in comparable form."""
    pairs = list(zip(parsed.layout.series, parsed.values, strict=True))
    return [
        (f.name, f.type, f.help, [(s.name, list(s.labels), bits(v)) for s, v in pairs[f.start : f.stop]])
        for f in parsed.layout.families
    ]


def theirs(text: str) -> list[Any]:
    """prometheus_client's result in the same form."""
    return [
        (m.name, m.type, m.documentation, [(s.name, list(s.labels.items()), bits(s.value)) for s in m.samples])
        for m in text_string_to_metric_families(text)
    ]


def same(parser: ExpositionParser, text: str) -> Parsed | None:
    """Both parsers give the same result, or both refuse."""
    try:
        expected = theirs(text)
    except Exception:  # noqa: BLE001 (it raises IndexError and others for some texts)
        with pytest.raises(ExpositionError):
            parser.parse(text.encode())
        return None
    parsed = parser.parse(text.encode())
    assert ours(parsed) == expected
    return parsed


def in_sequence(path: Path) -> list[Path]:
    """The scrapes of a recording in the order in which they were taken."""
    rank = {name: number for number, name in enumerate(ORDER)}
    return sorted(path.glob("metrics-*.txt"), key=lambda p: (rank.get(p.stem.removeprefix("metrics-"), 2), p.stem))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_scrape_alone(path: Path) -> None:
    """Each recorded scrape is read from nothing as prometheus_client reads it."""
    assert same(ExpositionParser(), path.read_text("utf-8"))


@pytest.mark.parametrize("run", sorted({path.parent for path in RECORDED}), ids=lambda run: run.name)
def test_recorded_scrapes_in_sequence(run: Path) -> None:
    """The scrapes of a run, one after the other and back again, with and without the recorder's own first line."""
    texts = [path.read_text("utf-8") for path in in_sequence(run)]
    parser = ExpositionParser()
    for text in [*texts, *reversed(texts), *(text.partition("\n")[2] for text in texts)]:
        assert same(parser, text)


def test_scrapes_of_other_servers() -> None:
    """A parser that is given another server's scrape forgets what it knew."""
    parser = ExpositionParser()
    for path in RECORDED:
        assert same(parser, path.read_text("utf-8"))


def test_unchanged_layout_is_shared() -> None:
    """While only numbers change, the layout stays the same object and the changed positions are named."""
    parser = ExpositionParser()
    first = parser.parse(b"# TYPE a counter\na 1\nb 2.0\nc 3.0\n")
    second = parser.parse(b"# TYPE a counter\na 1\nb 2.5\nc NaN\n")
    assert second.layout is first.layout
    assert second.changed == (1, 2)
    assert second.values[:2] == (1, 2.5)
    assert math.isnan(second.values[2])


def test_equal_body_changes_nothing() -> None:
    """The very same body names no change."""
    parser = ExpositionParser()
    first = parser.parse(b"a 1.0\n")
    second = parser.parse(b"a 1.0\n")
    assert (first.changed, second.changed) == ((0,), ())
    assert second.values == first.values


def test_added_series_are_the_changed_ones() -> None:
    """When a series appears in the middle, only it counts as changed."""
    parser = ExpositionParser()
    parser.parse(b"a 1.0\nc 3.0\n")
    assert parser.parse(b"a 1.0\nb 2.0\nc 3.0\n").changed == (1,)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a 1\nb\n", 2),
        ("a 1\n<html>\n", 2),
        ('a{b="c} 1\n', 1),
        ("a 1_000\n", 1),
        ("a 1\n\n# TYPE b nonsense\nb 1\n", 3),
        ("# TYPE\n", 1),
        ('a{b="c",b="d"} 1', 1),
        ('a{__b="c"} 1', 1),
        ("a 1 " + "9" * 400, 1),
    ],
)
def test_refusal_names_the_line(text: str, line: int) -> None:
    """What prometheus_client refuses is refused, with the line."""
    parser = ExpositionParser()
    assert same(parser, text) is None
    with pytest.raises(ExpositionError, match=f"^line {line}: ") as caught:
        parser.parse(text.encode())
    assert caught.value.line == line


def test_not_utf8_is_refused() -> None:
    """A body in another encoding is refused, with the line."""
    with pytest.raises(ExpositionError, match="line 2: not UTF-8"):
        ExpositionParser().parse(b'a 1\nb{c="\xff"} 1\n')


def test_state_survives_a_refusal() -> None:
    """After a bad scrape the next good one is compared with the last good one."""
    parser = ExpositionParser()
    good = parser.parse(b"a 1.0\nb 1.0\n")
    for bad in (b"a 1.0\nb x\n", b"a 1.0\nb{ 1.0\n", b"\xff"):
        with pytest.raises(ExpositionError):
            parser.parse(bad)
    after = parser.parse(b"a 1.0\nb 2.0\n")
    assert after.layout is good.layout
    assert after.changed == (1,)


@pytest.mark.parametrize("line", ["5", "nan", "a 1_0.5", "ab 2.0", "a  2.0", "a\t2.0", "a 2.0 7", "a 2.0\r", "a", ""])
def test_line_that_is_no_plain_successor(line: str) -> None:
    """In place of a plain sample, anything but its head and a number is left to the full grammar."""
    parser = ExpositionParser()
    assert same(parser, "a 1.0\nb 1.0\n")
    same(parser, f"{line}\nb 1.0\n")


def test_openmetrics_trailers_are_accepted() -> None:
    """An end marker, units and exemplars do no harm."""
    text = '# TYPE a counter\n# UNIT a seconds\na_total 1.0 # {id="x"} 0.5 1.6\n# EOF\n'
    assert same(ExpositionParser(), text)


def test_memory_is_bounded_by_one_scrape() -> None:
    """A hundred different scrapes leave no more behind than the last one: under two megabytes for 58 kB of text."""
    body = (TRACES / "all_metrics" / "metrics-traffic.txt").read_bytes()
    parser = ExpositionParser()
    tracemalloc.start()
    try:
        for number in range(100):
            parser.parse(body.replace(b"9.92", b"%d.5" % number))
            parser.parse(body + b'extra{n="%d"} 1.0\n' % number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000


BLANKS = st.sampled_from([" ", "  ", "\t", " \t", "\xa0", "\x1c", "\r"])
NAMES = st.sampled_from(["a", "a_total", "b:c", "up", "h", "h_bucket", "h_sum", "h_count", "nan", "_total", "é"])
NUMBERS = st.one_of(
    st.sampled_from(["NaN", "+Inf", "-Inf", "nan", "0", "-0.0", "1e3", "9007199254740993", "1_0", "x", "", "٣", "0x1"]),
    st.floats().map(repr),
    st.integers().map(str),
)
LABEL_VALUES = st.text(st.sampled_from('ab\\"n,={} #é\n'), max_size=6)
TYPES = st.sampled_from(["counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "nonsense", ""])


def escape(text: str) -> str:
    """Write a label value as a server does."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


LABELS = st.dictionaries(st.sampled_from(["a", "le", "__x", "b:c", '"q d"', "__name__"]), LABEL_VALUES, max_size=3).map(
    lambda labels: ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())
)
SAMPLES = st.one_of(
    st.builds("{}{{{}}} {}".format, NAMES, LABELS, NUMBERS),
    st.builds("{} {}".format, NAMES, NUMBERS),
    st.builds("{}{}{{{}}}{}{}".format, st.just("") | BLANKS, NAMES, LABELS, BLANKS, NUMBERS),
    st.builds("{} {} {}".format, NAMES, NUMBERS, NUMBERS),
    st.builds('{} {} # {{x="{{"}} {}'.format, NAMES, NUMBERS, NUMBERS),
)
COMMENTS = st.one_of(
    st.builds("# HELP {} {}".format, NAMES, LABEL_VALUES.map(lambda text: text.replace("\n", "\\n"))),
    st.builds("# TYPE {} {}".format, NAMES, TYPES),
    st.builds("#{}TYPE{}{} {}".format, BLANKS, BLANKS, NAMES, TYPES),
    st.sampled_from(
        ["# EOF", "#", "# a comment", "# HELP", "# TYPE", '# TYPE "" histogram', '# HELP "q d" x', "#x TYPE a gauge"]
    ),
)
JUNK = st.text(st.sampled_from('ab_:{}"\\,=# \t\r1.é\xa0n'), max_size=14)
TEXTS = st.lists(st.one_of(SAMPLES, SAMPLES, COMMENTS, st.just("")), max_size=8)


@given(st.lists(st.one_of(SAMPLES, COMMENTS, JUNK), max_size=4), st.booleans())
@example(["nan"], True)  # noqa: FBT003 (hypothesis takes the arguments by place)
@example(['a{b="c", ="d"} 1'], False)  # noqa: FBT003 (likewise)
@example(["# TYPE  histogram", "_count 1", "x 1"], False)  # noqa: FBT003 (likewise)
def test_any_text_alone(lines: list[str], ends: bool) -> None:  # noqa: FBT001 (hypothesis fills it)
    """Whatever the text, both parsers agree, in what they read and in what they refuse."""
    same(ExpositionParser(), "\n".join(lines) + "\n" * ends)


@given(JUNK)
def test_any_junk(text: str) -> None:
    """Both agree on lines made of nothing but special characters."""
    same(ExpositionParser(), text)


@given(st.data())
def test_any_sequence(data: st.DataObject) -> None:
    """Scrapes that change numbers, lose, gain and reorder lines are read as if each were the first."""
    parser, lines = ExpositionParser(), data.draw(TEXTS)
    for _ in range(data.draw(st.integers(1, 6))):
        same(parser, "\n".join(lines))
        change = data.draw(st.sampled_from(["numbers", "remove", "add", "reorder", "nothing"]))
        if change == "numbers":
            lines = [f"{line.rpartition(' ')[0]} {data.draw(NUMBERS)}" if " " in line else line for line in lines]
        elif change == "remove" and lines:
            lines = lines[: data.draw(st.integers(0, len(lines) - 1))]
        elif change == "add":
            lines = [*lines, *data.draw(TEXTS)]
        elif change == "reorder":
            lines = data.draw(st.permutations(lines))


@given(st.lists(st.tuples(NAMES, LABELS, st.floats(), st.floats()), min_size=1, max_size=6))
def test_any_change_of_numbers(rows: list[tuple[str, str, float, float]]) -> None:
    """When only numbers change, every line that is new is named, and none that is the same."""
    before, after = ([f"{name}{{{labels}}} {pair[i]!r}" for name, labels, *pair in rows] for i in (0, 1))
    parser = ExpositionParser()
    if same(parser, "\n".join(before)) is None:
        return
    parsed = same(parser, "\n".join(after))
    assert parsed is not None
    new = {i for i, line in enumerate(after) if line not in before}
    assert new <= set(parsed.changed) <= {i for i, line in enumerate(after) if line != before[i]}


def test_recordings_change_while_under_load() -> None:
    """The recordings do test the quick path: neighbouring scrapes under load share their layout."""
    bodies = [path.read_bytes().partition(b"\n")[2] for path in sorted((TRACES / "overload").glob("metrics-overload*"))]
    parser = ExpositionParser()
    scrapes = [parser.parse(body) for body in bodies]
    assert all(old.layout is new.layout and len(new.changed) > 100 for old, new in pairwise(scrapes))
