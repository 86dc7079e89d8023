"""The weight files of a model's folder: which vLLM would load, whether all are there, and what they hold.

The choice follows `DefaultModelLoader._prepare_weights` of vLLM 0.32: the first pattern with a match wins, and an index
narrows it to the files that it names.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_preflight.model.header import Header, HeaderError, read_header
from vmon_plugin_preflight.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADERS = 512
"""Headers that are read at most, which is more than any published model has files; of more, a sample is read."""

_PATIENCE = 0.6  # seconds for all headers: a network file system may take longer for one than this takes for all
_THREADS = 16
_LARGEST_INDEX = 256 << 20  # bytes; an index of 20,000 files has a few
_NOT_WEIGHTS = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt")
_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "hf": ("*.safetensors", "*.bin", "*.pt"),
    "safetensors": ("*.safetensors",),
    "fastsafetensors": ("*.safetensors",),
    "instanttensor": ("*.safetensors",),
    "mistral": ("consolidated*.safetensors",),
    "pt": ("*.pt",),
    "npcache": ("*.bin", "*.pt"),
}


@attrs.frozen(kw_only=True)
class Weights:
    """What a folder holds, as far as it was read.

    Attributes:
        folder: where.
        files: the files that would be loaded and their bytes, in the order of their names.
        missing: files that the index names and that are not there.
        index: the file of each tensor by the index, empty without one.
        headers: what each file holds, for those that were read.
        damaged: what is wrong with a file, by its name.
        unread: files whose headers were not read: too many, or too slow.
        unusable: what is wrong with the index itself, "" when it is well or absent.
    """

    folder: Path
    files: Mapping[str, int] = attrs.field(factory=dict)
    missing: tuple[str, ...] = ()
    index: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, Header] = attrs.field(factory=dict)
    damaged: Mapping[str, str] = attrs.field(factory=dict)
    unread: tuple[str, ...] = ()
    unusable: str = ""

    @property
    def safetensors(self) -> bool:
        """Whether the files tell what they hold."""
        return any(name.endswith(".safetensors") for name in self.files)

    @property
    def complete(self) -> bool:
        """Whether the header of every file was read and is well."""
        return bool(self.headers) and len(self.headers) == len(self.files) and not self.missing


def choose(names: Sequence[str], load_format: str) -> list[str]:
    """Choose the weight files among the names in a folder, as vLLM does.

    >>> choose(["pytorch_model.bin", "training_args.bin", "config.json"], "auto")
    ['pytorch_model.bin']
    """
    if load_format == "auto":
        load_format = "mistral" if any(fnmatch(name, "consolidated*.safetensors") for name in names) else "hf"
    for pattern in _PATTERNS.get(load_format, ()):
        found = sorted(name for name in names if fnmatch(name, pattern))
        if found:
            return found if pattern.endswith("safetensors") else [n for n in found if not n.endswith(_NOT_WEIGHTS)]
    return []


def read_weights(folder: Path, load_format: str = "auto", *, limit: int = HEADERS) -> Weights:
    """Look at the weight files in `folder`, and read the headers of at most `limit` of them.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries if _is_file(entry)}
    chosen = choose(list(sizes), load_format)
    if not chosen or not chosen[0].endswith(".safetensors"):
        return Weights(folder=folder, files={name: sizes[name] for name in chosen})
    consolidated = load_format == "mistral" or (load_format == "auto" and chosen[0].startswith("consolidated"))
    index, unusable = read_index(folder / f"{'consolidated' if consolidated else 'model'}.safetensors.index.json")
    named = set(index.values())
    if named:
        chosen = [name for name in chosen if name in named]
    sample = spread(chosen, limit)
    headers, damaged = _read_all(folder, sample)
    return Weights(
        folder=folder,
        files={name: sizes[name] for name in chosen},
        missing=tuple(sorted(named.difference(chosen))),
        index=index,
        headers=headers,
        damaged=damaged,
        unread=tuple(name for name in chosen if name not in headers and name not in damaged),
        unusable=unusable,
    )


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether there is something to read; the links in a cache may point to what was deleted."""
    try:
        return entry.is_file()
    except OSError:
        return False


def read_index(path: Path) -> tuple[dict[str, str], str]:
    """Read which file holds which tensor; the second value says what is wrong with it."""
    try:
        weight_map = json.loads(read_regular(path, _LARGEST_INDEX))["weight_map"]
        names = {str(tensor): file for tensor, file in weight_map.items() if isinstance(file, str)}
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return {}, f"{path.name} is no index: {type(error).__name__}"
    return (names, "") if len(names) == len(weight_map) else ({}, f"{path.name} names files that are no names")


def spread(names: Sequence[str], limit: int) -> list[str]:
    """Choose at most `limit` names, evenly, the first and the last among them.

    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if len(names) <= limit:
        return list(names)
    step = (len(names) - 1) / (limit - 1)
    return [names[round(position * step)] for position in range(limit)]


def _read_all(folder: Path, names: Sequence[str]) -> tuple[dict[str, Header], dict[str, str]]:
    """Read headers at the same time, because a network file system makes each of them wait."""
    deadline, waiting = time.monotonic() + _PATIENCE, deque(names)
    answers: dict[str, Header | str] = {}

    def work() -> None:
        while waiting and time.monotonic() < deadline:
            with suppress(IndexError):  # another thread took the last one
                name = waiting.popleft()
                answers[name] = _read(folder / name)

    # Daemons, because at its end Python waits for the threads of a pool, and one may hang in a dead file system.
    threads = [threading.Thread(target=work, name="vmon-headers", daemon=True) for _ in names[:_THREADS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    told = [(name, answers[name]) for name in names if name in answers]
    headers = {name: answer for name, answer in told if isinstance(answer, Header)}
    return headers, {name: answer for name, answer in told if isinstance(answer, str)}


def _read(path: Path) -> Header | str:
    """Read one header, or say what is wrong with the file."""
    try:
        return read_header(path)
    except HeaderError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
