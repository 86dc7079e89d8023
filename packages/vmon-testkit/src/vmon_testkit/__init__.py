"""Test tools for vmon and its plugins."""
