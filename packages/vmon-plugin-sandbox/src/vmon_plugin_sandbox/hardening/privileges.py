"""What a process may do by who it is, and how much of the machine it may take."""

from __future__ import annotations

import os
import resource

from vmon_plugin_sandbox.hardening import native

NOBODY = 65534
"""The user and group that own nothing: the kernel's overflow ids."""

MEMORY = 512 << 20
"""Bytes of address space: the type checker takes 128 MB at its peak, the binary and its threads' stacks 200 MB."""

FILES = 64
"""Open files: the interpreter has five."""

SECONDS = 600
"""Of processor time: 60 ms for each run until a worker is replaced. One whose monitor was killed in the middle of a
loop that the interpreter cannot end is ended by this."""

_LAST_CAPABILITY = 63
_NAMESPACES = (native.CLONE_NEWNET, native.CLONE_NEWIPC, native.CLONE_NEWUTS)


def gain_nothing() -> None:
    """No program that is executed from here on gives more rights than there are."""
    native.prctl(native.PR_SET_NO_NEW_PRIVS, 1)


def leave_namespaces() -> None:
    """Leave the network, where the kernel lets us: without CAP_SYS_ADMIN it does not, and other layers hold."""
    for namespace in _NAMESPACES:
        try:
            native.unshare(namespace)
        except OSError:
            continue


def become_nobody() -> None:
    """Give up the rights of root. Who is not root has no others to be.

    Raises:
        OSError: the kernel refuses.
    """
    native.prctl(native.PR_CAP_AMBIENT, native.PR_CAP_AMBIENT_CLEAR_ALL)
    if os.geteuid() != 0:
        return
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            native.prctl(native.PR_CAPBSET_DROP, capability)
        except OSError:
            break  # that was the last one that this kernel has, or dropping is not allowed: changing the user still is
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def take_little() -> None:
    """No core files, no files at all, and bounded memory and time."""
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, FILES),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (allowed, allowed))
