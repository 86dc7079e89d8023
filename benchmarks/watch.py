"""What `vmon watch` costs: processor share and resident memory over a minute, beside a stand-in server.

The obvious alternative is a loop that fetches /metrics each second and parses it with prometheus_client.

Run: python benchmarks/watch.py [SECONDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import psutil

from vmon_testkit.standin import StandIn
from vmon_testkit.traffic import Traffic

SETTLE_SECONDS = 5.0
NAIVE = """
import sys, time, urllib.request
from prometheus_client.parser import text_string_to_metric_families
while True:
    body = urllib.request.urlopen(sys.argv[1] + "/metrics").read().decode()
    values = {s.name: s.value for f in text_string_to_metric_families(body) for s in f.samples}
    time.sleep(1)
"""


def measure(command: list[str], seconds: float) -> tuple[float, float]:
    """Run a command and measure it after it has settled.

    Returns:
        The share of one core in per cent, and the resident memory in megabytes.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(SETTLE_SECONDS)
            seen = psutil.Process(process.pid)
            before = sum(seen.cpu_times()[:2])
            time.sleep(seconds)
            share = (sum(seen.cpu_times()[:2]) - before) / seconds * 100
            return share, seen.memory_info().rss / 1e6
        finally:
            process.terminate()


def main() -> None:
    """Print both, idle and under traffic, with their ratio."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder, StandIn() as server:
        server.wait_ready()
        os.environ["XDG_STATE_HOME"] = folder
        vmon = [sys.executable, "-m", "vmon_core", "watch", server.url]
        naive = [sys.executable, "-c", NAIVE, server.url]
        print("                 vmon watch            naive loop            ratio")
        compare("idle", vmon, naive, seconds)
        with Traffic(server.url, concurrency=2):
            compare("traffic", vmon, naive, seconds)
    print("goal: <= 0.2 % of a core, <= 40 MB")


def compare(title: str, vmon: list[str], naive: list[str], seconds: float) -> None:
    """Measure both commands and print a line."""
    share, memory = measure(vmon, seconds)
    other_share, other_memory = measure(naive, seconds)
    print(
        f"{title:<12} {share:7.2f} % {memory:6.1f} MB    {other_share:7.2f} % {other_memory:6.1f} MB"
        f"    cpu {share / max(other_share, 0.01):.2f}, memory {memory / other_memory:.2f}"
    )


if __name__ == "__main__":
    main()
