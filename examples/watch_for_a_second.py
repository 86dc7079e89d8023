"""Watch a server with every installed plugin, from Python.

Run: python examples/watch_for_a_second.py http://127.0.0.1:8000
"""

from __future__ import annotations

import sys
import time

from vmon_core import Target, create_monitor_with_plugins


def main() -> None:
    """Watch the server at the given URL for a moment and print its state and why."""
    with create_monitor_with_plugins(Target(name="example", url=sys.argv[1])) as monitor:
        time.sleep(2.5)
    report = monitor.get_lifecycle_report()
    print(report.state, "-", report.changes[-1].reason if report.changes else "nothing was seen")


if __name__ == "__main__":
    main()
