"""How much a piece of code may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pydantic_monty import ResourceLimits


@attrs.frozen(kw_only=True)
class Limits:
    """What one run may use; whoever goes beyond is stopped.

    The defaults are those of a guardrail: a hundred times what a condition over a checkpoint takes.

    Attributes:
        seconds: of execution, waiting for host functions not included.
        memory: bytes of the interpreter's heap.
        recursion: calls within calls.
        calls: host functions called, and names looked up that the code does not define.
        printed: bytes of output.
        source: bytes of code.
        nodes: values in a result or an argument, containers and what is in them.
        depth: containers within containers, in a result or an argument.
        text: bytes of all strings together, in a result or an argument.
        wall: seconds until a worker is killed that does not answer, between two host functions or when it starts.
    """

    seconds: float = 0.05
    memory: int = 16_000_000
    recursion: int = 100
    calls: int = 32
    printed: int = 8_192
    source: int = 16_384
    nodes: int = 2_000
    depth: int = 16
    text: int = 65_536
    wall: float = 1.5

    def for_monty(self) -> ResourceLimits:
        """The limits that the interpreter itself keeps."""
        return {
            "max_feed_duration_secs": self.seconds,
            "max_turn_duration_secs": self.seconds,
            "max_memory": self.memory,
            "max_recursion_depth": self.recursion,
            "max_suspensions": self.calls,
            "max_total_sleep_secs": 0.0,
        }

    def for_checking(self) -> Limits:
        """A type check takes 10 to 27 ms and 64 MB, and more on a busy machine."""
        return attrs.evolve(self, seconds=0.6, memory=128_000_000)
