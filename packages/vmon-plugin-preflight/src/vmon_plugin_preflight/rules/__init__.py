"""The rules about the command line, the environment and the machine."""
