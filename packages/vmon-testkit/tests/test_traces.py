"""The loader of recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_testkit.traces import CHANNELS, TraceError, load

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_testkit.traces import TraceLibrary


def test_a_recording_is_merged_in_time_order(traces: TraceLibrary) -> None:
    """All channels are there, and time never goes back."""
    trace = traces.load("healthy_eager")
    times = [row.t for row in trace.rows]
    assert times == sorted(times)
    assert {row.channel for row in trace.rows} == set(CHANNELS)
    assert trace.expected["final"] == "STOPPED"
    assert trace.launch["port"] == 8200
    assert "startup complete" in str([row.data["line"] for row in trace.channel("log")])


def test_every_recording_loads(traces: TraceLibrary) -> None:
    """Whatever files a recording has."""
    assert len(traces.names) >= 49
    for name in traces.names:
        assert traces.load(name).rows


def test_missing_files_count_as_empty(tmp_path: Path) -> None:
    """A folder with one row is a recording."""
    (tmp_path / "log.jsonl").write_text('{"t": 1.5, "line": "hello"}\n')
    trace = load(tmp_path)
    assert [row.t for row in trace.rows] == [1.5]
    assert trace.launch == {}
    assert trace.expected == {}
    with pytest.raises(FileNotFoundError):
        trace.scrape("ready")


def test_equal_times_keep_the_order_of_channels(tmp_path: Path) -> None:
    """So that a replay is the same every time."""
    for channel in reversed(CHANNELS):
        (tmp_path / f"{channel}.jsonl").write_text('{"t": 1.0}\n')
    assert tuple(row.channel for row in load(tmp_path).rows) == CHANNELS


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"t": "soon"}', "null"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    """File and line are in the message."""
    (tmp_path / "log.jsonl").write_text(f'{{"t": 1.0}}\n{line}\n')
    with pytest.raises(TraceError, match=r"log\.jsonl:2: "):
        load(tmp_path)


def test_a_broken_launch_file_is_named(tmp_path: Path) -> None:
    """Likewise for the files with a single object."""
    (tmp_path / "launch.json").write_text("{")
    with pytest.raises(TraceError, match=r"launch\.json"):
        load(tmp_path)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """A wrong name is told as such."""
    with pytest.raises(FileNotFoundError, match="no recording at"):
        load(tmp_path / "nowhere")
