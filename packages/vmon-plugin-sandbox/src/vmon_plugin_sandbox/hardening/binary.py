"""The interpreter's binary, and the files that it needs to start."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

from importlib_metadata import PackageNotFoundError, files

from vmon_plugin_sandbox.hardening.errors import HardeningError

PACKAGE = "pydantic-monty-runtime"
NAMES = ("monty", "monty.exe")
REINSTALL = "install it anew: pip install --force-reinstall 'pydantic-monty>=1.4,<1.5'"

CACHES = ("/etc/ld.so.cache", "/etc/ld-musl-x86_64.path", "/etc/ld-musl-aarch64.path")
"""What dynamic loaders read to find libraries; without, they look in fewer places."""

_TIMEOUT = 10.0
_LIBRARY = re.compile(r"(?:=> |^\s*)(/\S+)(?: \(0x[0-9a-f]+\))$", re.MULTILINE)
_IDENT, _INTERPRETER = b"\x7fELF\x02\x01", 3
_HEADER, _SEGMENT = struct.Struct("<32xQ14xHH"), struct.Struct("<II8xQ16xQ")


def find() -> Path:
    """The interpreter that was installed with its package.

    Raises:
        HardeningError: there is none.
    """
    try:
        installed = [Path(str(file.locate())) for file in files(PACKAGE) or ()]
    except PackageNotFoundError:
        installed = []
    for path in installed:
        if path.name in NAMES and path.is_file():
            return path.resolve()
    message = "the sandbox's interpreter is missing"
    raise HardeningError(message, REINSTALL)


def loader(binary: Path) -> str | None:
    """The dynamic loader that a binary names: ELF's PT_INTERP; None when it needs none.

    Raises:
        HardeningError: it is no 64-bit ELF file.
    """
    with binary.open("rb") as file:
        head = file.read(64)
        if not head.startswith(_IDENT):
            message = f"{binary} is no program of this system"
            raise HardeningError(message, REINSTALL)
        offset, size, count = _HEADER.unpack_from(head)
        file.seek(offset)
        table = file.read(size * count)
        for start in range(0, len(table), size):
            kind, _flags, where, length = _SEGMENT.unpack_from(table, start)
            if kind == _INTERPRETER:
                file.seek(where)
                return file.read(length).rstrip(b"\0").decode()
    return None


def libraries(binary: Path) -> list[str]:
    """The files that are mapped when a binary starts, itself not included; its loader is asked, which knows best.

    Raises:
        HardeningError: the loader does not answer, or says that one is missing.
    """
    interpreter = loader(binary)
    if interpreter is None:
        return []
    try:
        listed = subprocess.run(  # noqa: S603 (the loader that the binary names)
            [interpreter, "--list", str(binary)], env={}, capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"{interpreter} does not tell the libraries of {binary}: {error}"
        raise HardeningError(message, REINSTALL) from error
    return sorted({interpreter, *_LIBRARY.findall(listed.stdout)})


def caches() -> list[str]:
    """The loaders' files that there are."""
    return [path for path in CACHES if Path(path).is_file()]
