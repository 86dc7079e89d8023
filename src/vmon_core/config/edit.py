"""Change a few settings in the configuration file, with all that people wrote into it kept, comments and order too."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_core.config.load import find_config, load_config, read_config, user_file
from vmon_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    Change = Callable[[MutableMapping[str, Any]], None]


def file_to_edit(path: Path | None = None) -> Path:
    """Name the file that a change belongs into: the one in force, else the user's own, which need not be there yet.

    Args:
        path: the file that the command line names.
    """
    return path or find_config() or user_file()


def edit_plugins(path: Path, change: Change) -> bool:
    """Change the settings of `[plugins]`; the file is made where there is none, and replaced in one step.

    Args:
        path: the configuration file.
        change: changes the table in place; it is called with a plain copy too, to see that both come to the same.

    Returns:
        Whether anything changed.

    Raises:
        ConfigError: the file is wrong, before the change or after it, or cannot be written; it is left as it was then.
    """
    text = ""
    if path.exists():
        load_config(path)
        text = path.read_bytes().decode("utf-8")
    plain = tomllib.loads(text)
    wanted = tomllib.loads(text)
    change(wanted.setdefault("plugins", {}))
    if wanted in (plain, {**plain, "plugins": {}}):
        return False
    _replace(path, _edited(path, text, change, wanted))
    return True


def _edited(path: Path, text: str, change: Change, wanted: dict[str, Any]) -> str:
    import tomlkit  # noqa: PLC0415 (only who changes a file needs it)

    document = tomlkit.parse(text)
    if "plugins" not in document:
        document["plugins"] = tomlkit.table()
    change(document["plugins"])
    edited = tomlkit.dumps(document)
    if tomllib.loads(edited) != wanted:
        msg = f"{path}: is written in a way that vmon cannot change safely; change [plugins] by hand"
        raise ConfigError(msg)
    read_config(path, edited)
    return edited


def _replace(path: Path, text: str) -> None:
    """Write a new text beside the file and put it in its place, so that nobody ever sees half of it."""
    real = path.resolve()
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        mode = real.stat().st_mode if real.exists() else None
        with tempfile.TemporaryDirectory(dir=real.parent, prefix=".vmon-") as folder:
            fresh = Path(folder) / real.name
            fresh.write_text(text, encoding="utf-8", newline="")
            if mode is not None:
                fresh.chmod(mode)
            fresh.replace(real)
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror or error}"
        raise ConfigError(msg) from None
