"""The amd plugin of vmon."""
