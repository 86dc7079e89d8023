"""Recorded runs of a real server as frames for a replay; see `tests/traces/README.md` for the format.

Only what a monitor could have seen is read: the launch, the log, probes, metrics, the process table, exits, and signals
that the launcher sent itself.
"""

from __future__ import annotations

import json
import logging
import signal
from typing import TYPE_CHECKING

from vmon_core import evidence as ev
from vmon_core.lifecycle.capture.arguments import parse_command
from vmon_core.records import Frame, Sample
from vmon_plugin_vllm.log.reader import LogReader
from vmon_plugin_vllm.metrics.counting import Counting
from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.lines import ExpositionError
from vmon_plugin_vllm.metrics.names import plan, to_samples
from vmon_plugin_vllm.process.titles import Identity, identify, main_identity
from vmon_plugin_vllm.row import BadRowError, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Reader = Callable[[Row], Iterator[ev.Evidence | Sample]]

CHANNELS = ("actions", "procs", "log", "probes", "metrics", "exits")
"""The files of a recording, in the order in which rows of one moment are taken."""

_ERRORS = {
    "ConnectionRefusedError": "refused",
    "ConnectionResetError": "reset",
    "TimeoutError": "timeout",
    "RemoteDisconnected": "reset",
    "BrokenPipeError": "reset",
    "gaierror": "unresolved",
    "SSLError": "tls",
    "BadStatusLine": "not_http",
}


def open_recording(path: Path) -> Iterator[Frame] | None:
    """Open a folder of recorded traces.

    Args:
        path: the folder.

    Returns:
        Its frames, oldest first, one for each row, with times in seconds since the launch; None when it is no such
        folder. Damaged rows are passed over; how many there were goes to Python's logging at the end.
    """
    if not (path / "launch.json").is_file():
        return None
    return _Recording(path).frames()


class _Recording:
    """Reads one folder, and counts what is damaged in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damaged = 0
        self._readers: dict[str, Reader] = {
            "actions": _action,
            "procs": _ProcessReader().read,
            "log": _LogRows().read,
            "probes": _probe,
            "metrics": _MetricRows().read,
            "exits": _exit,
        }

    def frames(self) -> Iterator[Frame]:
        yield Frame(0.0, _launch(self._path))
        for time, order, row in sorted(self._rows(), key=lambda entry: entry[:2]):
            found = self._read(CHANNELS[order], row)
            evidence = tuple(f for f in found if isinstance(f, ev.Evidence))
            yield Frame(time, evidence, tuple(f for f in found if isinstance(f, Sample)))
        if self._damaged:
            logging.getLogger(__name__).warning("%s: %d damaged rows were passed over", self._path.name, self._damaged)

    def _rows(self) -> Iterator[tuple[float, int, Row]]:
        for order, name in enumerate(CHANNELS):
            file = self._path / f"{name}.jsonl"
            if not file.is_file():
                continue
            with file.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    try:
                        row = Row.parse(line)
                        yield row.number("t"), order, row
                    except BadRowError:
                        self._damaged += 1

    def _read(self, channel: str, row: Row) -> list[ev.Evidence | Sample]:
        """A row tells everything that is in it, or nothing."""
        try:
            return list(self._readers[channel](row))
        except (BadRowError, ExpositionError):
            self._damaged += 1
            return []


def _launch(path: Path) -> tuple[ev.Evidence, ...]:
    began = ev.ActionTaken(time=0.0, action="launch", actor="vmon", summary="the recording begins")
    try:
        command = json.loads((path / "launch.json").read_text(encoding="utf-8", errors="replace"))["argv"]
        facts = parse_command([str(word) for word in command])
    except (ValueError, KeyError, TypeError, RecursionError):
        return (began,)
    return began, ev.ServerDescribed(time=0.0, facts=facts, summary="command line")


def _action(row: Row) -> Iterator[ev.Evidence]:
    actor = row.text("by") if row.has("by") else "operator"
    action = row.text("action")
    yield ev.ActionTaken(time=row.number("t"), action=action, actor=actor, summary=f"{actor} sent {action}")


def _exit(row: Row) -> Iterator[ev.Evidence]:
    yield ev.ProcessExited(
        time=row.number("t"),
        pid=row.whole("pid") if row.has("pid") else 0,
        main=row.fields.get("main") is True,
        code=row.whole("code") if row.has("code") else None,
        signal=_signal(row) if row.has("signal") else None,
    )


def _signal(row: Row) -> int:
    if isinstance(row.fields["signal"], int):
        return row.whole("signal")
    try:
        return int(signal.Signals[row.text("signal")])
    except KeyError:
        msg = "no such signal"
        raise BadRowError(msg) from None


def _probe(row: Row) -> Iterator[ev.Evidence]:
    yield _probed(row, row.text("what"), row.whole("code") if row.has("code") else None)


def _probed(row: Row, path: str, code: int | None) -> ev.Probed:
    error = row.text("error").partition(":")[0] if row.has("error") else None
    return ev.Probed(
        time=row.number("t"),
        path=path,
        code=code,
        error=_ERRORS.get(error, "other") if error else "",
        seconds=row.number("dt"),
    )


class _MetricRows:
    """Reads scrapes as the live collector does: the recorded series are lines of an exposition."""

    def __init__(self) -> None:
        self._parser = ExpositionParser()
        self._counting = Counting()

    def read(self, row: Row) -> Iterator[ev.Evidence | Sample]:
        if not row.has("values"):
            yield _probed(row, "/metrics", None)
            return
        time = row.number("t")
        parsed = self._parser.parse(_exposition(row))
        samples = to_samples(parsed, time)
        yield self._counting.to_evidence(samples, time, offered=plan(parsed.layout).offered)
        yield _probed(row, "/metrics", row.whole("code") if row.has("code") else 200)
        yield from samples


def _exposition(row: Row) -> bytes:
    values = row.fields["values"]
    if not isinstance(values, dict):
        msg = "values is no object"
        raise BadRowError(msg)
    return "".join(f"{series} {value}\n" for series, value in values.items()).encode("utf-8", "replace")


class _LogRows:
    """Reads recorded lines; the reader knows the rest."""

    def __init__(self) -> None:
        self._reader = LogReader()

    def read(self, row: Row) -> Iterator[ev.Evidence]:
        yield from self._reader.feed(row.text("line"), row.number("t"))


class _ProcessReader:
    """Turns rows of the process table into evidence, and remembers who is who."""

    def __init__(self) -> None:
        self._known: dict[int, Identity] = {}

    def read(self, row: Row) -> Iterator[ev.Evidence]:
        event = row.text("event")
        if event == "sample":
            return self._samples(row)
        if event == "gone" or row.fields.get("state") == "Z":
            return self._gone(row)
        if event in ("new", "title"):
            return self._seen(row)
        return self._state(row)

    def _seen(self, row: Row) -> Iterator[ev.Evidence]:
        pid, parent = row.whole("pid"), row.whole("ppid")
        title = row.text("title") if row.has("title") else ""
        known = self._known.get(pid)
        if known is not None and (known.role is ev.Role.MAIN or not title):
            return  # who the main process is does not change, and a dying process has no title any more
        identity = self._identify(row, title, parent)
        self._known[pid] = identity
        yield ev.ProcessSeen(
            time=row.number("t"),
            pid=pid,
            parent=parent,
            role=identity.role,
            name=identity.name,
            title=title,
            summary=f"{identity.name} (pid {pid})",
        )

    def _identify(self, row: Row, title: str, parent: int) -> Identity:
        """The first process of a recording is the one that was launched."""
        if not self._known:
            return main_identity(title)
        return identify(title, row.text("comm") if row.has("comm") else "", self._known.get(parent))

    def _gone(self, row: Row) -> Iterator[ev.Evidence]:
        pid = row.whole("pid")
        name = self._known[pid].name if pid in self._known else "a process"
        yield ev.ProcessGone(time=row.number("t"), pid=pid, summary=f"{name} (pid {pid}) ended")

    def _state(self, row: Row) -> Iterator[ev.Evidence]:
        if row.has("state") and row.has("cpu"):
            yield ev.ProcessSampled(
                time=row.number("t"), pid=row.whole("pid"), status=row.text("state"), cpu_seconds=row.number("cpu")
            )

    def _samples(self, row: Row) -> Iterator[ev.Evidence]:
        processes = row.fields.get("procs")
        for values in processes if isinstance(processes, list) else ():
            process = Row(dict(zip(_SAMPLE, values, strict=False)) if isinstance(values, list) else {})
            yield ev.ProcessSampled(
                time=row.number("t"),
                pid=process.whole("pid"),
                status=process.text("state"),
                cpu_seconds=process.number("cpu"),
                rss_bytes=round(process.number("rss_mb") * 1e6),
                threads=process.whole("threads"),
            )


_SAMPLE = ("pid", "comm", "state", "rss_mb", "cpu", "threads")
"""What each process of a `sample` row lists, in this order."""
