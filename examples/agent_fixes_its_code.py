"""How an agent mends a plugin that is refused: it reads the problems, changes its code, and tries again.

No language model is needed here: the "agent" follows the help that comes with each problem. A real one would send the
same text to its model.

Run: python examples/agent_fixes_its_code.py
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core import create_monitor_with_plugins
from vmon_core.config import Config, MonitorConfig
from vmon_core.dynamic import CodeRejectedError

if TYPE_CHECKING:
    from vmon_core.dynamic import Problem

FIRST_DRAFT = """\
data = collect_gpu_metric()
if data['temperature'] > 80:
    return {'status': 'warning', 'summary': f"{math.floor(data['temperature'])} degrees"}
return {'status': 'ok', 'state': checkpoint.stat}
"""

ATTEMPTS = 10


def mended(code: str, problem: Problem) -> str:
    """Change the line that the problem names as its help says."""
    lines = code.splitlines()
    index = (problem.line or 1) - 1
    wrong = re.search(r"`(\w+)` used|attribute `(\w+)`", problem.message)
    meant = re.search(r"did you mean `(\w+)`", problem.help)
    first = re.search(r"write `(import \w+)` first", problem.help)
    if wrong and meant:
        lines[index] = re.sub(rf"\b{wrong[1] or wrong[2]}\b", meant[1], lines[index])
    elif first:
        lines.insert(0, first[1])
    return "\n".join(lines)


def main() -> None:
    """Create the plugin, mending it as often as needed."""
    with tempfile.TemporaryDirectory() as folder:
        monitor = create_monitor_with_plugins(config=Config(monitor=MonitorConfig(data_dir=Path(folder))))
        code = FIRST_DRAFT
        for _ in range(ATTEMPTS):
            try:
                plugin = monitor.plugin_manager.create_plugin("hot_gpus", "analyzer", code, owner="agent")
            except CodeRejectedError as error:
                problem = error.problems[0]
                print(f"refused: line {problem.line}: {problem.message}")
                code = mended(code, problem)
            else:
                print(f"{plugin.name} version {plugin.version} is in use")
                return


if __name__ == "__main__":
    main()
