"""Failures by their message: a stable code, what it means, what to do, and whether trying again can help.

The entries are data, in modules by what they are about; the page `docs/reference/failures.md` is made from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_vllm.log.failures import arguments, configuration, deaths, installation, memory, model, running

if TYPE_CHECKING:
    from vmon_plugin_vllm.log.failures.rule import FailureRule

FAILURES: tuple[FailureRule, ...] = (
    *arguments.FAILURES,
    *configuration.FAILURES,
    *installation.FAILURES,
    *model.FAILURES,
    *memory.FAILURES,
    *running.FAILURES,
    *deaths.FAILURES,
)
"""From the most specific to the echoes: the first entry whose pattern a line matches decides."""

CATALOGUE: tuple[FailureRule, ...] = (
    *FAILURES,
    configuration.INVALID_SETTING,
    *deaths.ASSERTIONS.values(),
    *deaths.EXCEPTIONS,
)
"""Everything that can be recognised, with what needs more than one line."""


def explain(code: str) -> str | None:
    """Say what a code stands for.

    Args:
        code: such as `memory.kv_cache_too_small`.

    Returns:
        A paragraph for each way in which it shows, None for a code that no entry has. Values that only a real message
        holds are named in angle brackets.
    """
    entries = [rule for rule in CATALOGUE if rule.code == code]
    return "\n\n".join(dict.fromkeys(map(_paragraph, entries))) or None


def _paragraph(rule: FailureRule) -> str:
    again = f"The same command may work again {rule.again}." if rule.again else "The same command fails again."
    lines = [rule.explain(), f"Fix: {rule.advise()}" if rule.fix else "", f"Category: {rule.category}. {again}"]
    return "\n".join(line for line in lines if line)
