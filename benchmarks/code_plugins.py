"""What 500 code plugins cost, evaluated once a second by a real monitor: share of a core, and lag of the pipeline.

Run: python benchmarks/code_plugins.py
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

from sandbox import processor_seconds  # the other benchmark beside this one

from vmon_core import Sample, VLLMMonitor, create_monitor_with_plugins
from vmon_core.config import Config, MonitorConfig
from vmon_core.config.model import PluginsConfig
from vmon_core.records import Frame

PLUGINS, SERIES, SECONDS = 500, 300, 20.0
COLLECTOR = "return {{'own_{n}': get_metric('series.{n}') or 0}}"
GUARDRAIL = "return checkpoint.metrics.get('series.{n}', 0) > 1e9"


def lags(monitor: VLLMMonitor, seconds: float) -> list[float]:
    """How long the pipeline's loop lets a job wait, each 50 ms, in milliseconds."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        monitor.between_ticks(lambda: None)
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(0.05)
    return sorted(found)


def measured(monitor: VLLMMonitor) -> tuple[float, float, list[float]]:
    """Shares of a core of the monitor alone and with its workers, and the lags."""
    own, all_ = time.process_time(), processor_seconds()
    waits = lags(monitor, SECONDS)
    return (time.process_time() - own) / SECONDS, (processor_seconds() - all_) / SECONDS, waits


def main() -> None:
    """Create them, let them run, and print what they cost beyond a monitor without them."""
    table = {"sandbox": {"per_owner": PLUGINS}}
    with tempfile.TemporaryDirectory() as folder:
        config = Config(monitor=MonitorConfig(data_dir=Path(folder)), plugins=PluginsConfig(tables=table))
        monitor = create_monitor_with_plugins(config=config)
        now = time.time()
        series = tuple(Sample(f"series.{n}", float(n), now) for n in range(SERIES))
        with monitor:
            monitor.loop.put(Frame(now, samples=series))
            idle, _, quiet = measured(monitor)
            began = time.perf_counter()
            for n in range(PLUGINS):
                if n % 2:
                    monitor.plugin_manager.create_guardrail(f"g{n}", "", GUARDRAIL.format(n=n % SERIES), "notify")
                else:
                    code = COLLECTOR.format(n=n) if n < SERIES else f"return {{'own_{n}': 1}}"
                    monitor.plugin_manager.create_plugin(f"c{n}", "collector", code, interval=1.0)
            creating = time.perf_counter() - began
            before = {each["name"]: each["runs"] for each in monitor.plugin_manager.code_plugins()}
            own, everything, waits = measured(monitor)
            after = monitor.plugin_manager.code_plugins()
    runs = sum(each["runs"] - before[each["name"]] for each in after) / SECONDS
    delayed, errors = (sum(each[key] for each in after) for key in ("delayed", "errors"))
    print(f"created       {PLUGINS} in {creating:.1f} s")
    print(f"runs          {runs:.0f}/s, {delayed} put off, {errors} errors")
    print(f"share         {everything:.3f} of a core, {own:.3f} of it in the monitor (without them {idle:.3f})")
    print(f"lag           p50 {statistics.median(waits):.2f} ms, p99 {waits[int(len(waits) * 0.99)]:.2f} ms")
    print(f"lag, without  p50 {statistics.median(quiet):.2f} ms, p99 {quiet[int(len(quiet) * 0.99)]:.2f} ms")
    print(f"memory        {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB in the monitor at most")


if __name__ == "__main__":
    main()
