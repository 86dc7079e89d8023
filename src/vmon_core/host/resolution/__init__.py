"""Which plugins can be used together, in which order, and why the others cannot: pure functions over records."""
