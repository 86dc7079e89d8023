"""Runs corpora and prints what got through, one JSON object a line: `python -m vmon_plugin_sandbox.escapes FILE…`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from vmon_plugin_sandbox.engine import Engine
from vmon_plugin_sandbox.escapes.corpus import load
from vmon_plugin_sandbox.escapes.harness import AGAIN, EngineSandbox, judge
from vmon_plugin_sandbox.escapes.surroundings import Surroundings


def main(paths: list[str]) -> int:
    """Make all attempts.

    Args:
        paths: the corpora.

    Returns:
        1 when one got through, else 0.
    """
    engine, ended = Engine(), Counter[str]()
    with Surroundings() as around:
        attempts = [attempt for path in paths for attempt in load(Path(path))]
        verdicts = [judge(attempt, EngineSandbox(engine), around, again=AGAIN) for attempt in attempts]
    engine.close()
    for verdict in verdicts:
        ended[verdict.ended] += 1
        if verdict.failures:
            print(json.dumps({"id": verdict.attempt.id, "failures": verdict.failures}))  # noqa: T201 (its output)
    through = sum(bool(verdict.failures) for verdict in verdicts)
    slowest = max((verdict.seconds for verdict in verdicts), default=0.0)
    summary = {"attempts": len(verdicts), "through": through, "slowest": round(slowest, 3), "ended": ended}
    print(json.dumps(summary))  # noqa: T201 (likewise)
    return 1 if through else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
