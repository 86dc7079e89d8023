"""The plugin host: finds, loads, calls and isolates plugins."""
