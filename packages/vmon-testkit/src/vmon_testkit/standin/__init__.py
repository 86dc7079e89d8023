"""A server that speaks like vLLM, needs no model, starts at once, and fails on demand.

Everything that it says was recorded from a real vLLM 0.32.0 on CPU. The command is `vmon-standin`; tests use `StandIn`.
"""

from __future__ import annotations

from vmon_testkit.standin.handle import StandIn, StandInError

__all__ = ["StandIn", "StandInError", "main"]


def main() -> None:
    """Run the command `vmon-standin`."""
    from vmon_testkit.standin.cli import main as command  # noqa: PLC0415 (tests that use StandIn need no command line)

    command(prog_name="vmon-standin")
