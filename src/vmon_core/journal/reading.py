"""Read the file: events, launches, starts, and the recording put together again."""

from __future__ import annotations

import heapq
import json
import zlib
from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from vmon_core.journal.codec import EVENT_KINDS, Record
from vmon_core.journal.frames import UNREADABLE, SegmentDecoder
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Action, Outcome, Verdict
from vmon_core.report import ActionReport

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from vmon_core.journal.codec import Reader
    from vmon_core.records import Frame, Target

STARTUPS_READ = 20
"""How many past starts are looked at: enough for a median, few enough to follow a change of the machine."""


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened, as the journal keeps it.

    Attributes:
        id: its number; later events have higher ones.
        time: when, Unix seconds.
        target: the name of the deployment, "" when it is about none.
        kind: transition, checkpoint, finding, action, verdict, outcome or message.
        ref: the action's id for action, verdict and outcome; the code for a finding.
        record: what happened.
    """

    id: int
    time: float
    target: str
    kind: str
    ref: str
    record: Record


def targets(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The names of all deployments; the one that was written last comes last."""
    rows = connection.execute(
        "SELECT target FROM (SELECT target, max(time) AS time FROM events GROUP BY target"
        " UNION ALL SELECT target, max(last) FROM segments GROUP BY target"
        " UNION ALL SELECT target, max(opened) FROM launches GROUP BY target)"
        " WHERE target != '' GROUP BY target ORDER BY max(time), target"
    )
    return tuple(name for (name,) in rows)


def launches(connection: sqlite3.Connection, reader: Reader) -> tuple[Target, ...]:
    """The targets of launches that are not closed, oldest first."""
    rows = connection.execute("SELECT body FROM launches WHERE closed IS NULL ORDER BY id")
    return tuple(target for (body,) in rows if (target := reader.target(body)) is not None)


def startups(connection: sqlite3.Connection, key: str) -> tuple[dict[LifecycleState, float], ...]:
    """How long the phases of the last starts under `key` took, oldest first."""
    rows = connection.execute(
        "SELECT body FROM startups WHERE key = ? ORDER BY id DESC LIMIT ?", (key, STARTUPS_READ)
    ).fetchall()
    known = {state.value: state for state in LifecycleState}
    return tuple(
        {known[name]: seconds for name, seconds in json.loads(body).items() if name in known}
        for (body,) in reversed(rows)
    )


@attrs.frozen(kw_only=True)
class Query:
    """Which events are wanted.

    Attributes:
        target: only those of this deployment.
        kinds: only these kinds.
        since: only those from this time on, Unix seconds.
        after: only those with a higher number.
        before: only those with a lower number.
        limit: only the newest so many.
    """

    target: str | None = None
    kinds: tuple[str, ...] = tuple(EVENT_KINDS)
    since: float | None = None
    after: int | None = None
    before: int | None = None
    limit: int | None = None


def events(connection: sqlite3.Connection, reader: Reader, query: Query) -> tuple[Event, ...]:
    """The events that are wanted, in the order in which they were written."""
    conditions = {
        "target = ?": query.target,
        "time >= ?": query.since,
        "id > ?": query.after,
        "id < ?": query.before,
    }
    given = {sql: value for sql, value in conditions.items() if value is not None}
    where = " AND ".join([f"kind IN ({', '.join('?' * len(query.kinds))})", *given])
    rows = connection.execute(
        f"SELECT id, time, target, kind, ref, body FROM events WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 (constants)
        (*query.kinds, *given.values(), -1 if query.limit is None else query.limit),
    ).fetchall()
    return tuple(e for row in reversed(rows) if (e := _event(row, reader)) is not None)


def _event(row: tuple[int, float, str, str, str, str], reader: Reader) -> Event | None:
    number, time, target, kind, ref, body = row
    record = reader.record(kind, body)
    return None if record is None else Event(id=number, time=time, target=target, kind=kind, ref=ref, record=record)


def actions(events: Iterable[Event]) -> tuple[ActionReport, ...]:
    """Put each action together with the verdict on it and the newest outcome, oldest action first."""
    found: dict[str, ActionReport] = {}
    for event in events:
        record = event.record
        if isinstance(record, Action):
            found[event.ref] = ActionReport(action=record)
        elif event.ref in found and isinstance(record, Verdict):
            found[event.ref] = attrs.evolve(found[event.ref], verdict=record)
        elif event.ref in found and isinstance(record, Outcome):
            found[event.ref] = attrs.evolve(found[event.ref], outcome=record)
    return tuple(found.values())


# --- the recording ---


@attrs.frozen
class _Segment:
    id: int
    opened: float
    last: float


def recorded_until(connection: sqlite3.Connection, target: str) -> float | None:
    """The time of the last frame of one deployment, None when there is none."""
    (last,) = connection.execute("SELECT max(last) FROM segments WHERE target = ?", (target,)).fetchone()
    return None if last is None else float(last)


def frames(connection: sqlite3.Connection, reader: Reader, target: str, since: float | None) -> Iterator[Frame]:
    """The recorded frames of one deployment, oldest first; what cannot be read is skipped and counted."""
    rows = connection.execute(
        "SELECT id, opened, last FROM segments WHERE target = ? AND last >= ? ORDER BY opened, id",
        (target, -float("inf") if since is None else since),
    ).fetchall()
    for group in _overlapping(_Segment(*row) for row in rows):
        streams = [_segment_frames(connection, reader, segment.id) for segment in group]
        # Two monitors of one deployment write at the same time; one alone gives groups of one.
        for frame in heapq.merge(*streams, key=attrgetter("time")):
            if since is None or frame.time >= since:
                yield frame


def _overlapping(segments: Iterable[_Segment]) -> Iterator[list[_Segment]]:
    """Put segments together that overlap in time; few do, so few are open at once."""
    group: list[_Segment] = []
    end = 0.0
    for segment in segments:
        if group and segment.opened > end:
            yield group
            group = []
        end = max(end, segment.last) if group else segment.last
        group.append(segment)
    if group:
        yield group


def _segment_frames(connection: sqlite3.Connection, reader: Reader, segment: int) -> Iterator[Frame]:
    decoder = SegmentDecoder(reader)
    try:
        for (body,) in connection.execute("SELECT body FROM chunks WHERE segment = ? ORDER BY id", (segment,)):
            text = zlib.decompress(body).decode("ascii") if isinstance(body, bytes) else body
            for line in text.split("\n"):
                yield decoder.decode(line)
    except (*UNREADABLE, zlib.error):
        reader.skipped += 1  # the rest of a segment builds upon what could not be read
