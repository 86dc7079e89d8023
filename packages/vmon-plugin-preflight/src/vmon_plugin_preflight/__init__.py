"""The preflight plugin of vmon."""
