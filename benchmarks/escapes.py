"""How many escape attempts get through: the sandbox, against an `exec` that has lost its harmful builtins.

Takes about two minutes: the alternative has no limits, so what it does not stop is killed after two seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CORPORA = Path(__file__).parents[1] / "packages/vmon-plugin-sandbox/tests/escapes"


def printed(*command: object) -> str:
    """What a program prints."""
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    return done.stdout


def main() -> None:
    """Try the given attempts in both, and our own in the sandbox as well."""
    given, ours = CORPORA / "given.jsonl", CORPORA / "ours.jsonl"
    summary = json.loads(printed("-m", "vmon_plugin_sandbox.escapes", given, ours).splitlines()[-1])
    naive = json.loads(printed(CORPORA / "naive.py", given))
    print(f"sandbox      {summary['through']} of {summary['attempts']} got through, slowest {summary['slowest']} s")
    print(f"naive exec   {sum(map(bool, naive.values()))} of {len(naive)} got through")


if __name__ == "__main__":
    main()
