"""Load recorded runs of a real vLLM: one folder a run, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNELS = ("log", "probes", "metrics", "procs", "exits", "actions")
"""What a monitor may see."""


@attrs.frozen
class Row:
    """One thing that was recorded.

    Attributes:
        t: seconds since the server was started.
        channel: one of `CHANNELS`.
        data: the whole object, `t` included.
    """

    t: float
    channel: str
    data: Mapping[str, Any]


@attrs.frozen
class Trace:
    """One recorded run.

    Attributes:
        name: of the folder.
        path: the folder.
        launch: how the server was started; empty when that was not recorded.
        rows: all channels in the order of time; rows of one time keep the order of `CHANNELS`.
        expected: what a perfect monitor says; empty when nobody wrote that down.
    """

    name: str
    path: Path
    launch: Mapping[str, Any]
    rows: tuple[Row, ...]
    expected: Mapping[str, Any]

    def channel(self, name: str) -> tuple[Row, ...]:
        """The rows of one channel."""
        return tuple(row for row in self.rows if row.channel == name)

    def scrape(self, moment: str) -> str:
        """The whole text of /metrics at a key moment, such as `ready` or `traffic`.

        Raises:
            FileNotFoundError: that moment was not recorded.
        """
        text = (self.path / f"metrics-{moment}.txt").read_text(encoding="utf-8")
        return text.partition("\n")[2] if text.startswith("# t=") else text


class TraceError(ValueError):
    """A recording that cannot be read; the message names file and line."""


def load(path: str | Path) -> Trace:
    """Load a recording; files that are missing count as empty.

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: there is no such folder.
        TraceError: a line is no JSON object with a time.
    """
    folder = Path(path)
    if not folder.is_dir():
        message = f"no recording at {folder}"
        raise FileNotFoundError(message)
    rows = [row for channel in CHANNELS for row in _rows(folder / f"{channel}.jsonl", channel)]
    rows.sort(key=attrgetter("t"))
    return Trace(folder.name, folder, _object(folder / "launch.json"), tuple(rows), _object(folder / "expected.json"))


@attrs.frozen
class TraceLibrary:
    """A folder of recordings.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def names(self) -> tuple[str, ...]:
        """The recordings, sorted."""
        return tuple(sorted(folder.name for folder in self.root.iterdir() if folder.is_dir()))

    def load(self, name: str) -> Trace:
        """Load one by its name.

        Raises:
            FileNotFoundError: there is none of that name.
        """
        return load(self.root / name)


def _rows(path: Path, channel: str) -> Iterator[Row]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                data = json.loads(line)
                yield Row(float(data["t"]), channel, data)
            except (ValueError, KeyError, TypeError) as error:
                message = f"{path}:{number}: expected a JSON object with a number t ({error})"
                raise TraceError(message) from None


def _object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path}: {error}"
        raise TraceError(message) from None
    return dict(data)
