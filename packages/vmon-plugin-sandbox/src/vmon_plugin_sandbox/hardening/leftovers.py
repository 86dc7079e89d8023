"""Folders of launchers whose monitor was killed: the next one removes them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from vmon_plugin_sandbox.hardening.layers import start_time

_NAMES = re.compile(r"vmon-sandbox-(?P<namespace>\d+)-(?P<pid>\d+)-(?P<started>\d+)-\w+")


def prefix() -> str:
    """How the folder of this process is called: with what names the process for good, and where its number counts."""
    return f"vmon-sandbox-{_namespace()}-{os.getpid()}-{start_time(os.getpid())}-"


def tidy(folder: Path) -> None:
    """Remove the folders of processes of this user that are no more; what cannot be removed stays.

    Those of other containers are left alone, whose processes cannot be seen from here.
    """
    for path in folder.glob("vmon-sandbox-*"):
        found = _NAMES.fullmatch(path.name)
        if found is not None and int(found["namespace"]) == _namespace() and _is_left(path, found):
            shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path, found: re.Match[str]) -> bool:
    try:
        if path.lstat().st_uid != os.geteuid():
            return False
        return start_time(int(found["pid"])) != found["started"]
    except ProcessLookupError:
        return True
    except OSError:
        return False


def _namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
