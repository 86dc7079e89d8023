"""A rule: a function over one `Launch` that yields checks, with the codes that it may yield.

>>> from vmon_plugin_preflight.verdicts import warning
>>> @rule("example.always")
... def always(launch):
...     yield warning("example.always", "it always warns")
>>> always.codes
('example.always',)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

from vmon_core.records import CompatibilityCheck
from vmon_plugin_preflight.verdicts import not_evaluated

if TYPE_CHECKING:
    from vmon_plugin_preflight.launch import Launch

Check = Callable[["Launch"], Iterable[CompatibilityCheck]]


@attrs.frozen
class Rule:
    """One rule.

    Attributes:
        codes: what it may yield; the first one is told when it fails itself.
        check: the function.
        needs_arguments: it makes no sense for a command line that cannot be read.
    """

    codes: tuple[str, ...]
    check: Check
    needs_arguments: bool = True

    def run(self, launch: Launch) -> Iterator[CompatibilityCheck]:
        """Check `launch`; a rule that raises could not tell, and costs only itself."""
        try:
            yield from list(self.check(launch))
        except Exception as error:  # noqa: BLE001 (whatever a rule stumbles over, the others go on)
            yield not_evaluated(self.codes[0], f"the rule failed: {type(error).__name__}: {error}")


def rule(*codes: str, needs_arguments: bool = True) -> Callable[[Check], Rule]:
    """Make a rule of a function.

    Args:
        codes: every code that it may yield.
        needs_arguments: it makes no sense for a command line that cannot be read.

    Returns:
        A decorator.
    """
    return lambda check: Rule(codes, check, needs_arguments)
