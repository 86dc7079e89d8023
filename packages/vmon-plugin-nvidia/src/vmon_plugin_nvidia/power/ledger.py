"""What vmon changed on which GPU, and what was there before; in a file, so that a restart does not forget it."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Tells one boot of this machine from another."""


@attrs.frozen
class Setting:
    """A value that was changed: `before` is None where a GPU does not tell it."""

    ours: tuple[int, ...]
    before: tuple[int, ...] | None = None


class Ledger:
    """Settings of ours that are in force.

    Args:
        path: the file; one that is damaged counts as empty: what is not known to be ours is left alone. So does one of
            an earlier boot, which ended all settings: what is set now is somebody else's.
        boot: the file that tells which boot this is.
    """

    def __init__(self, path: Path, boot: Path = BOOT) -> None:
        self._path = path
        self._boot = boot

    def find(self, uuid: str, what: str) -> Setting | None:
        """What vmon has set on a GPU, None where it has set nothing."""
        return self._read().get(f"{uuid} {what}")

    def keep(self, uuid: str, what: str, setting: Setting | None) -> None:
        """Note a setting before it is made, or with None, that it is no more.

        Raises:
            OSError: it cannot be kept.
        """
        settings = self._read()
        settings.pop(f"{uuid} {what}", None)
        if setting is not None:
            settings[f"{uuid} {what}"] = setting
        scratch = self._path.with_suffix(".new")
        plain = {key: attrs.astuple(value) for key, value in settings.items()}
        scratch.write_text(json.dumps({"boot": self._boot_id(), "settings": plain}))
        scratch.replace(self._path)

    def _read(self) -> dict[str, Setting]:
        try:
            noted = json.loads(self._path.read_text())
            if noted["boot"] != self._boot_id():
                return {}
            return {
                str(key): Setting(tuple(map(int, ours)), None if before is None else tuple(map(int, before)))
                for key, (ours, before) in noted["settings"].items()
            }
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return {}

    def _boot_id(self) -> str:
        try:
            return self._boot.read_text().strip()
        except OSError:
            return ""
