"""What the interpreter says when something fails, in the sandbox's own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic_monty

from vmon_plugin_sandbox.engine.advice import for_exception
from vmon_plugin_sandbox.engine.errors import (
    SandboxCrashedError,
    SandboxLimitError,
    SandboxRejectedError,
    SandboxRuntimeError,
)
from vmon_plugin_sandbox.words import label

if TYPE_CHECKING:
    from vmon_plugin_sandbox.engine.errors import SandboxError

PLAINER = "write it with functions, lists and dicts"

_UNSUPPORTED = "The monty syntax parser does not yet support "
_SUSPENSIONS = "suspension limit"


def is_limit(error: pydantic_monty.MontyRuntimeError) -> bool:
    """Whether a limit ended the run; code that raises `TimeoutError` itself cannot be told apart, and counts as one."""
    if isinstance(error.exception(), TimeoutError | MemoryError | RecursionError):
        return True
    return isinstance(error.exception(), RuntimeError) and _SUSPENSIONS in error.display("msg")


def translated(error: pydantic_monty.MontyError) -> SandboxError:
    """The sandbox's error for one of the interpreter's."""
    if isinstance(error, pydantic_monty.MontyCrashedError):
        return _crashed(error)
    if isinstance(error, pydantic_monty.MontySyntaxError):
        return SandboxRejectedError(label(error.display("msg")), line=line_of(error))
    if not isinstance(error, pydantic_monty.MontyRuntimeError):
        return SandboxRuntimeError(label(str(error)), code="result")
    if is_limit(error):
        return SandboxLimitError(label(error.display("msg")), line=line_of(error), help=for_exception(error))
    if is_unsupported(error):
        missing = error.display("msg").removeprefix(_UNSUPPORTED)
        return SandboxRejectedError(label(f"the sandbox does not support {missing}"), line=line_of(error), help=PLAINER)
    return SandboxRuntimeError(label(error.display("type-msg")), line=line_of(error), help=for_exception(error))


def unusable(error: Exception) -> SandboxError:
    """The error for a result that the binding cannot even hand over, such as a dict with objects as its keys."""
    return SandboxRuntimeError(label(f"what it returned is no plain data: {error}"), code="result")


def is_unsupported(error: pydantic_monty.MontyRuntimeError) -> bool:
    """Whether the interpreter refused the code before it ran any of it; code may raise the same type itself."""
    return isinstance(error.exception(), NotImplementedError) and error.display("msg").startswith(_UNSUPPORTED)


def line_of(error: pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError) -> int | None:
    """The line of the code where it happened, in the innermost function."""
    frames = error.traceback()
    return frames[-1].line if frames else None


def _crashed(error: pydantic_monty.MontyCrashedError) -> SandboxError:
    if error.timed_out:
        return SandboxLimitError("the worker did not answer in time and was killed", help="do less in one run")
    return SandboxCrashedError(f"the worker died, with status {error.exit_status}")
