"""Run the stand-in with `python -m vmon_testkit.standin`."""

from vmon_testkit.standin import main

main()
