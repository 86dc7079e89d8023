"""The system plugin of vmon."""
