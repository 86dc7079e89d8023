"""Escape attempts against the sandbox, and what each got: `python -m vmon_plugin_sandbox.escapes FILE`."""
