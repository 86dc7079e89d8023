"""Plugins in a child process: what crosses, the process and its keeper, and the object that stands for it."""
