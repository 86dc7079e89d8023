"""The topology plugin of vmon."""
