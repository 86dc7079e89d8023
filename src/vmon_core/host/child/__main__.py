"""The child process: `python -m vmon_core.host.child REQUESTS ANSWERS PARENT NAME`, started by vmon only."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import socket
import sys

from vmon_core.host.child.contract import EXIT_MEMORY

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve one plugin until vmon hangs up."""
    requests, answers, parent = map(int, sys.argv[1:4])
    _die_with(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it may crash again and again: the disk must not fill
    faulthandler.enable()
    for number in (requests, answers):
        os.set_inheritable(number, False)  # noqa: FBT003 (the standard library's own signature)
    try:
        from vmon_core.host.child.serving import Server  # noqa: PLC0415 (vmon may be gone already)

        Server(socket.socket(fileno=requests), socket.socket(fileno=answers)).run()
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when vmon ends, whatever it is doing then."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("vmon has ended")


main()
