"""Recorded runs of a real server as frames for a replay; see `tests/traces/README.md` for the format.

Only what a monitor could have seen is read: the launch, the log, probes, metrics, the process table, exits, and signals
that the launcher sent itself.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from vmon_core import evidence as ev
from vmon_core.lifecycle.capture.arguments import parse_command
from vmon_core.records import Frame, Sample
from vmon_plugin_vllm.log.reader import LogReader
from vmon_plugin_vllm.metrics.counting import Counting
from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.lines import ExpositionError
from vmon_plugin_vllm.metrics.names import plan, to_samples
from vmon_plugin_vllm.process.titles import Identity, identify, main_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

Row = dict[str, Any]

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
        Its frames, oldest first, one for each row; None when it is no such folder.
    """
    if not (path / "launch.json").is_file():
        return None
    return _frames(path)


def _frames(path: Path) -> Iterator[Frame]:
    yield _launch(path)
    readers: dict[str, Callable[[Row], Iterable[ev.Evidence | Sample]]] = {
        "actions": _action,
        "procs": _ProcessReader().read,
        "log": _LogRows().read,
        "probes": _probe,
        "metrics": _MetricRows().read,
        "exits": _exit,
    }
    rows = [(row["t"], order, row) for order, name in enumerate(CHANNELS) for row in _rows(path / f"{name}.jsonl")]
    for time, order, row in sorted(rows, key=lambda item: item[:2]):
        found = list(_safely(readers[CHANNELS[order]], row))
        evidence = tuple(f for f in found if isinstance(f, ev.Evidence))
        yield Frame(time, evidence, tuple(f for f in found if isinstance(f, Sample)))


def _rows(path: Path) -> Iterator[Row]:
    """Read rows; damaged ones are passed over."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get("t"), int | float):
                yield row


def _safely(reader: Callable[[Row], Iterable[ev.Evidence | Sample]], row: Row) -> Iterator[ev.Evidence | Sample]:
    """A row that lacks a field, or has one of another type, tells nothing."""
    try:
        yield from reader(row)
    except (KeyError, TypeError, ValueError, AttributeError, ExpositionError):
        return


def _launch(path: Path) -> Frame:
    try:
        launch = json.loads((path / "launch.json").read_text(encoding="utf-8"))
        arguments = parse_command(launch["argv"])
    except (ValueError, KeyError, TypeError):
        arguments = {}
    return Frame(
        0.0,
        (
            ev.ActionTaken(time=0.0, action="launch", actor="vmon", summary="the recording begins"),
            ev.ServerDescribed(time=0.0, facts=arguments, summary="command line"),
        ),
    )


def _action(row: Row) -> Iterator[ev.Evidence]:
    actor = row.get("by", "operator")
    yield ev.ActionTaken(time=row["t"], action=row["action"], actor=actor, summary=f"{actor} sent {row['action']}")


def _exit(row: Row) -> Iterator[ev.Evidence]:
    yield ev.ProcessExited(
        time=row["t"], pid=row.get("pid", 0), main=row["main"], code=row["code"], signal=_signal_number(row["signal"])
    )


def _signal_number(name: str | int | None) -> int | None:
    return int(signal.Signals[name]) if isinstance(name, str) else name


def _probe(row: Row) -> Iterator[ev.Evidence]:
    yield ev.Probed(
        time=row["t"], path=row["what"], code=row.get("code"), error=_error(row.get("error")), seconds=row["dt"]
    )


def _error(name: str | None) -> str:
    if name is None:
        return ""
    return _ERRORS.get(name.partition(":")[0], "other")


class _MetricRows:
    """Reads scrapes as the live collector does: the recorded series are lines of an exposition."""

    def __init__(self) -> None:
        self._parser = ExpositionParser()
        self._counting = Counting()

    def read(self, row: Row) -> Iterator[ev.Evidence | Sample]:
        if "values" not in row:
            yield ev.Probed(time=row["t"], path="/metrics", error=_error(row.get("error")), seconds=row["dt"])
            return
        body = "".join(f"{series} {value}\n" for series, value in row["values"].items())
        parsed = self._parser.parse(body.encode())
        samples = to_samples(parsed, row["t"])
        yield self._counting.to_evidence(samples, row["t"], offered=plan(parsed.layout).offered)
        yield ev.Probed(time=row["t"], path="/metrics", code=row.get("code", 200), seconds=row["dt"])
        yield from samples


class _LogRows:
    def __init__(self) -> None:
        self._reader = LogReader()

    def read(self, row: Row) -> Iterable[ev.Evidence]:
        return self._reader.feed(row["line"], row["t"])


class _ProcessReader:
    """Turns rows of the process table into evidence, and remembers who is who."""

    def __init__(self) -> None:
        self._known: dict[int, Identity] = {}

    def read(self, row: Row) -> Iterable[ev.Evidence]:
        if row["event"] == "sample":
            return self._samples(row)
        if row["event"] == "gone" or row.get("state") == "Z":
            return self._gone(row)
        if row["event"] in ("new", "title"):
            return self._seen(row)
        return self._state(row)

    def _seen(self, row: Row) -> Iterator[ev.Evidence]:
        pid, title = row["pid"], row.get("title", "")
        if not title and pid in self._known:
            return  # a dying process has no title any more
        parent = self._known.get(row["ppid"])
        identity = identify(title, row.get("comm", ""), parent) if self._known else main_identity(title)
        known = self._known.get(pid)
        if known is not None and known.role is ev.Role.MAIN:
            return
        self._known[pid] = identity
        yield ev.ProcessSeen(
            time=row["t"],
            pid=pid,
            parent=row["ppid"],
            role=identity.role,
            name=identity.name,
            title=title,
            summary=f"{identity.name} (pid {pid})",
        )

    def _gone(self, row: Row) -> Iterator[ev.Evidence]:
        name = self._known[row["pid"]].name if row["pid"] in self._known else "a process"
        yield ev.ProcessGone(time=row["t"], pid=row["pid"], summary=f"{name} (pid {row['pid']}) ended")

    def _state(self, row: Row) -> Iterator[ev.Evidence]:
        if "state" in row and row.get("cpu") is not None:
            yield ev.ProcessSampled(time=row["t"], pid=row["pid"], status=row["state"], cpu_seconds=row["cpu"])

    def _samples(self, row: Row) -> Iterator[ev.Evidence]:
        for pid, _comm, status, rss_mb, cpu, threads, *_ in row["procs"]:
            yield ev.ProcessSampled(
                time=row["t"],
                pid=pid,
                status=status,
                cpu_seconds=cpu,
                rss_bytes=round(rss_mb * 1e6),
                threads=threads,
            )
