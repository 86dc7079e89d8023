"""Compile the fake library, once for each set of missing functions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from vmon_testkit.nvml.layout import header

SONAME = "libnvidia-ml.so.1"
"""What programs look for."""

_FLAGS = ("-shared", "-fPIC", "-O2", "-w", f"-Wl,-soname,{SONAME}")


def compiler() -> str | None:
    """The C compiler of this machine, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path, missing: tuple[str, ...] = ()) -> Path:
    """Put a library into a folder.

    Args:
        folder: where to; it gets a file of its own, so that libraries of two fakes never are one to the loader.
        missing: functions that are no symbols of it.

    Returns:
        The library's path.

    Raises:
        RuntimeError: there is no compiler, or it failed.
    """
    source = files("vmon_testkit.nvml").joinpath("library.c").read_text()
    declarations = header()
    key = hashlib.sha256("\0".join((source, declarations, *sorted(missing))).encode()).hexdigest()[:16]
    cached = _cache() / f"{key}.so"
    if not cached.exists():
        _compile(source, declarations, missing, cached)
    return Path(shutil.copyfile(cached, folder / SONAME))


def _cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"vmon-fake-nvml-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _compile(source: str, declarations: str, missing: tuple[str, ...], target: Path) -> None:
    program = compiler()
    if program is None:
        msg = "there is no C compiler here, which the fake library is made by"
        raise RuntimeError(msg)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        (folder / "library.c").write_text(source)
        (folder / "layout.h").write_text(declarations)
        (folder / "symbols").write_text(_symbols(missing))
        command = [program, *_FLAGS, f"-Wl,--version-script={folder}/symbols", "-o", "made.so", "library.c"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 (the compiler)
        if done.returncode:
            msg = f"the fake library could not be compiled:\n{done.stderr}"
            raise RuntimeError(msg)
        (folder / "made.so").replace(target)


def _symbols(missing: tuple[str, ...]) -> str:
    """A version script: what it names as local is no symbol of the library, as in an older driver's."""
    hidden = f" local: {' '.join(f'{name};' for name in missing)}" if missing else ""
    return f"{{ global: nvml*;{hidden} }};\n"
