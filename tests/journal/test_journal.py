"""The journal keeps and gives back, between processes and across a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import string
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.config import Config
from vmon_core.errors import JournalError
from vmon_core.evidence import Probed, ProcessSampled
from vmon_core.feedback import Message
from vmon_core.journal import Journal, JournalOptions, store
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import (
    Action,
    Change,
    Checkpoint,
    Finding,
    Frame,
    GateMode,
    Outcome,
    OutcomeStatus,
    Ruling,
    Sample,
    Severity,
    Target,
    Verdict,
)
from vmon_core.report import ActionReport
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0
TARGET = Target(name="t", url="http://h:1", pid=7, started=5.5, launch_id="abc", log="/l", command=("vllm", "serve"))
CHANGE = Change(
    time=NOW,
    origin=LifecycleState.SERVING,
    state=LifecycleState.HUNG,
    transition=StateTransition.STALL,
    reason="no progress",
    evidence=(Probed(time=NOW, path="/health", code=200),),
)
CHECKPOINT = Checkpoint(
    id="1",
    time=NOW + 1,
    target="t",
    state=LifecycleState.HUNG,
    transition=StateTransition.STALL,
    arguments={"model": "tiny", "sizes": [1, 2]},
    metrics={"a": 1.5},
    findings=("engine.unresponsive",),
)
FINDING = Finding(code="engine.unresponsive", severity=Severity.CRITICAL, summary="no answer", time=NOW + 2)
ACTION = Action(
    id="a1", kind="notify", target="t", reason="r", policy="p", time=NOW + 3, mode=GateMode.AUTO, parameters={"x": 1}
)
VERDICT = Verdict(ruling=Ruling.ALLOW, reason="mode auto", by="gate")
OUTCOME = Outcome(action="a1", status=OutcomeStatus.DONE, detail="told", time=NOW + 4, verified=True)
MESSAGE = Message(time=NOW + 5, level=Severity.INFO, source="gate", text="hello", target="t", context={"k": [1]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "deep" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """A journal that keeps every process sample."""
    with Journal(path, options=JournalOptions(process_seconds=0.0), clock=lambda: NOW) as made:
        yield made


def note_everything(journal: Journal) -> None:
    """Note one of each kind."""
    journal.add_change("t", CHANGE)
    journal.add_checkpoint(CHECKPOINT)
    journal.add_finding("t", FINDING)
    journal.add_action(ACTION)
    journal.add_verdict(ACTION, VERDICT)
    journal.add_outcome(ACTION, OUTCOME)
    journal.add_message(MESSAGE)


def test_everything_comes_back_in_order(journal: Journal) -> None:
    """One stream holds all kinds, each as it went in."""
    note_everything(journal)
    events = journal.events()
    assert [e.record for e in events] == [CHANGE, CHECKPOINT, FINDING, ACTION, VERDICT, OUTCOME, MESSAGE]
    assert [e.kind for e in events] == [
        "transition",
        "checkpoint",
        "finding",
        "action",
        "verdict",
        "outcome",
        "message",
    ]
    assert [e.ref for e in events] == ["", "", "engine.unresponsive", "a1", "a1", "a1", ""]
    assert journal.changes("t") == (CHANGE,)
    assert journal.checkpoints("t") == (CHECKPOINT,)
    assert journal.latest_checkpoint("t") == CHECKPOINT
    assert journal.findings("t") == (FINDING,)
    assert journal.actions("t") == (ActionReport(action=ACTION, verdict=VERDICT, outcome=OUTCOME),)
    assert journal.actions("t", since=NOW + 4) == ()
    assert journal.skipped == 0


def test_events_can_be_narrowed(journal: Journal) -> None:
    """By target, time, number, kind and count; of too many, the newest."""
    note_everything(journal)
    journal.add_change("other", CHANGE)
    everything = journal.events()
    assert journal.events("other") == everything[-1:]
    assert journal.events("t", since=NOW + 4) == everything[5:7]
    assert journal.events(after=everything[4].id) == everything[5:]
    assert journal.events(before=everything[4].id, limit=2) == everything[2:4]
    assert journal.events(limit=2) == everything[-2:]
    assert journal.events("t", kinds=["finding", "action"]) == everything[2:4]
    assert journal.changes("t", since=NOW + 1) == ()
    assert journal.events("nobody") == ()
    assert journal.latest_checkpoint("nobody") is None


def test_nothing_is_there_yet(path: Path) -> None:
    """A journal that was never written reads as empty and creates no file."""
    with Journal(path) as journal:
        assert not journal.targets()
        assert not journal.events()
        assert not journal.live_launches()
        assert not journal.startup_history("k")
        assert list(journal.frames("t")) == []
    assert not path.exists()


def test_only_the_owner_can_read(journal: Journal, path: Path) -> None:
    """The file and its folder are private: logs and arguments are nobody else's business."""
    journal.add_change("t", CHANGE)
    assert journal.flush()
    for file in (path, path.parent, path.with_name("journal.db-wal")):
        assert file.stat().st_mode & 0o077 == 0


def test_targets_in_order_of_last_writing(journal: Journal) -> None:
    """Whatever was written about a deployment counts."""
    journal.add_frame("c", Frame(NOW + 50))
    journal.add_change("a", attrs.evolve(CHANGE, time=NOW + 100))
    journal.add_change("b", CHANGE)
    journal.add_message(attrs.evolve(MESSAGE, target=""))
    assert journal.targets() == ("b", "c", "a")


def test_launches(journal: Journal) -> None:
    """A launch is live until it is closed; adopted again it is live again; two of one name are two."""
    second = attrs.evolve(TARGET, pid=8)
    journal.open_launch(TARGET)
    journal.open_launch(second)
    assert journal.live_launches() == (TARGET, second)
    journal.close_launch(TARGET, NOW)
    assert journal.live_launches() == (second,)
    journal.open_launch(TARGET)
    assert journal.live_launches() == (TARGET, second)


def test_secrets_of_a_command_are_not_kept(journal: Journal, path: Path) -> None:
    """An API key on the command line reaches no file."""
    journal.open_launch(attrs.evolve(TARGET, command=("vllm", "serve", "--api-key", "hunter2hunter2")))
    assert journal.flush()
    assert b"hunter2" not in path.read_bytes() + path.with_name("journal.db-wal").read_bytes()
    assert journal.live_launches()[0].command == ("vllm", "serve", "--api-key", "***")


def test_startup_history(journal: Journal) -> None:
    """The last starts come back oldest first, each key by itself."""
    for number in range(25):
        journal.add_startup("k", {LifecycleState.LAUNCHING: float(number), LifecycleState.COMPILING: 2.5})
    journal.add_startup("other", {})
    history = journal.startup_history("k")
    assert [h[LifecycleState.LAUNCHING] for h in history] == [float(n) for n in range(5, 25)]
    assert journal.startup_history("other") == ({},)
    assert journal.startup_history("nobody") == ()


def frames(count: int, start: float = NOW, step: float = 1.0) -> list[Frame]:
    """Frames as a monitor makes them."""
    return [
        Frame(
            start + n * step,
            (ProcessSampled(time=start + n * step, pid=7, status="S", cpu_seconds=n / 10),),
            (Sample("m", float(n // 3), start + n * step, counter=True), Sample("g", 0.1 * n, start)),
        )
        for n in range(count)
    ]


def test_frames_come_back(journal: Journal) -> None:
    """The recording is exact, across flushes, while it is being written and after it was packed."""
    recorded = frames(10)
    assert journal.recorded_until("t") is None
    for frame in recorded[:5]:
        journal.add_frame("t", frame)
    assert list(journal.frames("t")) == recorded[:5]
    assert journal.recorded_until("t") == NOW + 4
    for frame in recorded[5:]:
        journal.add_frame("t", frame)
    assert list(journal.frames("t")) == recorded
    assert list(journal.frames("t", since=NOW + 7)) == recorded[7:]
    journal.close()
    assert list(journal.frames("t")) == recorded


def test_ended_segments_are_packed(journal: Journal, path: Path) -> None:
    """Hours make segments of their own; a segment that ended is one compressed row."""
    recorded = frames(300, step=60.0)
    for frame in recorded:
        journal.add_frame("t", frame)
        if frame is recorded[30]:
            assert journal.flush()
    assert list(journal.frames("t")) == recorded
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT segment, typeof(body) FROM chunks ORDER BY id").fetchall()
    connection.close()
    assert len({segment for segment, _ in rows}) == 5
    assert [kind for _, kind in rows] == ["blob"] * 4 + ["text"]


def test_process_samples_are_thinned_by_default(path: Path) -> None:
    """At one look a second, every other one is kept."""
    with Journal(path) as journal:
        for frame in frames(10):
            journal.add_frame("t", frame)
        assert sum(len(f.evidence) for f in journal.frames("t")) == 5


def test_two_recordings_at_the_same_time_are_merged(path: Path) -> None:
    """Two monitors of one deployment leave one stream in the order of time."""
    with Journal(path) as one, Journal(path) as two:
        for n in range(6):
            (one if n % 2 else two).add_frame("t", Frame(NOW + n))
        two.flush()
        assert [f.time for f in one.frames("t")] == [NOW + n for n in range(6)]


def test_a_new_monitor_goes_on(path: Path) -> None:
    """A second life of vmon reads the first one's notes and adds its own."""
    with Journal(path) as first:
        first.add_frame("t", Frame(NOW))
        first.add_change("t", CHANGE)
    with Journal(path) as second:
        second.add_frame("t", Frame(NOW + 1))
        assert [f.time for f in second.frames("t")] == [NOW, NOW + 1]
        assert second.changes("t") == (CHANGE,)


def test_a_closed_journal_can_be_used_again(journal: Journal) -> None:
    """A late note is written too."""
    journal.add_change("t", CHANGE)
    journal.close()
    journal.close()
    journal.add_frame("t", Frame(NOW))
    assert journal.flush()
    assert [f.time for f in journal.frames("t")] == [NOW]


WRITE_AND_WAIT = """
import sys, time, pathlib
from vmon_core.journal import Journal
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Change, Frame
journal = Journal(pathlib.Path(sys.argv[1]))
count, name = int(sys.argv[2]), sys.argv[3]
for n in range(count):
    journal.add_frame(name, Frame(1800000000.0 + n))
    journal.add_change(name, Change(time=1800000000.0 + n, origin=LifecycleState.IDLE, state=LifecycleState.SERVING,
        transition=StateTransition.LOAD, reason=str(n)))
print("noted", flush=True)
if "wait" in sys.argv:
    time.sleep(60)
journal.close()
"""


def start(path: Path, count: int, name: str, *extra: str) -> subprocess.Popen[str]:
    """Start a process that writes."""
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(path), str(count), name, *extra]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_while_others_read(path: Path) -> None:
    """Nothing is lost or locked out when two monitors share a journal."""
    path.parent.mkdir()
    with Journal(path, read_only=True) as looking:
        writers = [start(path, 200, name) for name in ("one", "two")]
        while any(w.poll() is None for w in writers):
            looking.events(limit=10)
        for writer in writers:
            assert writer.communicate()[0] == "noted\n"
            assert writer.returncode == 0
        for name in ("one", "two"):
            assert [c.reason for c in looking.changes(name)] == [str(n) for n in range(200)]
            assert len(list(looking.frames(name))) == 200


def test_kill_loses_a_second_at_most(path: Path) -> None:
    """What was noted a second before kill -9 is there, a transition almost at once, and the file is sound."""
    writer = start(path, 3, "t", "wait")
    assert writer.stdout is not None
    assert writer.stdout.readline() == "noted\n"
    with Journal(path, read_only=True) as journal:
        wait_until(lambda: len(journal.changes("t")) == 3, 5.0)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        assert [c.reason for c in journal.changes("t")] == ["0", "1", "2"]
        assert len(list(journal.frames("t"))) == 3
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_unknown_records_are_skipped_and_counted(journal: Journal, path: Path) -> None:
    """What a newer vmon added to the same version costs only itself."""
    note_everything(journal)
    assert journal.flush()
    with sqlite3.connect(path) as connection:
        add = "INSERT INTO events (target, time, kind, ref, body) VALUES ('t', 1.0, ?, '', ?)"
        connection.execute(add, ("dream", "{}"))
        connection.execute(add, ("transition", '{"state": "DREAMING"}'))
        connection.execute(add, ("finding", "{"))
        change = {"time": 1.0, "origin": "IDLE", "state": "HUNG", "transition": "STALL", "reason": "r", "new": 1}
        connection.execute(add, ("transition", json.dumps({**change, "evidence": [{"kind": "Dream", "time": 1.0}]})))
    connection.close()
    assert len(journal.events(kinds=["dream", "transition", "finding"])) == 3
    assert journal.skipped == 4


def test_odd_names_are_kept(journal: Journal) -> None:
    """A name that is no text, or holds quotes, neither raises nor stops the writer."""
    journal.add_change("bad\udcff", CHANGE)
    journal.add_frame("bad\udcff", Frame(NOW))
    journal.add_change("'; DROP TABLE events; --", CHANGE)
    assert journal.targets() == ("'; DROP TABLE events; --", "bad?")
    assert len(journal.events()) == 2
    assert [e.record for e in journal.events("bad\udcff")] == [CHANGE]
    assert list(journal.frames("bad\udcff")) == [Frame(NOW)]


# --- versions ---


def test_newer_version_is_refused(path: Path) -> None:
    """The message names both versions and the way out, and the file is untouched."""
    with Journal(path) as journal:
        journal.add_change("t", CHANGE)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        JournalError,
        match=r"version 99, this vmon knows up to \d+\. Update vmon, or name another file",
    ):
        Journal(path)


def test_monitor_goes_on_beside_a_newer_version(path: Path) -> None:
    """A monitor leaves the newer file alone, says so, and begins another one."""
    test_newer_version_is_refused(path)
    said: list[str] = []
    config = Config(journal=attrs.evolve(Config().journal, path=path))
    with Journal.from_config(config, lambda level, source, text: said.append(text)) as journal:
        journal.add_change("t", CHANGE)
        assert journal.changes("t") == (CHANGE,)
        assert journal.path == path.with_name(f"journal-v{len(store.MIGRATIONS)}.db")
    assert "version 99" in said[0]


def test_foreign_database_is_refused(tmp_path: Path) -> None:
    """A mistyped path cannot harm somebody else's database."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(JournalError, match="is an SQLite database but no journal of vmon"):
        Journal(path)


def test_migrations_run_forward_once(tmp_path: Path) -> None:
    """An older file is brought up to date step by step; a step that fails leaves the old version."""
    path = tmp_path / "journal.db"
    store.open_for_writing(path).close()
    second = ("ALTER TABLE events ADD COLUMN extra TEXT",)
    connection = store.connect(path)
    with pytest.raises(sqlite3.OperationalError):
        store.migrate(connection, [*store.MIGRATIONS, second, ("NONSENSE",)])
    assert connection.execute("PRAGMA user_version").fetchone() == (len(store.MIGRATIONS),)
    for _ in range(2):
        store.migrate(connection, [*store.MIGRATIONS, second])
    assert connection.execute("PRAGMA user_version").fetchone() == (len(store.MIGRATIONS) + 1,)
    connection.execute("SELECT extra FROM events")
    connection.close()


# --- limits ---


def test_old_records_are_pruned(path: Path) -> None:
    """What is too old goes; the last word on each deployment stays, and so does a recording that may go on."""
    with Journal(path, options=JournalOptions(max_age=1000.0), clock=lambda: NOW) as journal:
        for age in (5000, 2000, 100):
            journal.add_change("t", attrs.evolve(CHANGE, time=NOW - age))
            journal.add_finding("t", attrs.evolve(FINDING, time=NOW - age))
        journal.add_change("quiet", attrs.evolve(CHANGE, time=NOW - 9000))
        journal.add_frame("t", Frame(NOW - 5000))
        journal.add_frame("t", Frame(NOW - 1000))
        old = attrs.evolve(TARGET, pid=1)
        journal.open_launch(TARGET)
        journal.open_launch(old)
        journal.close_launch(old, NOW - 2000)
        journal.prune(NOW)
        assert [c.time for c in journal.changes("t")] == [NOW - 100]
        assert [f.time for f in journal.findings("t")] == [NOW - 100]
        assert [c.time for c in journal.changes("quiet")] == [NOW - 9000]
        assert [f.time for f in journal.frames("t")] == [NOW - 1000]
        assert journal.live_launches() == (TARGET,)


def test_size_is_limited(path: Path) -> None:
    """A file that grew too large shrinks: recordings first, oldest first, then the oldest events."""
    dice = random.Random(1)  # noqa: S311 (the same noise each time)
    with Journal(path, options=JournalOptions(max_size=400_000), clock=lambda: NOW) as journal:
        for hour in range(8):
            begin = NOW - 100_000 + hour * 5000
            for n in range(60):
                noise = "".join(dice.choices(string.printable, k=3000))
                journal.add_frame("t", Frame(begin + n, (Probed(time=begin, path="/", summary=noise),)))
        journal.add_change("t", CHANGE)
        assert journal.flush()
        before = sum(file.stat().st_size for file in path.parent.iterdir())
        journal.prune(NOW)
        assert sum(file.stat().st_size for file in path.parent.iterdir()) < 500_000 < before
        left = [f.time for f in journal.frames("t")]
        assert left
        assert left[0] > NOW - 100_000
        for n in range(1500):
            journal.add_finding("t", attrs.evolve(FINDING, time=NOW + n, summary="x" * 500))
        journal.prune(NOW + 200_000)
        assert path.stat().st_size < 450_000
        assert list(journal.frames("t")) == []
        assert journal.changes("t") == (CHANGE,)
        assert journal.findings("t")[-1].time == NOW + 1499


def test_writer_prunes_by_itself(path: Path) -> None:
    """The limits hold without anyone asking: they are applied when the file is opened and each hour."""
    with Journal(path, clock=lambda: NOW) as journal:
        for age in (5000, 100):
            journal.add_finding("t", attrs.evolve(FINDING, time=NOW - age))
    with Journal(path, options=JournalOptions(max_age=1000.0), clock=lambda: NOW) as journal:
        journal.add_finding("t", attrs.evolve(FINDING, time=NOW))
        assert [f.time for f in journal.findings("t")] == [NOW - 100, NOW]
