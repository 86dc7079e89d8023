"""A folder for `sys.path`, with a stand-in for AMD's package `amdsmi`."""
