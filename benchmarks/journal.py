"""What recording costs: processor time per frame and bytes per day, against a row of JSON for each frame.

Method. The series are those of a recorded scrape of a real vLLM. Under traffic, each one grows by what it grew between
two recorded scrapes 15 s apart, evenly over time, whole numbers in whole steps; idle, only the process' own series
move. A frame a second holds all series, one look at /health, one view of the engine and one look at each of three
processes. An hour is recorded, packed as it is when an hour is over, and the file measured after its free pages (which
the next hour uses again) were given back; a day is 24 of them. The naive alternative writes the same frames as JSON,
one row and one commit each, into SQLite with the same settings.

Run: python benchmarks/journal.py [FRAMES]
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import EngineCounted, Probed, ProcessSampled
from vmon_core.journal import Journal
from vmon_core.records import Frame, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRACE = Path(__file__).parent.parent / "tests" / "traces" / "healthy_eager"
BETWEEN_SCRAPES = 15.05
START = 1_800_000_000.0
DAY = 86_400
LABEL = re.compile(r'(\w+)="([^"]*)"')


def scrape(name: str) -> dict[str, float]:
    """The series of a recorded scrape by their text."""
    lines = (TRACE / f"metrics-{name}.txt").read_text().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {series: float(value) for series, value in pairs}


def frames(count: int, *, busy: bool) -> Iterator[Frame]:
    """A frame a second."""
    before, after = scrape("ready"), scrape("traffic")
    series = [(s.partition("{")[0], tuple(sorted(LABEL.findall(s))), before.get(s, 0.0), v) for s, v in after.items()]
    for n in range(count):
        now, share = START + n, n / BETWEEN_SCRAPES
        samples = []
        for name, labels, first, second in series:
            moves = busy or name.startswith("process_")
            value = first + (second - first) * share if moves else second
            whole = first.is_integer() and second.is_integer()
            samples.append(Sample(name, float(int(value)) if whole else value, now, labels, "", counter=True))
        steps = float(40 * n) if busy else 40.0
        counted = EngineCounted(time=now, steps=steps, generated=steps * 3, prompted=steps, running=3.0, waiting=0.0)
        looks = [ProcessSampled(time=now, pid=pid, status="S", cpu_seconds=n * 0.4, threads=60) for pid in (70, 71, 72)]
        probed = Probed(time=now + 0.01, path="/health", code=200, seconds=0.0021)
        yield Frame(now, (probed, counted, *looks), tuple(samples))


def with_journal(path: Path, recorded: list[Frame]) -> float:
    """Record with the journal; the seconds that the caller spent."""
    spent = 0.0
    with Journal(path, clock=lambda: START) as journal:
        for frame in recorded:
            begin = time.perf_counter()
            journal.add_frame("t", frame)
            spent += time.perf_counter() - begin
            if frame.time % 60 == 0:
                journal.flush()
    journal.prune(START)
    return spent


def naively(path: Path, recorded: list[Frame]) -> float:
    """Record a row of JSON for each frame; the seconds that the caller spent."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE frames (time REAL, body TEXT)")
    begin = time.perf_counter()
    for frame in recorded:
        connection.execute("INSERT INTO frames VALUES (?, ?)", (frame.time, json.dumps(attrs.asdict(frame))))
        connection.commit()
    spent = time.perf_counter() - begin
    connection.close()
    return spent


def measure(record: Callable[[Path, list[Frame]], float], recorded: list[Frame]) -> tuple[float, float, float]:
    """Microseconds of the caller and of all threads per frame, and bytes per day."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        begin = time.process_time()
        caller = record(path, recorded)
        everyone = time.process_time() - begin
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    count = len(recorded)
    return caller / count * 1e6, everyone / count * 1e6, size / count * DAY


def main() -> None:
    """Print both, busy and idle, and their ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3600
    for name, busy in (("traffic", True), ("idle", False)):
        recorded = list(frames(count, busy=busy))
        ours = measure(with_journal, recorded)
        naive = measure(naively, recorded[: count // 6])
        print(
            f"{name}: {count} frames of {len(recorded[0].samples)} samples and {len(recorded[0].evidence)} observations"
        )
        for label, (caller, everyone, size) in (("journal", ours), ("JSON rows", naive)):
            print(f"  {label:<9} {caller:6.0f} us in the caller {everyone:6.0f} us of CPU {size / 1e6:8.1f} MB a day")
        caller, everyone, size = (n / o for n, o in zip(naive, ours, strict=True))
        print(f"  ratio     {caller:6.1f} x                {everyone:6.1f} x         {size:8.0f} x")


if __name__ == "__main__":
    main()
