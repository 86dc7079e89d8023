"""Where the files of a model are: a folder, or a snapshot in the local cache of the Hugging Face hub.

The cache is read as `huggingface_hub` lays it out, and the network is never asked.
"""

from __future__ import annotations

import os
import re
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REPOSITORY = re.compile(r"(\b[\w\-.]{1,96}\b/)?\b[\w\-.]{1,96}\b", re.ASCII)  # huggingface_hub's REPO_ID_REGEX
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REMOTE = ("s3://", "gs://", "az://", "abfs://")
_TRUE = {"1", "ON", "YES", "TRUE"}  # huggingface_hub's words for yes


class Place(Enum):
    """Where a model is, as far as this machine can tell without the network."""

    FOLDER = auto()
    FILE = auto()
    CACHED = auto()
    ABSENT = auto()  # a repository of the hub that is not in the cache
    STORE = auto()  # an object store, or another hub
    INVALID = auto()  # neither there nor a name that the hub could have


@attrs.frozen
class Location:
    """Where a model's files are.

    Attributes:
        name: what the command line says.
        place: what kind of place it is.
        folder: where its files are, None when they are not on this machine.
        detail: what was looked at, for people.
    """

    name: str
    place: Place
    folder: Path | None = None
    detail: str = ""


def is_offline(environment: Mapping[str, str]) -> bool:
    """Whether the hub may not be asked.

    >>> is_offline({"HF_HUB_OFFLINE": "1"})
    True
    """
    return (environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE") or "").upper() in _TRUE


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Find the folder in which `huggingface_hub` keeps what it downloaded.

    >>> hub_cache({"HF_HOME": "/data/hf"}).as_posix()
    '/data/hf/hub'
    """
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(name):
            return _expand(environment[name], environment)
    if environment.get("HF_HOME"):
        return _expand(environment["HF_HOME"], environment) / "hub"
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return _expand(cache, environment) / "huggingface" / "hub"


def _expand(path: str, environment: Mapping[str, str]) -> Path:
    """Replace the home folder, which is that of the server's environment."""
    home = environment.get("HOME") or str(Path.home())
    return Path(home + path[1:] if path.startswith("~") else path)


def locate(name: str, revision: str | None, environment: Mapping[str, str], find: Callable[[str], Path]) -> Location:
    """Find the files of the model `name`.

    Args:
        name: a path, or the name of a repository.
        revision: a branch, tag or commit of the repository; None means `main`.
        environment: of the server.
        find: makes a path on this machine of one that the server would open.
    """
    if name.startswith(_REMOTE):
        return Location(name, Place.STORE, detail="an object store")
    path = find(str(_expand(name, environment)) if name.startswith("~/") else name)
    if os.path.isdir(path):  # noqa: PTH112 (unlike Path, it also answers for a name that is too long)
        return Location(name, Place.FOLDER, path, f"the folder {path}")
    if os.path.isfile(path):  # noqa: PTH113 (likewise)
        return Location(name, Place.FILE, path.parent, f"the file {path}")
    if not valid_repository(name):
        return Location(name, Place.INVALID, detail=f"{path} does not exist, and {name!r} is no name of a repository")
    if environment.get("VLLM_USE_MODELSCOPE", "").lower() in {"1", "true"}:
        return Location(name, Place.STORE, detail="ModelScope, whose cache vmon does not know")
    return _cached(name, revision or "main", find(str(hub_cache(environment))))


def valid_repository(name: str) -> bool:
    """Whether the hub could have a repository of this name.

    >>> valid_repository("org/model"), valid_repository("/no/such/folder")
    (True, False)
    """
    plain = name.count("/") <= 1 and "--" not in name and ".." not in name and not name.endswith(".git")
    return plain and _REPOSITORY.fullmatch(name) is not None


def _cached(name: str, revision: str, cache: Path) -> Location:
    """Look for a repository in the cache of the hub."""
    repository = cache / f"models--{name.replace('/', '--')}"
    commit = revision if _COMMIT.fullmatch(revision) else _reference(repository, revision)
    snapshot = repository / "snapshots" / commit
    if commit and snapshot.is_dir():
        return Location(name, Place.CACHED, snapshot, f"revision {revision} in {repository}")
    return Location(name, Place.ABSENT, detail=f"no revision {revision} in {repository}")


def _reference(repository: Path, revision: str) -> str:
    """Read which commit a branch or tag was when it was downloaded; "" when it never was."""
    try:
        return (repository / "refs" / revision).read_text(encoding="utf-8").strip()[:40]
    except (OSError, ValueError):
        return ""
