"""Secrets in a plugin's table are named, not written: `{env = "NAME"}` or `{file = "PATH"}`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 * 1024
"""The largest secret file that is read: a certificate chain fits, a mistaken path to a disk does not."""


def resolve_secrets(
    table: Mapping[str, Any], *, key: str = "", environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Replace every `{env = …}` and `{file = …}` in a table by what it names, just before the table is used.

    Args:
        table: as it stands in the configuration.
        key: where it stands, such as `plugins.slack`, for messages.
        environ: the environment to look into, None for the process' own.

    Returns:
        A new table; it holds secrets, so it must not be shown.

    Raises:
        ConfigError: a variable is not set or a file cannot be read; every such key is named.

    >>> resolve_secrets({"token": {"env": "TOKEN"}, "url": "http://x"}, environ={"TOKEN": "t"})
    {'token': 't', 'url': 'http://x'}
    """
    resolver = _Resolver(os.environ if environ is None else environ)
    resolved = {name: resolver.resolve(value, f"{key}.{name}".lstrip(".")) for name, value in table.items()}
    if resolver.problems:
        raise ConfigError("\n".join(resolver.problems))
    return resolved


class _Resolver:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def resolve(self, value: Any, key: str) -> Any:  # noqa: ANN401 (TOML data)
        match value:
            case {"env": str(name), **rest} if not rest:
                return self._variable(name, key)
            case {"file": str(path), **rest} if not rest:
                return self._content(Path(path).expanduser(), key)
            case dict():
                return {name: self.resolve(inner, f"{key}.{name}") for name, inner in value.items()}
            case list():
                return [self.resolve(inner, f"{key}[{index}]") for index, inner in enumerate(value)]
        return value

    def _variable(self, name: str, key: str) -> str | None:
        value = self._environ.get(name)
        if value is None:
            self.problems.append(f"{key}: the environment variable {name} is not set")
        return value

    def _content(self, path: Path, key: str) -> str | None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                self.problems.append(f"{key}: {path} is larger than {MAX_BYTES} bytes, which no secret is")
            return data.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            self.problems.append(f"{key}: {path} cannot be read: {error.strerror or error}")
        except UnicodeDecodeError:
            self.problems.append(f"{key}: {path} is no UTF-8 text")
        return None
