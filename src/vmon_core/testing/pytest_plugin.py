"""Fixtures for the tests of plugins; pytest loads this module by its entry point."""
