"""Use vmon inside a program of your own: a guardrail over a number that the program knows.

Run: python examples/embed.py
"""

from __future__ import annotations

import time

from vmon_core import Sample, Severity, Target, VLLMMonitor
from vmon_core.records import Frame


def main() -> None:
    """Report a queue that grows too long, and print what the guardrail makes of it."""
    monitor = VLLMMonitor(Target(name="my-service"))
    monitor.register_guardrail(
        name="long-queue",
        description="more than 100 requests wait",
        condition=lambda checkpoint: checkpoint.metrics.get("my.queue", 0) > 100,
        intervention="notify",
        severity=Severity.WARNING,
    )
    for waiting in (3, 250):
        now = time.time()
        monitor.pipeline.advance(Frame(now, samples=(Sample("my.queue", waiting, now),)))
        time.sleep(1.1)  # conclusions are drawn once a second
    for proposed in monitor.get_lifecycle_report().actions:
        ruling = proposed.verdict.ruling if proposed.verdict else "none"
        print(f"{proposed.action.policy} proposes {proposed.action.kind}: {ruling}")


if __name__ == "__main__":
    main()
