"""Find single-file plugins in the folders that the configuration names, importing none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.host.resolution.records import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def is_plugin_file(path: Path) -> bool:
    """Whether a file can be a plugin: temporary files of editors, and what begins with `_`, are not.

    >>> from pathlib import Path
    >>> [name for name in ("queue_watch.py", "_common.py", ".#queue.py", "queue.py~") if is_plugin_file(Path(name))]
    ['queue_watch.py']
    """
    return path.suffix == ".py" and path.stem.isidentifier() and not path.stem.startswith("_")


def candidate_of(path: Path) -> Candidate:
    """The plugin that a file announces by its name: `queue_watch.py` is `queue-watch`."""
    return Candidate(name=path.stem.replace("_", "-").lower(), value=str(path), path=path)


def plugin_files(folders: Iterable[Path]) -> tuple[Candidate, ...]:
    """List the single-file plugins in some folders, by name; a folder that does not exist has none."""
    files = {path.resolve() for folder in folders for path in folder.expanduser().glob("*.py") if is_plugin_file(path)}
    return tuple(sorted(map(candidate_of, files), key=lambda candidate: candidate.name))
