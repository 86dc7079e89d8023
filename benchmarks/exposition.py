"""How fast a scrape is parsed, against prometheus_client, on recorded scrapes of a real vLLM.

Four cases. *Cold*: the first scrape. *Same*: the same body again. *Idle*: only what the server's own process counts
has changed (CPU time, memory, garbage collections, open files), as between two scrapes of a server without requests.
*Loaded*: two scrapes that were recorded under load, 18 s apart, so that every counter and nearly every bucket in use
has changed; at shorter intervals fewer change. The first line of each recording, which the recorder added, is removed.

Run: python benchmarks/exposition.py
"""

from __future__ import annotations

import itertools
import re
import statistics
import timeit
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.names import to_samples

if TYPE_CHECKING:
    from collections.abc import Callable

TRACES = Path(__file__).parents[1] / "tests" / "traces"
ROUNDS = 25
CALLS = 10
GOAL = 50
OWN_NUMBERS = re.compile(rb"(?m)^((?:process_(?:cpu|resident|open)|python_gc_collections)[^ ]* \d+)(.*)$")


def recorded(name: str) -> bytes:
    """Read a recorded scrape without the recorder's own line."""
    return (TRACES / name).read_bytes().partition(b"\n")[2]


def compare(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Time both in turn, so that a busy moment of the machine hits both; our median in microseconds, and the ratio."""
    rounds = [(timeit.timeit(ours, number=CALLS) / CALLS, timeit.timeit(theirs, number=1)) for _ in range(ROUNDS)]
    return statistics.median(own for own, _ in rounds) * 1e6, statistics.median(other / own for own, other in rounds)


def alternating(bodies: list[bytes]) -> Callable[[], object]:
    """Parse the bodies in turn, each with the help of the one before."""
    parser, turn = ExpositionParser(), itertools.cycle(bodies)
    for body in bodies:
        parser.parse(body)
    return lambda: parser.parse(next(turn))


def idle(body: bytes) -> bytes:
    """The scrape of a second later: the process' own numbers are others."""
    return OWN_NUMBERS.sub(lambda match: b"%s1%s" % match.groups(), body)


def differing(old: bytes, new: bytes) -> int:
    """How many lines differ."""
    return sum(map(bytes.__ne__, old.split(b"\n"), new.split(b"\n")))


def main() -> None:
    """Print each case with its ratio to prometheus_client, and the next step's cost."""
    body, later = recorded("overload/metrics-overload0.txt"), recorded("overload/metrics-overload1.txt")
    parsed = ExpositionParser().parse(body)
    text = body.decode()
    cases: dict[str, tuple[Callable[[], object], int]] = {
        "cold": (lambda: ExpositionParser().parse(body), body.count(10)),
        "same": (alternating([body]), 0),
        "idle": (alternating([body, idle(body)]), differing(body, idle(body))),
        "loaded": (alternating([body, later]), differing(body, later)),
        "to our samples": (lambda: to_samples(parsed, 0.0), 0),
    }
    print(f"{len(body)} bytes, {body.count(10)} lines")
    for name, (call, lines) in cases.items():
        microseconds, ratio = compare(call, lambda: list(text_string_to_metric_families(text)))
        print(f"{name:<16} {microseconds:8.1f} us   {ratio:8.1f} times as fast   {lines} lines to read")
    print(f"goal: idle and loaded at least {GOAL} times as fast as prometheus_client")


if __name__ == "__main__":
    main()
