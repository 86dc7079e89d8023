"""The token that an agent has to show over HTTP, and the file that holds it."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST = 16
"""Characters that a token must have; a generated one has 43, which are 256 random bits."""


def read_token(path: Path) -> str:
    """Read a token.

    Raises:
        VmonError: the file is missing, others may read it, or what it holds is no token.
    """
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the token file {path} cannot be read: {error}"
        raise VmonError(msg) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"others may read the token file {path}: change that with `chmod 600 {path}`"
        raise VmonError(msg)
    if len(token) < SHORTEST or not token.isprintable() or " " in token:
        msg = (
            f"the token file {path} must hold one word of at least {SHORTEST} characters; remove the file for a new one"
        )
        raise VmonError(msg)
    return token


def own_token(path: Path) -> str:
    """The token of an earlier start, so that clients' settings stay right, or a new one that only its owner can read.

    Raises:
        VmonError: there is one that cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    return read_token(path)
