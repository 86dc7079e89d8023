"""What the process table tells of a deployment."""

from __future__ import annotations

import attrs

from vmon_core.evidence.base import Evidence, Role, Source


@attrs.frozen(kw_only=True)
class ProcessSeen(Evidence):
    """A process of the deployment exists, or changed its title.

    Attributes:
        pid, parent: process ids.
        role: what it does.
        name: the name vLLM gives it (`EngineCore_DP0`, `Worker_TP1`), or "main", "helper" …
        title: its command line or process title.
        started: its start time in Unix seconds; with the pid it identifies the process for good.
    """

    source = Source.PROCESS
    pid: int
    parent: int = 0
    role: Role = Role.HELPER
    name: str = ""
    title: str = ""
    started: float | None = None


@attrs.frozen(kw_only=True)
class ProcessSampled(Evidence):
    """How a live process is doing.

    Attributes:
        status: the kernel's letter (R running, S sleeping, D disk wait, T stopped, Z zombie).
        cpu_seconds: CPU time used since it started.
        rss_bytes: resident memory.
    """

    source = Source.PROCESS
    pid: int
    status: str
    cpu_seconds: float
    rss_bytes: int | None = None
    threads: int | None = None


@attrs.frozen(kw_only=True)
class ProcessGone(Evidence):
    """A process ended (or is a zombie); nobody saw its exit status."""

    source = Source.PROCESS
    pid: int


@attrs.frozen(kw_only=True)
class ProcessExited(Evidence):
    """A process ended and its status was looked for: `code` or `signal` is set, neither when it is unreadable.

    Attributes:
        main: whether it is the deployment's main process.
        signal: the signal's number that ended it.
    """

    source = Source.EXIT
    pid: int
    main: bool = False
    code: int | None = None
    signal: int | None = None
