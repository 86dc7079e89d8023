"""The operating system's side of the sandbox: what a worker may still do when the interpreter in it is broken.

`native`, `syscalls`, `seccomp`, `landlock`, `privileges` and `launcher` run in the worker, before the interpreter does,
with the standard library alone. `binary`, `confinement` and `layers` run in the monitor.
"""
