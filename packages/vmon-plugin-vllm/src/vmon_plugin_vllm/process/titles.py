"""What a process does, read from its title, its short name (comm) and its parent.

vLLM names its processes with `setproctitle` as `PREFIX::NAME`, where the prefix is `VLLM` unless
`VLLM_PROCESS_NAME_PREFIX` says otherwise. Until its imports are done, a fresh process shows Python's
`spawn_main` instead, so the change of a title is evidence of progress.
"""

from __future__ import annotations

import re

import attrs

from vmon_core.evidence import Role
from vmon_plugin_vllm.process.command import runs_server

COMM_LENGTH = 15
"""The kernel cuts a process' short name to this many bytes (TASK_COMM_LEN less the closing zero)."""


@attrs.frozen(kw_only=True)
class Ranks:
    """The position of a process in each kind of parallelism; None where its title does not name one."""

    dp: int | None = None
    pp: int | None = None
    pcp: int | None = None
    tp: int | None = None
    dcp: int | None = None
    ep: int | None = None


@attrs.frozen
class Identity:
    """Who a process is.

    Attributes:
        role: what it does.
        name: the name that vLLM gives it, such as `Worker_TP1`; else `main`, the compiler's program, or `helper`.
        ranks: its ranks, where its title names them.
        title: the title that was read.
    """

    role: Role
    name: str
    ranks: Ranks = Ranks()
    title: str = ""


_ROLES = {
    "EngineCore": Role.ENGINE_CORE,
    "Worker": Role.WORKER,
    "APIServer": Role.API_SERVER,
    "DPCoordinator": Role.COORDINATOR,
}
_NAMED = re.compile(rf"[^\s/]*?::(?P<name>(?P<kind>{'|'.join(_ROLES)})(?P<suffix>(?:_[A-Z]*\d+)*))")
_SHORT_NAMED = re.compile(r"[^\s/]*?::(?P<start>[A-Za-z]+)")
_RANK = re.compile(r"_(DP|PP|PCP|TP|DCP|EP)(\d+)")
_COMPILER = re.compile(
    r"(?:[\w.]+-)*"  # a target triplet, as in x86_64-linux-gnu-g++
    r"(?:g\+\+|gcc|c\+\+|cc|cc1|cc1plus|as|ld|ld\.\w+|lld|collect2|lto1|lto-wrapper|clang|clang\+\+|hipcc"
    r"|nvcc|cicc|ptxas|cudafe\+\+|fatbinary|nvlink|ninja|ccache)"
    r"(?:-[\w.]+)?"  # a version or variant, as in clang-18 and ptxas-blackwell
)
_SEVERAL_CHILDREN = re.compile(r"\s(?:-dp|-asc|--data[-_]parallel\S*|--api[-_]server[-_]count)[=\s]")


def identify(title: str, comm: str = "", parent: Identity | None = None) -> Identity:
    """Tell who a process below the main one is.

    Args:
        title: its command line or title, "" when it cannot be read (a dying process has none).
        comm: its short name, cut to 15 bytes by the kernel; used where the title says nothing.
        parent: who its parent is, None when the parent is not of this deployment.

    Returns:
        Its identity; whatever is not certain is a helper.

    >>> identify("VLLM::Worker_DP0_PP1_TP0_EP3").ranks
    Ranks(dp=0, pp=1, pcp=None, tp=0, dcp=None, ep=3)
    >>> identify("", "VLLM::EngineCor").name
    'EngineCore'
    >>> identify("/usr/bin/x86_64-linux-gnu-g++-12 -O3 a.cpp").role
    <Role.COMPILER: 'compiler'>
    """
    if parent is not None and title and title == parent.title:  # forked, not yet exec'ed: the title is its parent's
        return Identity(Role.HELPER, "helper", title=title)
    return (
        _by_title(title)
        or (_by_comm(comm) if not title else None)
        or _by_program(title or comm)
        or _by_command(title)
        or _by_parent(title, parent)
        or Identity(Role.HELPER, "helper", title=title)
    )


def main_identity(title: str) -> Identity:
    """Name the main process, whatever its title is.

    Args:
        title: its command line or title.

    Returns:
        Its identity.
    """
    return Identity(Role.MAIN, "main", title=title)


def _by_title(title: str) -> Identity | None:
    match = _NAMED.fullmatch(title)
    if match is None:
        return None
    ranks = {kind.lower(): int(rank) for kind, rank in _RANK.findall(match["suffix"])}
    return Identity(_ROLES[match["kind"]], match["name"], Ranks(**ranks), title)


def _by_comm(comm: str) -> Identity | None:
    """Recognise `VLLM::EngineCor` and `VLLM::Worker_TP`; a cut rank is left out rather than guessed."""
    match = _SHORT_NAMED.match(comm)
    if match is None:
        return None
    cut = len(comm.encode()) >= COMM_LENGTH
    found = [kind for kind in _ROLES if kind == match["start"] or (cut and kind.startswith(match["start"]))]
    return Identity(_ROLES[found[0]], found[0]) if len(found) == 1 else None


def _by_program(title: str) -> Identity | None:
    if "multiprocessing.resource_tracker" in title:
        return Identity(Role.HELPER, "resource_tracker", title=title)
    program = title.split(" ", 1)[0].rsplit("/", 1)[-1]
    return Identity(Role.COMPILER, program, title=title) if _COMPILER.fullmatch(program) else None


def _by_command(title: str) -> Identity | None:
    """Recognise the server below a main process that only wraps it, as `uv run` does."""
    return Identity(Role.API_SERVER, "APIServer", title=title) if runs_server(title.split(" ")) else None


def _by_parent(title: str, parent: Identity | None) -> Identity | None:
    """Recognise engine cores and workers before they have their title.

    A server with one API server and no data parallelism spawns nothing but its engine core, and an engine core nothing
    but workers (vllm/v1/engine/utils.py and vllm/v1/executor/multiproc_executor.py of vLLM 0.32).
    """
    if parent is None or "multiprocessing.spawn import spawn_main" not in title:
        return None
    if parent.role is Role.ENGINE_CORE:
        return Identity(Role.WORKER, "Worker", title=title)
    serves_alone = parent.role is Role.MAIN or runs_server(parent.title.split(" "))
    if serves_alone and not _SEVERAL_CHILDREN.search(parent.title + " "):
        return Identity(Role.ENGINE_CORE, "EngineCore", title=title)
    return None
