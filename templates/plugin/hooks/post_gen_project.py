"""Take away the tests of hooks that were not chosen."""

from pathlib import Path

CHOSEN = {{ cookiecutter.__kinds|jsonify }}.split(",")

for test in Path("tests").glob("test_*.py"):
    if test.stem.removeprefix("test_") not in {*CHOSEN, "plugin"}:
        test.unlink()
