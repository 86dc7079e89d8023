"""What a tool says: data, or an error as data that lets an agent correct itself."""

from __future__ import annotations

import functools
import json
import logging
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent

from vmon_core.dynamic import CodeRejectedError
from vmon_core.errors import VmonError
from vmon_plugin_mcp.untrusted import Origin, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.dynamic import Problem

_log = logging.getLogger(__name__)

_INTERNAL = {
    "code": "internal",
    "message": "the tool failed by a mistake in vmon; nothing else is affected",
    "help": "tell the person you work for; what happened is on the standard error of `vmon mcp`",
}

Answer = dict[str, Any]
"""Plain data, marked and bounded."""


class RefusedError(VmonError):
    """A call that cannot be answered.

    Args:
        code: what is wrong, as a word.
        message: the same as a sentence, in words of our own.
        help: what to do instead, likewise.
        details: what else is known; texts in it are marked.
    """

    def __init__(self, *, code: str, message: str, help: str, **details: object) -> None:  # noqa: A002 (as in `Problem`)
        super().__init__(message)
        self.answer: Answer = {"code": code, "message": message, "help": help, **marked(details, Origin.SERVER)}


def problems(found: tuple[Problem, ...]) -> list[Any]:
    """Problems of a piece of code, as an agent needs them; a message may quote what the code has read."""
    return list(marked(found, Origin.CODE, length=2000))


def answering(tool: Callable[..., Answer]) -> Callable[..., CallToolResult]:
    """Let a tool answer in the protocol's terms: what vmon refuses on purpose becomes an error as data."""

    @functools.wraps(tool)
    def answer(*args: Any, **kwargs: Any) -> CallToolResult:  # noqa: ANN401 (whatever the tool takes)
        try:
            return _result(tool(*args, **kwargs))
        except RefusedError as error:
            return _result({"error": error.answer}, failed=True)
        except CodeRejectedError as error:
            return _result({"error": _rejected(error)}, failed=True)
        except VmonError as error:
            return _result({"error": {"code": "failed", "message": marked(str(error), Origin.SERVER)}}, failed=True)
        except Exception as error:  # noqa: BLE001 (a mistake of ours: its text could quote anything, so it goes to the log alone)
            _log.exception("the tool %s failed", tool.__name__)
            return _result({"error": {**_INTERNAL, "kind": type(error).__name__}}, failed=True)

    return answer


def _rejected(error: CodeRejectedError) -> Answer:
    return {
        "code": "rejected",
        "message": "the code is refused; mend what `problems` says and try again",
        "help": "`sandbox_functions` lists what code may call; `try_plugin` runs it once without keeping it",
        "problems": problems(error.problems),
    }


def _result(data: Mapping[str, Any], *, failed: bool = False) -> CallToolResult:
    text = json.dumps(data, ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=dict(data), is_error=failed)
