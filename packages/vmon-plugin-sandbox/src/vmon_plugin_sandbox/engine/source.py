"""What can be said about code without reading it as Python; the monitor's own parser never sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_sandbox.engine.errors import SandboxLimitError, SandboxRejectedError

if TYPE_CHECKING:
    from vmon_plugin_sandbox.engine.limits import Limits


def check_size(code: str, limits: Limits) -> None:
    """Refuse code that is too long, empty, or no text.

    Raises:
        SandboxLimitError: it is too long.
        SandboxRejectedError: there is nothing in it, or something that no source file holds.
    """
    if not code.strip():
        message = "there is no code"
        raise SandboxRejectedError(message, help="write the body of a function that answers with `return`")
    if "\0" in code or not _is_text(code):
        message = "the code holds characters that no source file may hold"
        raise SandboxRejectedError(message, help="send UTF-8 text without NUL characters")
    size = len(code.encode())
    if size > limits.source:
        message = f"the code has {size} bytes, {limits.source} are allowed"
        raise SandboxLimitError(message, help="write less, or make several plugins of it")


def _is_text(code: str) -> bool:
    try:
        code.encode()
    except UnicodeEncodeError:
        return False
    return True
