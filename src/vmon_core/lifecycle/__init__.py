"""The lifecycle: from evidence to a state."""
