"""The rules about the machine, over small trees of files."""

from __future__ import annotations

import os
import resource
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules import machine
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have every file system show this many free bytes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=size))


@pytest.mark.parametrize(("hard", "verdict"), [(60, "failure"), (1024, "warning"), (65535, "ok"), (-1, "ok")])
def test_files_may_be_too_few(
    make_launch: MakeLaunch, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch, hard: int, verdict: str
) -> None:
    """Few hurt under load, very few at the start."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    assert verdicts(machine.open_files, make_launch("m")) == {"machine.open_files": verdict}


@pytest.mark.parametrize(
    ("hard", "words", "expected"),
    [
        (65536, "--nnodes 2", {"machine.locked_memory": "warning"}),
        (-1, "--nnodes 2", {"machine.locked_memory": "ok"}),
        (65536, "", {}),
    ],
)
def test_memory_must_be_lockable_for_rdma(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    monkeypatch: pytest.MonkeyPatch,
    hard: int,
    words: str,
    expected: dict[str, str],
) -> None:
    """Only who talks to other machines needs it."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    assert verdicts(machine.locked_memory, make_launch("m", *words.split())) == expected


@pytest.mark.parametrize(
    ("size", "words", "version", "expected"),
    [
        (64 << 20, "-tp 2", "0.32.0", {"machine.shared_memory": "failure"}),
        (16 << 30, "-tp 2", "0.32.0", {"machine.shared_memory": "ok"}),
        (64 << 20, "", "0.32.0", {}),
        (64 << 20, "", "0.32.0+cpu", {"machine.shared_memory": "failure"}),
    ],
)
def test_shared_memory_holds_the_queues(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    size: int,
    words: str,
    version: str,
    expected: dict[str, str],
) -> None:
    """A single GPU has no queue; the CPU backend always has one."""
    free(monkeypatch, size)
    (tmp_path / "dev/shm").mkdir(parents=True)
    assert verdicts(machine.shared_memory, make_launch("m", *words.split(), version=version)) == expected


def test_an_earlier_servers_processes_are_named(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """Those that init has now; those of a living server, or of one that is process 1, are left alone."""
    write_tree(
        tmp_path,
        {
            "proc/1/comm": "systemd\n",
            "proc/7/status": "Name:\tVLLM::EngineCor\nPPid:\t1\n",
            "proc/8/status": "Name:\tVLLM::Worker\nPPid:\t9\n",
            "proc/9/status": "Name:\tvllm\nPPid:\t1\n",
            "proc/9/comm": "vllm\n",
            "proc/10/status": "garbage",
        },
    )
    (check,) = machine.leftovers.run(make_launch("m"))
    assert (check.code, str(check.verdict), check.fix) == ("machine.leftovers", "warning", "kill 7")
    (tmp_path / "proc/1/comm").write_text("vllm\n")
    (check,) = machine.leftovers.run(make_launch("m"))
    assert str(check.verdict) == "ok"


def test_many_segments_are_counted(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Killed servers leave them behind."""
    write_tree(tmp_path, {f"dev/shm/psm_{i}": "" for i in range(40)})
    assert verdicts(machine.leftovers, make_launch("m")) == {"machine.leftovers": "warning"}


def test_caches_must_be_writable_and_have_room(
    make_launch: MakeLaunch, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearest folder that is there counts: caches are made when they are needed."""
    write_tree(tmp_path, {"home/me/file": ""})
    launch = make_launch("m", environment={"HOME": "/home/me"})
    free(monkeypatch, 1 << 40)
    assert verdicts(machine.cache, launch) == {"machine.cache": "ok"}
    free(monkeypatch, 1 << 20)
    assert verdicts(machine.cache, launch) == {"machine.cache": "warning"}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert verdicts(machine.cache, launch) == {"machine.cache": "warning"}


@pytest.mark.parametrize(("kind", "expected"), [("nfs4", {"machine.network_filesystem": "warning"}), ("ext4", {})])
def test_metrics_do_not_bear_a_network(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, kind: str, expected: dict[str, str]
) -> None:
    """The innermost mount decides."""
    write_tree(tmp_path, {"proc/self/mounts": f"a / ext4 rw 0 0\nb /mnt/x {kind} rw 0 0\nshort\n"})
    launch = make_launch("m", environment={"PROMETHEUS_MULTIPROC_DIR": "/mnt/x/metrics"})
    assert verdicts(machine.network_filesystem, launch) == expected
