"""Whether a model fits: its sizes into the parallel layout, its bytes into the memory, its numbers into the device."""
