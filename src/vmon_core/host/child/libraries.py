"""Look for shared libraries where the loader does, without loading any."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CACHE = "etc/ld.so.cache"
"""What `ldconfig` found; the names of libraries stand in it, each ended by a zero."""

_FOLDERS = ("lib", "usr/lib", "lib64", "usr/lib64")
"""Where the loader looks without a cache."""


def first_absent(names: Iterable[str], root: Path = Path("/")) -> str:
    """Tell which library is not on this machine.

    Args:
        names: as the loader knows them, such as `libnvidia-ml.so.1`.
        root: where the file system begins.

    Returns:
        The first one that is missing, "" when all are there.
    """
    folders = [Path(folder) for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    folders += [root / folder for folder in _FOLDERS]
    return next((name for name in names if not (_in_folders(name, folders) or _in_cache(name, root / _CACHE))), "")


def _in_folders(name: str, folders: Iterable[Path]) -> bool:
    return any((folder / name).exists() for folder in folders)


def _in_cache(name: str, cache: Path) -> bool:
    try:
        return b"\0" + name.encode() + b"\0" in cache.read_bytes()
    except OSError:
        return False
