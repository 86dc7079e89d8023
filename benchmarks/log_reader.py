"""What one line of the log costs, against trying every pattern on every line, on recorded logs of a real vLLM.

The reader looks at the words of a line first; most lines hold none that any rule wants, and are done with. The obvious
alternative reads the same line, then tries every pattern of the rules and of the failures; it makes no evidence.

Run: python benchmarks/log_reader.py
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_plugin_vllm.log.failures import FAILURES
from vmon_plugin_vllm.log.lines import parse_line
from vmon_plugin_vllm.log.patterns import RULES
from vmon_plugin_vllm.log.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable

TRACES = Path(__file__).parents[1] / "tests" / "traces"
LOGS = {
    "a life without trouble": "healthy_eager",
    "debug level": "debug_log",
    "JSON": "json_native",
    "a line each step": "all_metrics",
    "tracebacks": "pp2",
}
ROUNDS = 15
PATTERNS = [*(rule.pattern for rule in RULES), *(rule.pattern for rule in FAILURES)]


def recorded(name: str) -> list[str]:
    """The lines of a recorded log."""
    return [json.loads(row)["line"] for row in (TRACES / name / "log.jsonl").read_text().splitlines()]


def ours(line: str) -> None:
    """Read a line as vmon does."""
    LogReader().feed(line, 0.0)


def every_pattern(line: str) -> None:
    """Read a line and try every pattern on it; what would be made of a match is not even counted."""
    message = parse_line(line).message
    for pattern in PATTERNS:
        pattern.search(message)


def nanoseconds(lines: list[str], *readers: Callable[[str], None]) -> list[float]:
    """The median time that each reader takes for a line; they take turns, so that noise hits all of them."""
    times: list[list[float]] = [[] for _ in readers]
    for _ in range(ROUNDS):
        for reader, taken in zip(readers, times, strict=True):
            start = time.perf_counter()
            for line in lines:
                reader(line)
            taken.append((time.perf_counter() - start) / len(lines))
    return [statistics.median(taken) * 1e9 for taken in times]


def main() -> None:
    """Print both and their ratio."""
    print(f"{'log':24} lines   vmon ns/line   every pattern ns/line   times faster")
    for title, name in LOGS.items():
        lines = recorded(name)
        own, plain = nanoseconds(lines, ours, every_pattern)
        print(f"{title:24} {len(lines):5} {own:14.0f} {plain:23.0f} {plain / own:14.1f}")


if __name__ == "__main__":
    main()
