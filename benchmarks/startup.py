"""How long `vmon --help` takes, against an empty Python and against importing everything.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "vmon --help": [sys.executable, "-c", "from vmon_core.cli import main; main()", "--help"],
    "import of the whole monitor": [sys.executable, "-c", "import vmon_core.monitor, rich.live"],
}


def median_ms(command: list[str]) -> float:
    """The median wall time of a command, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def main() -> None:
    """Print each case with its ratio to the whole monitor, the obvious alternative to lazy imports."""
    results = {name: median_ms(command) for name, command in CASES.items()}
    whole = results["import of the whole monitor"]
    for name, milliseconds in results.items():
        print(f"{name:<30} {milliseconds:7.1f} ms   {milliseconds / whole:5.2f} of the whole")
    print(f"goal: vmon --help <= 150 ms; here {results['vmon --help']:.0f} ms")


if __name__ == "__main__":
    main()
