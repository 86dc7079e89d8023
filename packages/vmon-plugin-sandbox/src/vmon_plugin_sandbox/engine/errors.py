"""How a run or a check can fail; each error carries what is wrong as data."""

from __future__ import annotations

from vmon_core.dynamic import Problem
from vmon_core.errors import VmonError


class SandboxError(VmonError):
    """The root of them all.

    Args:
        message: what is wrong.
        line: the line of the code, counted from 1, if one is to blame.
        help: what is available instead.
        code: the kind of problem, one of those of `vmon_core.dynamic.Problem`.
    """

    code = "runtime"

    def __init__(self, message: str, *, line: int | None = None, help: str = "", code: str = "") -> None:  # noqa: A002 (the field of a problem)
        super().__init__(message if line is None else f"line {line}: {message}")
        self.problem = Problem(message=message, line=line, help=help, code=code or self.code)


class SandboxRejectedError(SandboxError):
    """It is no code that the sandbox understands."""

    code = "syntax"


class SandboxRuntimeError(SandboxError):
    """The code raised, or what it returned cannot be used."""


class SandboxLimitError(SandboxError):
    """It used more than it may; its worker was killed."""

    code = "limit"


class SandboxCrashedError(SandboxError):
    """Two workers in a row died while they ran it."""


class SandboxUnavailableError(SandboxError):
    """No worker can be had; the message says what to do. The code is not to blame."""
