"""What fifty installed plugins cost: finding them, a start with them, and `vmon --help`.

Run: python benchmarks/discovery.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGINS = 50
ROUNDS = 7

MODULE = """
import asyncio, sqlite3  # what a plugin of some weight imports
from vmon_core.plugin import Capability, PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="{name}", version="1.0", provides=(Capability("{name}"),), requires={requires})

@hookimpl
def vmon_analyze(window):
    return []
"""

PRELUDE = "import vmon_core.hookspecs; from vmon_core.plugin import PROJECT; import sys; "
COUNT = "; print(sum(m.startswith('bench_plugin') for m in sys.modules))"

CASES = {
    "empty (imports of the prelude)": PRELUDE + "pass",
    "vmon: discover": PRELUDE + "from vmon_core.host.discovery import discover; discover()",
    "vmon: discover, resolve, load": PRELUDE + "from vmon_core.host.plugin_host import PluginHost; PluginHost().load()",
    "pluggy: load_setuptools_entrypoints": PRELUDE
    + "import pluggy; m = pluggy.PluginManager(PROJECT); m.load_setuptools_entrypoints('vmon.plugins')",
}


def install(folder: Path) -> None:
    """Make distributions that each announce a plugin; each needs what the one before it provides."""
    for number in range(PLUGINS):
        name = f"bench-plugin{number}"
        requires = f'("bench-plugin{number - 1}>=1",)' if number else "()"
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(MODULE.format(name=name, requires=requires))
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: vmon-core\n")
        (info / "entry_points.txt").write_text(f"[vmon.plugins]\n{name} = {module}\n")


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def median_ms(command: list[str], environment: dict[str, str]) -> float:
    """The median wall time of a command, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run(command, environment)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def main() -> None:
    """Print each case, how many plugins it imported, and its ratio to plain pluggy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        environment = {**os.environ, "PYTHONPATH": name}
        figures = {}
        for case, code in CASES.items():
            imported = run([sys.executable, "-c", code + COUNT], environment).split()[-1]
            figures[case] = median_ms([sys.executable, "-c", code], environment), imported
        plain = figures["pluggy: load_setuptools_entrypoints"][0] - figures["empty (imports of the prelude)"][0]
        for case, (milliseconds, imported) in figures.items():
            own = milliseconds - figures["empty (imports of the prelude)"][0]
            print(f"{case:<38} {milliseconds:7.1f} ms  {own / plain:5.2f} of pluggy  {imported:>2} plugins imported")
        help_ = [sys.executable, "-c", "from vmon_core.cli import main; main()", "--help"]
        print(f"vmon --help, {PLUGINS} plugins installed: {median_ms(help_, environment):.0f} ms (goal: 150 ms)")
        print(f"vmon --help, none of them: {median_ms(help_, dict(os.environ)):.0f} ms")


if __name__ == "__main__":
    main()
