"""The attempts: one JSON object a line, with `id`, `category`, `must` (`denied` or `limited`) and `code`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class Attempt:
    """A piece of code that tries to do what it must not.

    Attributes:
        id: its name.
        category: what it tries.
        must: how it must end: `denied`, or `limited` when it is about taking too much.
        code: what is run; `{CANARY_DIR}`, `PORT` and `VICTIM` stand for a folder, a port and a process to attack.
    """

    id: str
    category: str
    must: str
    code: str


def load(path: Path) -> list[Attempt]:
    """Read a corpus.

    Raises:
        OSError, ValueError, TypeError: it cannot be read.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Attempt(**json.loads(line)) for line in lines if line]
