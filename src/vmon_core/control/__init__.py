"""How a `vmon` command reaches a monitor that runs: a Unix socket below the data folder, and JSON in lines."""
