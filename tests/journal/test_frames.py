"""The compact recording gives back exactly what went in."""

from __future__ import annotations

import json
import math

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.evidence import EngineCounted, Evidence, Probed, ProcessSampled, ServerDescribed, kinds
from vmon_core.journal.codec import Reader
from vmon_core.journal.frames import SEGMENT_BYTES, SEGMENT_SECONDS, UNREADABLE, SegmentDecoder, SegmentEncoder
from vmon_core.records import Frame, Sample

PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8)
FACTS = st.recursive(
    PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3), max_leaves=5
)
FLOATS = st.floats(allow_nan=False)
VALUES = st.sampled_from([0.0, 1.0, 5.0, 0.1, 2.0**53, 1e300, float("inf")]) | st.integers(0, 10**6).map(float) | FLOATS


def of_kind(kind: type[Evidence]) -> st.SearchStrategy[Evidence]:
    """Any observation of one kind."""
    types = {f.name: f.type for f in attrs.fields(attrs.resolve_types(kind))}
    fields = {name: FACTS_OF.get(str(hint), st.from_type(hint)) for name, hint in types.items()}
    return st.builds(kind, **fields)


FACTS_OF: dict[str, st.SearchStrategy[object]] = {
    "dict[str, typing.Any]": st.dictionaries(st.text(max_size=6), FACTS, max_size=4),
    "<class 'float'>": FLOATS,
    "float | None": st.none() | FLOATS,
}
EVIDENCE = st.one_of([of_kind(kind) for _, kind in sorted(kinds().items())])
SAMPLES = st.builds(
    Sample,
    name=st.sampled_from(["vllm.a", "vllm.b", "größe"]),
    value=VALUES,
    time=st.sampled_from([1.0, 2.5]),
    labels=st.sampled_from([(), (("engine", "0"),), (("engine", "1"), ("le", "+Inf"))]),
    unit=st.sampled_from(["", "bytes"]),
    counter=st.booleans(),
)
FRAMES = st.lists(
    st.builds(
        Frame,
        time=st.floats(0, 2e9),
        evidence=st.lists(EVIDENCE, max_size=3).map(tuple),
        samples=st.lists(SAMPLES, max_size=5).map(tuple),
    ),
    max_size=8,
)


def encode(frames: list[Frame], process_seconds: float = 0.0) -> list[str]:
    """Encode frames into one segment."""
    encoder = SegmentEncoder("t", 0.0, process_seconds)
    return [encoder.encode(frame).text for frame in frames]


def decode(lines: list[str], reader: Reader | None = None) -> list[Frame]:
    """Decode one segment."""
    decoder = SegmentDecoder(reader or Reader())
    return [decoder.decode(line) for line in lines]


@given(FRAMES)
def test_frames_round_trip(frames: list[Frame]) -> None:
    """All kinds of evidence and all samples come back as they were."""
    assert decode(encode(frames)) == frames


@pytest.mark.parametrize("name", sorted(kinds()))
def test_each_kind_round_trips(name: str) -> None:
    """No kind of evidence is forgotten by the property test above."""

    @given(of_kind(kinds()[name]))
    def check(evidence: Evidence) -> None:
        frames = [Frame(1.0, (evidence, evidence))]
        assert decode(encode(frames)) == frames

    check()


def test_only_changes_are_written() -> None:
    """A second frame with one changed sample out of hundreds costs a few bytes."""
    first = tuple(Sample(f"m{n}", float(n), 1.0, counter=True) for n in range(300))
    second = (attrs.evolve(first[0], value=1.0), *first[1:])
    lines = encode([Frame(1.0, samples=first), Frame(2.0, samples=tuple(attrs.evolve(s, time=2.0) for s in second))])
    assert json.loads(lines[1]) == {"t": 2.0, "s": 0, "v": [0, 1]}


def test_unchanged_fields_of_evidence_are_not_written() -> None:
    """A second look at the same thing holds only what differs."""
    frames = [
        Frame(float(t), (Probed(time=float(t), path="/health", code=200), EngineCounted(time=float(t), steps=7.0)))
        for t in (1, 2)
    ]
    assert json.loads(encode(frames)[1])["e"] == [
        {"kind": "Probed", "time": 2.0, "path": "/health"},
        {"kind": "EngineCounted", "time": 2.0},
    ]


def test_unusual_numbers() -> None:
    """NaN, infinities and numbers beyond exact integers survive."""
    values = [math.nan, math.inf, -math.inf, 2.0**53, 2.0**53 + 2, -0.0, 1e-320]
    frames = [Frame(float(t), samples=(Sample("m", v, float(t)),)) for t, v in enumerate(values)]
    back = [frame.samples[0].value for frame in decode(encode(frames))]
    assert [repr(v) for v in back[:5]] == [repr(v) for v in values[:5]]
    assert back[5:] == values[5:]


def test_text_that_is_no_text() -> None:
    """What a log line with invalid UTF-8 became survives."""
    frames = [Frame(1.0, (Probed(time=1.0, path="/x", summary="\udcff\x00\x1b"),))]
    assert decode(encode(frames)) == frames


def sampled(time: float, status: str = "S", pid: int = 1) -> ProcessSampled:
    """A look at a process."""
    return ProcessSampled(time=time, pid=pid, status=status, cpu_seconds=time)


def test_process_samples_are_thinned() -> None:
    """They are kept when the status changes, and once in a while; each process by itself."""
    looks = [sampled(0.0), sampled(1.0), sampled(1.5, "T"), sampled(2.0, "T"), sampled(3.5, "T"), sampled(2.0, pid=2)]
    (frame,) = decode(encode([Frame(4.0, tuple(looks))], process_seconds=2.0))
    assert frame.evidence == (looks[0], looks[2], looks[4], looks[5])


def test_unknown_evidence_is_skipped_and_counted() -> None:
    """What a newer vmon saw costs only itself."""
    reader = Reader()
    lines = encode([Frame(1.0, (Probed(time=1.0, path="/health", code=200),))])
    data = json.loads(lines[0])
    data["e"] += [{"kind": "FromTheFuture", "time": 1.0}, {"kind": "SleepChanged", "time": 1.0, "state": "DREAMING"}]
    (frame,) = decode([json.dumps(data)], reader)
    assert [e.kind for e in frame.evidence] == ["Probed"]
    assert reader.skipped == 2


@pytest.mark.parametrize("line", ["", "{", '{"t":1,"s":9}', '{"t":1,"l":[7]}', "[]", '{"t":1,"n":[1]}'])
def test_damaged_line_is_an_error_of_a_known_kind(line: str) -> None:
    """What is no line of a segment raises nothing but what the store catches."""
    with pytest.raises(UNREADABLE):
        decode([line])


def test_segment_ends_by_time_size_and_order() -> None:
    """A segment takes an hour or a megabyte, and never goes back in time."""
    encoder = SegmentEncoder("t", 100.0)
    assert encoder.takes(100.0 + SEGMENT_SECONDS)
    assert not encoder.takes(100.0 + SEGMENT_SECONDS + 1)
    encoder.encode(Frame(200.0))
    assert not encoder.takes(150.0)
    encoder.encode(Frame(200.0, (ServerDescribed(time=1.0, facts={"x": "y" * SEGMENT_BYTES}),)))
    assert not encoder.takes(200.0)
