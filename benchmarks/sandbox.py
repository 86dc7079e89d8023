"""What the sandbox costs: one run, against `exec` in this process; and 500 code plugins, once a second.

Run: python benchmarks/sandbox.py
"""

from __future__ import annotations

import asyncio
import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_sandbox.engine import Attributes, Engine

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 2000
PLUGINS, SECONDS = 500, 10
STEP = 0.005
METRICS = {f"metric_{number}": float(number) for number in range(30)} | {"gpu_temp": 85.0}
SNIPPETS = {
    "constant": "return {'gpu_temp': 75, 'gpu_util': 85}",
    "guardrail": "return checkpoint.metrics.get('gpu_temp', 0) > 80",
    "function": "data = read()\nif data['temperature'] > 80:\n    return {'status': 'hot'}\nreturn {'status': 'ok'}",
}


@attrs.frozen
class Checkpoint:
    """What the code that is run directly looks at."""

    metrics: dict[str, float]


def read() -> dict[str, float]:
    """A host function."""
    return {"temperature": 85.0}


def microseconds(call: Callable[[], object]) -> tuple[float, float]:
    """The median and the 99th percentile of one call."""
    for _ in range(50):
        call()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def direct(code: str) -> Callable[[], object]:
    """The code in this process, without any protection: what the plainest plugin system would do."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    names = {"checkpoint": Checkpoint(METRICS), "read": read}
    program = compile(f"def plugin():\n{body}\nresult = plugin()", "plugin.py", "exec")

    def call() -> object:
        exec(program, names)  # noqa: S102 (our own snippets)
        return names["result"]

    return call


def sandboxed(engine: Engine, code: str) -> Callable[[], object]:
    """The code in a worker."""
    inputs = {"checkpoint": Attributes("Checkpoint", {"metrics": METRICS})}
    return lambda: engine.run(code, inputs, {"read": read})


def compare(engines: dict[str, Engine]) -> None:
    """Print what one run takes."""
    print("one run, us (p50 / p99)" + "".join(f"{name:>20}" for name in (*engines, "exec here", "hardened / exec")))
    for name, code in SNIPPETS.items():
        calls = [*(sandboxed(engine, code) for engine in engines.values()), direct(code)]
        found = [microseconds(call) for call in calls]
        columns = "".join(f"{f'{median:.3g} / {worst:.3g}':>20}" for median, worst in found)
        print(f"{name:23}{columns}{found[0][0] / found[-1][0]:20.0f}")


class Lag:
    """Measures how late an event loop is, in a thread of its own."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._measure()))
        self._thread.start()

    async def _measure(self) -> None:
        while not self._done.is_set():
            began = time.perf_counter()
            await asyncio.sleep(STEP)
            self.seconds.append(time.perf_counter() - began - STEP)

    def stop(self) -> list[float]:
        """End the measurement and return all of it."""
        self._done.set()
        self._thread.join()
        return self.seconds


def processor_seconds() -> float:
    """Of this process, its workers, and those that ended."""
    ticks = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if os.getpid() in {int(folder.name), int(fields[1])}:
            ticks += sum(map(int, fields[11:13]))
    ended = os.times()
    return ticks / os.sysconf("SC_CLK_TCK") + ended.children_user + ended.children_system


def load(engine: Engine) -> None:
    """Print what 500 plugins take, half of them guardrails and half with a call to the host."""
    codes = [SNIPPETS["guardrail" if number % 2 else "function"] for number in range(PLUGINS)]
    calls = [sandboxed(engine, code) for code in codes]
    sweeps: list[float] = []
    with ThreadPoolExecutor(engine.workers) as executor:
        list(executor.map(lambda call: call(), calls))
        lag, used, began = Lag(), processor_seconds(), time.perf_counter()
        for second in range(SECONDS):
            swept = time.perf_counter()
            list(executor.map(lambda call: call(), calls))
            sweeps.append(time.perf_counter() - swept)
            time.sleep(max(0.0, began + second + 1 - time.perf_counter()))
        share = (processor_seconds() - used) / (time.perf_counter() - began)
        late = lag.stop()
    print(f"\n{PLUGINS} plugins once a second for {SECONDS} s, {engine.workers} workers, all processes together")
    worst, usual = max(late) * 1e3, statistics.quantiles(late, n=100)[98] * 1e3
    print(f"  one sweep            {statistics.median(sweeps) * 1e3:7.0f} ms, at most {max(sweeps) * 1e3:.0f} ms")
    print(f"  processors           {share:7.2f} (goal <= 0.5)")
    print(f"  lag of an event loop {usual:7.2f} ms (p99), at most {worst:.2f} ms (goal < 20)")


def main() -> None:
    """Measure both."""
    hardened, plain = Engine(), Engine(os_hardening="off")
    print("layers:", ", ".join(layer.name for layer in hardened.layers if layer.active))
    compare({"hardened": hardened, "plain": plain})
    load(hardened)
    hardened.close()
    plain.close()


if __name__ == "__main__":
    main()
