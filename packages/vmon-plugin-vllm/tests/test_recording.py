"""Recorded runs become frames: everything that a monitor could see, in order, and nothing else."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmon_core import evidence as ev
from vmon_core.lifecycle.states import LifecycleState as S
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_plugin_vllm.recording import CHANNELS, open_recording

if TYPE_CHECKING:
    from vmon_core.records import Frame

TRACES = Path(__file__).parents[3] / "tests" / "traces"
EXPECTED = {path.parent.name: json.loads(path.read_text()) for path in sorted(TRACES.glob("*/expected.json"))}
FAILING = [name for name, expected in EXPECTED.items() if expected["failure"]]
STARTED = [name for name, expected in EXPECTED.items() if not {"IDLE", "SERVING"} & set(expected["never"])]
SILENT = {"kill_main"}
"""Failures that no log line tells: only the exit status does."""

STARTUP = (
    S.INITIALIZING,
    S.STARTING_ENGINE,
    S.CONNECTING_WORKERS,
    S.LOADING_WEIGHTS,
    S.ALLOCATING_KV_CACHE,
    S.WARMING_UP,
    S.STARTING_SERVER,
)
"""What every start on a CPU passes, in this order."""


@cache
def frames(name: str) -> tuple[Frame, ...]:
    """The frames of a recording."""
    opened = open_recording(TRACES / name)
    assert opened is not None
    return tuple(opened)


def evidence(name: str) -> list[ev.Evidence]:
    """Everything that a recording proves, in order."""
    return [seen for frame in frames(name) for seen in frame.evidence]


def written(folder: Path, **channels: list[Any]) -> list[Frame]:
    """The frames of a recording made of these rows, after the one of the launch."""
    (folder / "launch.json").write_text('{"argv": ["vllm", "serve", "m"]}')
    for name, rows in channels.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = open_recording(folder)
    assert opened is not None
    return list(opened)[1:]


# --- the recorded runs of a real server ---


def test_all_recordings_are_here() -> None:
    """The lists above are not empty by mistake."""
    assert (len(EXPECTED), len(FAILING)) == (49, 21)
    assert len(STARTED) > 25


@pytest.mark.parametrize("name", EXPECTED)
def test_time_only_moves_on(name: str) -> None:
    """Frames come oldest first, and everything in a frame has its time."""
    assert all(a.time <= b.time for a, b in pairwise(frames(name)))
    assert all(seen.time == frame.time for frame in frames(name) for seen in frame.evidence)
    assert all(sample.time == frame.time for frame in frames(name) for sample in frame.samples)


@pytest.mark.parametrize("name", FAILING)
def test_log_names_the_cause(name: str) -> None:
    """The best failure that the log tells before any request to stop is an expected one."""
    told = [f for f in _before_stop(name) if isinstance(f, ev.FailureSeen)]
    if name in SILENT:
        assert told == []
        return
    assert any(f.fatal for f in told)
    best = min(told, key=lambda f: (-f.weight, -f.depth, f.time))
    assert best.code in EXPECTED[name]["failure"]
    assert best.cause


def _before_stop(name: str) -> list[ev.Evidence]:
    seen = evidence(name)
    stop = next((i for i, e in enumerate(seen) if isinstance(e, ev.StopAcknowledged)), len(seen))
    return seen[:stop]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in FAILING])
def test_no_fatal_failure_in_a_good_life(name: str) -> None:
    """Nothing that a healthy server logs before it is asked to stop looks like its end."""
    fatal = [f for f in _before_stop(name) if isinstance(f, ev.FailureSeen) and f.fatal and f.weight > 1]
    assert fatal == []


@pytest.mark.parametrize("name", STARTED)
def test_phases_appear_in_order(name: str) -> None:
    """The first line of each phase comes after the first line of the one before it."""
    first: dict[S, float] = {}
    for seen in evidence(name):
        if isinstance(seen, ev.PhaseReached):
            first.setdefault(seen.state, seen.time)
    times = [first[phase] for phase in STARTUP]
    assert times == sorted(times)
    ready = min(seen.time for seen in evidence(name) if isinstance(seen, ev.ServerStarted))
    assert times[-1] <= ready


def test_shards_are_counted() -> None:
    """Progress bars tell how far loading is."""
    bars = [e for e in evidence("tp2") if isinstance(e, ev.PhaseProgressed)]
    assert [(e.state, e.done, e.total) for e in bars] == [(S.LOADING_WEIGHTS, 0, 1), (S.LOADING_WEIGHTS, 1, 1)]


def test_every_api_server_of_a_data_parallel_one_starts() -> None:
    """Two are announced, and two say that they have started."""
    seen = evidence("dp2")
    assert [e.count for e in seen if isinstance(e, ev.ApiServersExpected)] == [2]
    assert sum(isinstance(e, ev.ServerStarted) for e in seen) == 2


def test_launch_comes_first() -> None:
    """A recording begins with the launch and its arguments."""
    launched, described = frames("tp2")[0].evidence
    assert isinstance(launched, ev.ActionTaken)
    assert (launched.time, launched.action, launched.actor) == (0.0, "launch", "vmon")
    assert isinstance(described, ev.ServerDescribed)
    assert described.facts["tensor_parallel_size"] == 2


def test_processes_are_known_by_role() -> None:
    """The process table tells who is who and how they end."""
    seen = evidence("kill_worker_tp2")
    names = {e.name for e in seen if isinstance(e, ev.ProcessSeen)}
    assert {"main", "EngineCore", "Worker_TP0", "Worker_TP1"} <= names
    assert any(isinstance(e, ev.ProcessGone) for e in seen)
    assert any(isinstance(e, ev.ProcessExited) and e.main for e in seen)


def test_scrapes_count_and_sample() -> None:
    """A recorded scrape gives the same evidence and samples as a live one."""
    frame = next(f for f in frames("kv_pressure") if f.samples)
    assert {"EngineCounted", "Probed"} == {seen.kind for seen in frame.evidence}
    assert "vllm.requests.running" in {sample.name for sample in frame.samples}


# --- single rows ---


def test_rows_of_one_moment_keep_their_order(tmp_path: Path) -> None:
    """What happened at one time is ordered by channel, then as recorded."""
    rows: dict[str, list[Any]] = {
        "exits": [{"t": 1, "main": True, "code": None, "signal": "SIGKILL"}],
        "probes": [{"t": 1, "what": "/health", "error": "TimeoutError", "dt": 0.5}],
        "actions": [{"t": 1, "action": "SIGTERM", "by": "clean-up"}],
        "procs": [{"t": 1, "event": "gone", "pid": 9}, {"t": 1, "event": "gone", "pid": 8}],
        "log": [{"t": 0.5, "line": "INFO:     Application startup complete."}],
    }
    found = [seen for frame in written(tmp_path, **rows) for seen in frame.evidence]
    assert [seen.kind for seen in found] == [
        "ServerStarted",
        "ActionTaken",
        "ProcessGone",
        "ProcessGone",
        "Probed",
        "ProcessExited",
    ]
    assert [seen.pid for seen in found if isinstance(seen, ev.ProcessGone)] == [9, 8]
    assert found[1] == ev.ActionTaken(time=1, action="SIGTERM", actor="clean-up", summary="clean-up sent SIGTERM")
    assert found[5] == ev.ProcessExited(time=1, pid=0, main=True, signal=9)


@pytest.mark.parametrize(
    ("recorded", "error"),
    [
        ("ConnectionRefusedError:ECONNREFUSED", "refused"),
        ("ConnectionResetError", "reset"),
        ("TimeoutError", "timeout"),
        ("SSLError:CERTIFICATE_VERIFY_FAILED", "tls"),
        ("gaierror", "unresolved"),
        ("BadStatusLine", "not_http"),
        ("SomethingNew", "other"),
    ],
)
def test_errors_have_the_same_words_as_live_ones(tmp_path: Path, recorded: str, error: str) -> None:
    """The recorder's exception names become the vocabulary of `Probed`, for probes and for scrapes."""
    row = {"t": 1, "what": "/health", "error": recorded, "dt": 0.1}
    probe, scrape = written(tmp_path, probes=[row], metrics=[row])
    assert probe.evidence == (ev.Probed(time=1, path="/health", error=error, seconds=0.1),)
    assert scrape.evidence == (ev.Probed(time=1, path="/metrics", error=error, seconds=0.1),)


def test_answers_and_actions(tmp_path: Path) -> None:
    """An answer has a code and no error, and a signal that nobody is named for is the operator's."""
    action, probe = written(
        tmp_path,
        actions=[{"t": 1, "action": "SIGINT"}],
        probes=[{"t": 2, "what": "/health", "code": 503, "dt": 0.1}],
    )
    assert probe.evidence == (ev.Probed(time=2, path="/health", code=503, seconds=0.1),)
    assert [seen.actor for seen in action.evidence if isinstance(seen, ev.ActionTaken)] == ["operator"]


def test_a_zombie_is_gone(tmp_path: Path) -> None:
    """A process whose state is Z has ended; nobody has collected its status yet."""
    (frame,) = written(tmp_path, procs=[{"t": 1, "event": "state", "pid": 9, "ppid": 1, "state": "Z", "cpu": 1.0}])
    assert [seen.kind for seen in frame.evidence] == ["ProcessGone"]


def test_samples_of_processes(tmp_path: Path) -> None:
    """A sample row tells how each process is doing, in our units."""
    row = {"t": 1, "event": "sample", "procs": [[9, "vllm", "S", 2.5, 1.25, 30, "poll"], [10, "x", "T", 1, 0, 1, ""]]}
    (frame,) = written(tmp_path, procs=[row])
    assert frame.evidence[0] == ev.ProcessSampled(
        time=1, pid=9, status="S", cpu_seconds=1.25, rss_bytes=2_500_000, threads=30
    )
    assert len(frame.evidence) == 2


def test_what_only_the_checker_may_see_is_not_read(tmp_path: Path) -> None:
    """The client's own view, control calls, truth and expectation stay out."""
    source = TRACES / "kill_worker"
    for name in ("launch.json", *(f"{channel}.jsonl" for channel in CHANNELS)):
        if (source / name).exists():
            shutil.copy(source / name, tmp_path)
    opened = open_recording(tmp_path)
    assert opened is not None
    assert tuple(opened) == frames("kill_worker")


# --- damage ---


def test_other_folders_are_not_ours(tmp_path: Path) -> None:
    """A folder without a launch, a file, and nothing at all are left to others."""
    (tmp_path / "log.jsonl").write_text("{}")
    assert open_recording(tmp_path) is None
    assert open_recording(tmp_path / "log.jsonl") is None
    assert open_recording(tmp_path / "absent") is None


@pytest.mark.parametrize("launch", ["", "[]", '{"argv": 7}', "{}", "\ud800"])
def test_damaged_launch_costs_only_the_arguments(tmp_path: Path, launch: str) -> None:
    """The run can be followed without its command line."""
    (tmp_path / "launch.json").write_bytes(launch.encode("utf-8", "surrogatepass"))
    opened = open_recording(tmp_path)
    assert opened is not None
    assert [seen.kind for frame in opened for seen in frame.evidence] == ["ActionTaken"]


def test_damaged_rows_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged row tells nothing, not half of it, and the reader of the log hears how many there were."""
    halves = {"t": 1, "event": "sample", "procs": [[9, "vllm", "S", 2.5, 1.25, 30, "poll"], ["x"]]}
    found = written(
        tmp_path,
        procs=[halves, 7, {"t": "x"}],
        probes=[{"t": 1, "what": "/health", "code": "200", "dt": 0.1}],
        exits=[{"t": 1, "main": True, "code": None, "signal": "SIGNONSENSE"}],
        metrics=[{"t": 1, "dt": 0.1, "values": [1]}],
    )
    assert [frame for frame in found if frame.evidence or frame.samples] == []
    assert "6 damaged rows" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("event", "pid", "ppid", "title", "comm", "state", "cpu", "procs", "line"),
    *("what", "code", "error", "dt", "values", "action", "by", "main", "signal"),
)
WORDS = st.sampled_from(["new", "title", "sample", "gone", "state", "Z", "/health", "SIGTERM", "VLLM::EngineCore"])
ROWS = st.dictionaries(st.sampled_from(FIELDS), JSON | WORDS | st.integers(1, 3), max_size=10).map(
    lambda row: {"t": 1.0, **row}
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(CHANNELS), st.lists(ROWS, max_size=4)))
def test_nothing_in_a_recording_breaks_the_replay(channels: dict[str, list[Any]]) -> None:
    """Whatever fields hold, the frames can be read and followed."""
    tracker = LifecycleTracker(clock=lambda: 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for frame in written(Path(folder), **channels):
            tracker.observe(frame.evidence, frame.time)
