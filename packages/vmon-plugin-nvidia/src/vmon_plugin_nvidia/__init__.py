"""The nvidia plugin of vmon."""
