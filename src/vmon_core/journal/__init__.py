"""The journal: the durable record of all that happened."""
