"""The `vmon` command line."""
