"""Why a command line cannot be read."""

from __future__ import annotations

NOT_UNDERSTOOD = "command.not_understood"
INVALID = "arguments.invalid_value"
AMBIGUOUS = "arguments.ambiguous"
NO_MODEL = "arguments.model_missing"
CONFIG_FILE = "arguments.config_file"


class CommandProblem(Exception):  # noqa: N818 (it becomes a verdict, not an error)
    """The command line cannot be read, or vLLM would refuse it.

    Attributes:
        code: of the check that it becomes.
        summary: one sentence.
        fix: what to write instead.
        refused: vLLM would refuse it; otherwise only this reader cannot tell.
    """

    def __init__(self, code: str, summary: str, *, fix: str = "", refused: bool = True) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.fix = fix
        self.refused = refused
