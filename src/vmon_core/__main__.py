"""`python -m vmon_core` is `vmon`."""

from vmon_core.cli import main

main()
