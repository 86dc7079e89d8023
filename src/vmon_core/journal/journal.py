"""The journal as the rest of vmon sees it."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, TypeVar

import attrs

from vmon_core.errors import JournalError
from vmon_core.journal import reading, store, writing
from vmon_core.journal.backlog import Seal, Statement
from vmon_core.journal.codec import EVENT_KINDS, Reader, dump, kind_of, to_json
from vmon_core.journal.documents import JournalDocuments
from vmon_core.journal.frames import SegmentEncoder
from vmon_core.journal.options import JournalOptions
from vmon_core.journal.writer import SOURCE, Writer
from vmon_core.pipeline.recorder import Recorder
from vmon_core.records import Change, Checkpoint, Finding, Severity
from vmon_core.redaction import redact_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from vmon_core.config import Config
    from vmon_core.feedback import Message
    from vmon_core.journal.codec import Record
    from vmon_core.journal.reading import Event
    from vmon_core.journal.writer import Say
    from vmon_core.lifecycle.states import LifecycleState
    from vmon_core.records import Action, Frame, Outcome, Target, Verdict
    from vmon_core.report import ActionReport

FLUSH_SECONDS = 5.0
"""How long a reader waits for what the same process has just noted."""

_T = TypeVar("_T", bound="Record")


def _silent(level: Severity, source: str, text: str) -> None:
    """Say nothing."""


class Journal(Recorder):
    """Keeps what happened, and gives it back.

    Notes are taken in memory and written by a thread within a second, transitions and launches at once, so noting never
    waits for a disk. While the disk fails, the newest notes are kept in memory, and written when it works
    again. Several processes may write and read one file at the same time.

    Args:
        path: the file. It is created with the first note.
        say: tells people about trouble with the disk and about its end; `Feedback.say` fits.
        options: how much it keeps, and how it writes.
        read_only: for looking only: the file is never changed, not even to move a damaged one aside.
        clock: tells the time in Unix seconds.

    Raises:
        JournalError: the file is from a newer vmon, or is no journal.
    """

    def __init__(
        self,
        path: Path,
        *,
        say: Say = _silent,
        options: JournalOptions | None = None,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._say = say
        self._read_only = read_only
        self._options = options or JournalOptions()
        self._clock = clock
        self._reader = Reader()
        self._encoders: dict[str, tuple[int, SegmentEncoder]] = {}
        self._writer = Writer(path, self._options, say, clock)
        self._inspect()

    @classmethod
    def from_config(cls, config: Config, say: Say = _silent) -> Self:
        """Open the configured journal for a monitor, which must go on whatever the file is.

        A file that this vmon cannot use is left alone, and another one is begun beside it.
        """
        options = JournalOptions(max_age=config.journal.max_age, max_size=config.journal.max_size)
        try:
            return cls(config.journal_path, say=say, options=options)
        except JournalError as error:
            path = config.journal_path.with_name(f"{config.journal_path.stem}-v{len(store.MIGRATIONS)}.db")
            say(Severity.ERROR, SOURCE, f"{error}. Until then, records go to {path}")
            return cls(path, say=say, options=options)

    # --- noting ---

    def open_launch(self, target: Target) -> None:
        """Note that a server runs under vmon, so that a later vmon finds it; secrets in its command are redacted."""
        noted = attrs.evolve(target, command=redact_command(target.command))
        self._put(
            "INSERT INTO launches (target, identity, opened, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (identity) DO UPDATE SET closed = NULL, body = excluded.body",
            (target.name, _identity(target), target.started or self._clock(), dump(noted)),
            urgent=True,
        )

    def close_launch(self, target: Target, time: float) -> None:
        """Note that a launch has ended, at `time` in Unix seconds."""
        self._put("UPDATE launches SET closed = ? WHERE identity = ?", (time, _identity(target)), urgent=True)

    def add_frame(self, target: str, frame: Frame) -> None:
        """Record what was collected."""
        self._refuse_if_read_only()
        with self._writer.lock:
            encoder = self._encoder(target, frame.time)
            self._writer.put(encoder.encode(frame))

    def add_change(self, target: str, change: Change) -> None:
        """Note a transition; it is written at once."""
        self._add(target, change.time, change, urgent=True)

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Note a checkpoint."""
        self._add(checkpoint.target, checkpoint.time, checkpoint)

    def add_finding(self, target: str, finding: Finding) -> None:
        """Note a finding that is new, or over."""
        self._add(target, finding.time, finding, ref=finding.code)

    def add_action(self, action: Action) -> None:
        """Note a proposal."""
        self._add(action.target, action.time, action, ref=action.id)

    def add_verdict(self, action: Action, verdict: Verdict) -> None:
        """Note what the gate said to an action."""
        self._add(action.target, action.time, verdict, ref=action.id)

    def add_outcome(self, action: Action, outcome: Outcome) -> None:
        """Note what came of an action."""
        self._add(action.target, outcome.time, outcome, ref=action.id)

    def add_message(self, message: Message) -> None:
        """Note a feedback message; `CallbackHandler(journal.add_message)` notes them all."""
        self._add(message.target, message.time, message)

    def add_startup(self, key: str, phases: Mapping[LifecycleState, float]) -> None:
        """Note how long the phases of a start took, in seconds, under a key such as the command line."""
        body = to_json({state.value: seconds for state, seconds in phases.items()})
        self._put("INSERT INTO startups (key, time, body) VALUES (?, ?, ?)", (key, self._clock(), body))

    def documents(self, owner: str) -> JournalDocuments:
        """Small records that a plugin keeps by name, with all their versions; pruning leaves them alone."""
        return JournalDocuments(self._writer, owner, read_only=self._read_only, clock=self._clock)

    # --- reading ---

    @property
    def skipped(self) -> int:
        """How many records could not be understood while reading: those of a newer vmon, or damaged ones."""
        return self._reader.skipped

    def targets(self) -> tuple[str, ...]:
        """The names of all known deployments; the one that was written last comes last."""
        with self._reading() as connection:
            return reading.targets(connection) if connection else ()

    def live_launches(self) -> tuple[Target, ...]:
        """The launches that nobody closed, oldest first; their servers may have died since."""
        with self._reading() as connection:
            return reading.launches(connection, self._reader) if connection else ()

    def startup_history(self, key: str) -> tuple[dict[LifecycleState, float], ...]:
        """How long the phases of the last starts under `key` took, in seconds, oldest first."""
        with self._reading() as connection:
            return reading.startups(connection, key) if connection else ()

    def changes(self, target: str, since: float | None = None) -> tuple[Change, ...]:
        """The transitions of a deployment from a time on, oldest first."""
        return self._records(Change, target, since)

    def checkpoints(self, target: str, since: float | None = None) -> tuple[Checkpoint, ...]:
        """The checkpoints of a deployment from a time on, oldest first."""
        return self._records(Checkpoint, target, since)

    def latest_checkpoint(self, target: str) -> Checkpoint | None:
        """The newest checkpoint of a deployment, None when there is none."""
        return next(iter(self._records(Checkpoint, target, None, limit=1)), None)

    def findings(self, target: str, since: float | None = None) -> tuple[Finding, ...]:
        """The findings of a deployment from a time on, oldest first; one that is over comes again as cleared."""
        return self._records(Finding, target, since)

    def actions(self, target: str, since: float | None = None) -> tuple[ActionReport, ...]:
        """The actions proposed for a deployment from a time on, each with its verdict and outcome, oldest first."""
        return reading.actions(self.events(target, since=since, kinds=("action", "verdict", "outcome")))

    def events(  # noqa: PLR0913 (all but the target are named; each narrows it further)
        self,
        target: str | None = None,
        *,
        since: float | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int | None = None,
        kinds: Iterable[str] = EVENT_KINDS,
    ) -> tuple[Event, ...]:
        """Everything that happened as one stream, in the order in which it was noted.

        Args:
            target: only of this deployment, None for all.
            since: only from this time on, Unix seconds.
            after: only events with a higher number than this.
            before: only events with a lower number than this.
            limit: only the newest so many.
            kinds: only of these kinds.
        """
        with self._reading() as connection:
            if connection is None:
                return ()
            name = None if target is None else _storable(target)
            query = reading.Query(target=name, kinds=tuple(kinds), since=since, after=after, before=before, limit=limit)
            return reading.events(connection, self._reader, query)

    def recorded_until(self, target: str) -> float | None:
        """The time of a deployment's last frame in Unix seconds, None when nothing is recorded."""
        with self._reading() as connection:
            return reading.recorded_until(connection, _storable(target)) if connection else None

    def frames(self, target: str, since: float | None = None) -> Iterator[Frame]:
        """The recording of a deployment from a time on, oldest frame first, as it went in.

        Only samples of processes are missing between two that the recording keeps.
        """
        with self._reading() as connection:
            if connection is not None:
                yield from reading.frames(connection, self._reader, _storable(target), since)

    # --- upkeep ---

    def flush(self, timeout: float = FLUSH_SECONDS) -> bool:
        """Write everything noted so far; False when that was not possible within `timeout` seconds."""
        return self._writer.flush(timeout)

    def prune(self, now: float) -> None:
        """Apply the limits of age and size; the writer does so by itself each hour.

        Args:
            now: the present in Unix seconds.

        Raises:
            JournalError: the file cannot be changed.
        """
        self._refuse_if_read_only()
        self.flush()
        with store.explained(self.path, "changed"), contextlib.closing(store.open_for_writing(self.path)) as connection:
            writing.prune(connection, self._options, now)

    def close(self) -> None:
        """Pack the recording, write what waits, and end the writer's thread."""
        with self._writer.lock:
            for _, encoder in self._encoders.values():
                self._writer.put(Seal(encoder.id))
            self._encoders.clear()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ---

    def _inspect(self) -> None:
        """Refuse a file that this vmon must not touch, and move a damaged one out of the way."""
        if not self.path.exists():
            return
        try:
            with contextlib.closing(store.connect(self.path, read_only=True)) as connection:
                store.check(connection, self.path)
        except sqlite3.DatabaseError as error:
            if store.is_damaged(error) and not self._read_only:
                with contextlib.suppress(OSError):  # the writer tries again, and says why it cannot
                    self._writer.replace(error)

    def _add(self, target: str, time: float, record: Record, *, ref: str = "", urgent: bool = False) -> None:
        sql = "INSERT INTO events (target, time, kind, ref, body) VALUES (?, ?, ?, ?, ?)"
        self._put(sql, (target, time, kind_of(record), ref, dump(record)), urgent=urgent)

    def _put(self, sql: str, values: tuple[str | float | None, ...], *, urgent: bool = False) -> None:
        self._refuse_if_read_only()
        self._writer.put(
            Statement(sql, tuple(_storable(v) if isinstance(v, str) else v for v in values)), urgent=urgent
        )

    def _encoder(self, target: str, time: float) -> SegmentEncoder:
        """The encoder of the segment that a frame of this time belongs to."""
        generation, encoder = self._encoders.get(target, (0, None))
        if encoder is not None and generation == self._writer.backlog.generation and encoder.takes(time):
            return encoder
        if encoder is not None:
            self._writer.put(Seal(encoder.id))
        encoder = SegmentEncoder(_storable(target), time, self._options.process_seconds)
        self._encoders[target] = (self._writer.backlog.generation, encoder)
        return encoder

    def _records(self, kind: type[_T], target: str, since: float | None, *, limit: int | None = None) -> tuple[_T, ...]:
        name = next(n for n, k in EVENT_KINDS.items() if k is kind)
        found = self.events(target, since=since, limit=limit, kinds=[name])
        return tuple(event.record for event in found if isinstance(event.record, kind))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The file, opened for reading; None while there is nothing in it."""
        self.flush()
        if not self.path.exists():
            yield None
            return
        with (
            store.explained(self.path, "read"),
            contextlib.closing(store.connect(self.path, read_only=True)) as connection,
        ):
            yield connection if store.check(connection, self.path) else None

    def _refuse_if_read_only(self) -> None:
        if self._read_only:
            msg = f"{self.path} was opened for reading only"
            raise JournalError(msg)


def _identity(target: Target) -> str:
    return to_json([target.name, target.launch_id, target.pid, target.started])


def _storable(text: str) -> str:
    """Text that SQLite takes: half a character, from a name that was no text, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
