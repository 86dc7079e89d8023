"""Find the configuration file and read it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.config.lines import find_line
from vmon_core.config.model import Config
from vmon_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT_VARIABLE = "VMON_CONFIG"
"""Names the configuration file where none is given."""

MAX_BYTES = 1_000_000
"""The largest file that is read; a configuration is a few kilobytes, anything else is a mistake."""

_POSITION = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)


def load_config(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration.

    Args:
        path: the file; None takes the first that `find_config` finds.
        environ: the environment to look into, None for the process' own.

    Returns:
        What the file says, and the defaults for the rest; only the defaults when there is no file.

    Raises:
        ConfigError: the file cannot be read or is wrong. Each problem has a line with file, line number, key and what
            was expected.
    """
    found = path or find_config(environ=environ)
    if found is None:
        return Config()
    return read_config(found, _read(found))


def read_config(path: Path, text: str) -> Config:
    """Read the configuration that a text says.

    Args:
        path: where it stands, or is to stand, for messages.
        text: the text.

    Raises:
        ConfigError: as `load_config` does.
    """
    return _build(path, text, _parse(path, text))


def find_config(*, environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Path | None:
    """Find the file to read: `$VMON_CONFIG`, else `vmon.toml` in the directory, else the user's own.

    Args:
        environ: the environment to look into, None for the process' own.
        directory: the directory to look into, None for the current one.

    Returns:
        The file, which `$VMON_CONFIG` may name without it being there; None when there is none.
    """
    named = (os.environ if environ is None else environ).get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named).expanduser()
    return next((p for p in ((directory or Path()) / "vmon.toml", user_file()) if p.is_file()), None)


def user_file() -> Path:
    """The user's own file, whether it is there or not."""
    import platformdirs  # noqa: PLC0415 (a named file needs no look-up)

    return platformdirs.user_config_path("vmon", appauthor=False) / "vmon.toml"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or error}"
        raise ConfigError(msg) from None
    if len(data) > MAX_BYTES:
        msg = f"{path}: is larger than {MAX_BYTES} bytes, which no configuration is"
        raise ConfigError(msg)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line}: is no UTF-8 text: byte {data[error.start]:#04x}"
        raise ConfigError(msg) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _POSITION.fullmatch(str(error))
        lines = text.splitlines() or [""]
        where = f"{match['line']}:{match['column']}" if match else f"{len(lines)}:{len(lines[-1]) + 1}"
        msg = f"{path}:{where}: malformed TOML: {match['what'] if match else error}"
        raise ConfigError(msg) from None
    except RecursionError:
        msg = f"{path}:1:1: malformed TOML: nested too deeply"
        raise ConfigError(msg) from None


def _build(path: Path, text: str, raw: dict[str, Any]) -> Config:
    from vmon_core.config.structure import WrongError, key_text, structure  # noqa: PLC0415 (cattrs is slow to import)

    try:
        return attrs.evolve(structure(raw), source=path)
    except WrongError as error:
        lines = sorted((find_line(text, problem.key), problem) for problem in error.problems)
        raise ConfigError("\n".join(f"{path}:{n}: {key_text(p.key)}: {p.text}" for n, p in lines)) from None
