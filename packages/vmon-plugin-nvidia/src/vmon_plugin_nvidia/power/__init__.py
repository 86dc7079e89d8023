"""Power actions: set and restore power limits, lock and reset clocks."""
