"""Watch folders of plugins, and follow what happens to the files there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_core.host.failures import describe
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from vmon_core.host.reload.reloader import Reloader
    from vmon_core.host.say import Say

SETTLE_MS = 200
"""Milliseconds without a change after which a save counts as over: editors write a file in several steps."""

POLL_MS = 500
"""Milliseconds between two looks where the system does not notify."""


class FolderWatch:
    """Reloads plugins when their files change, in a thread of its own.

    Args:
        reloader: does it.
        folders: where single-file plugins, and the sources of packages in editable installs, are watched.
        say: is told what could not be reloaded, and why.
    """

    def __init__(self, reloader: Reloader, folders: Iterable[Path], say: Say) -> None:
        self._reloader = reloader
        self._folders = tuple(folder.expanduser() for folder in folders)
        self._say = say
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, when there is something to watch."""
        missing = [str(folder) for folder in self._folders if not folder.is_dir()]
        if missing:
            text = f"not watched for plugins, since there is no such folder: {', '.join(missing)}"
            self._say(Severity.WARNING, "plugins", text)
        folders = [folder.resolve() for folder in self._folders if folder.is_dir()]
        if folders:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, args=(folders,), name="vmon-folders", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End; a reload that is going on has `timeout` seconds to end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def _watch(self, folders: list[Path]) -> None:
        for changed in self._changes(folders):
            try:
                self._follow({self._reloader.subject(path) for path in changed})
            except Exception as error:  # noqa: BLE001 (a defect of ours must not end the watch)
                self._say(Severity.CRITICAL, "plugins", f"following {changed} failed: {describe(error)}")

    def _follow(self, changed: Collection[Path]) -> None:
        """Do what changes ask for, those first that take a plugin away: a renamed one stands in its own way.

        What fails is tried again as long as something else succeeds, for it may have needed that. What is left then is
        told, and the next change is another try.
        """
        failed: dict[Path, VmonError] = {}
        waiting = sorted(changed, key=lambda path: (path.exists(), path))
        while waiting:
            failed = {path: error for path in waiting if (error := self._error(path)) is not None}
            if len(failed) == len(waiting):
                break
            waiting = list(failed)
        for path, error in failed.items():
            text = f"{path.name} is not taken into use: {error}; what was in use before still is"
            self._say(Severity.ERROR, "plugins", text, file=str(path))

    def _error(self, path: Path) -> VmonError | None:
        """Do what one change asks for, and tell what speaks against it."""
        try:
            self._reloader.follow(path)
        except VmonError as error:
            return error
        return None

    def _changes(self, folders: list[Path]) -> Iterator[set[Path]]:
        try:
            yield from self._batches(folders)
        except (OSError, RuntimeError) as error:  # no inotify here, or its limits are reached
            text = f"the system does not notify of changes ({error}): folders of plugins are looked at twice a second"
            self._say(Severity.WARNING, "plugins", text)
            yield from self._batches(folders, polling=True)

    def _batches(self, folders: list[Path], *, polling: bool | None = None) -> Iterator[set[Path]]:
        import watchfiles  # noqa: PLC0415 (5 MB, and most monitors have nothing to watch)

        batches = watchfiles.watch(
            *folders,
            watch_filter=lambda _, path: _is_source(Path(path)),
            debounce=SETTLE_MS * 8,
            step=SETTLE_MS,
            stop_event=self._stopping,
            force_polling=polling,
            poll_delay_ms=POLL_MS,
        )
        return ({Path(path) for _, path in batch} for batch in batches)


def _is_source(path: Path) -> bool:
    """Whether a change of this file can change a plugin; temporary files of editors cannot.

    >>> [name for name in ("a.py", ".#a.py", "a.py~", "4913", "__pycache__/a.pyc") if _is_source(Path(name))]
    ['a.py']
    """
    return path.suffix == ".py" and not path.name.startswith(".")
