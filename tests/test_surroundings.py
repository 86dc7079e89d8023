"""What vmon finds out about its own surroundings, on trees of files that stand for machines."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from vmon_core import surroundings
from vmon_core.config import Config
from vmon_core.config.model import JournalConfig, MonitorConfig, PluginsConfig
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.resolution.records import Reason, Rejection, Report
from vmon_core.host.say import nobody
from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_core.surroundings import check_surroundings
from vmon_testkit.trees import write_tree

OK, WARNING, FAILURE, UNKNOWN = CheckVerdict.OK, CheckVerdict.WARNING, CheckVerdict.FAILURE, CheckVerdict.NOT_EVALUATED


def found(config: Config, root: Path, host: PluginHost | None = None) -> dict[str, CompatibilityCheck]:
    """The checks by their code."""
    return {c.code: c for c in check_surroundings(config, host or PluginHost(nobody, config.plugins), root)}


def at(folder: Path) -> Config:
    """A configuration whose files are in a folder."""
    return Config(monitor=MonitorConfig(data_dir=folder))


def test_machine_in_order(tmp_path: Path) -> None:
    """Folders that do not exist yet can be made, and nothing is written by looking."""
    checks = found(at(tmp_path / "a/b"), Path("/"))
    assert checks["vmon.journal"].verdict is OK
    assert checks["vmon.control_socket"].verdict is OK
    assert checks["vmon.plugins"].verdict is OK
    assert "vmon.inotify" not in checks
    assert list(tmp_path.iterdir()) == []


def test_journal_in_the_way(tmp_path: Path) -> None:
    """A file where a folder should be, and a folder where the file should be, are told with their names."""
    (tmp_path / "file").touch()
    blocked = found(at(tmp_path / "file/state"), tmp_path)["vmon.journal"]
    assert (blocked.verdict, blocked.fix[:3]) == (FAILURE, "Set")
    assert f"{tmp_path / 'file'} is no folder" in blocked.summary
    config = attrs.evolve(at(tmp_path), journal=JournalConfig(path=tmp_path))
    assert f"{tmp_path} is a folder" in found(config, tmp_path)["vmon.journal"].summary


def test_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions are asked of the kernel, for the nearest folder that exists."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    checks = found(at(tmp_path / "x"), tmp_path)
    assert checks["vmon.journal"].verdict is FAILURE
    assert checks["vmon.control_socket"].verdict is WARNING
    assert f"{tmp_path} may not be written" in checks["vmon.journal"].summary


def test_socket_path_that_is_too_long(tmp_path: Path) -> None:
    """The kernel takes 107 bytes; a deep data folder leaves no room for the socket."""
    check = found(at(tmp_path / ("x" * 100)), tmp_path)["vmon.control_socket"]
    assert check.verdict is WARNING
    assert "longer than 107 bytes" in check.summary


def test_control_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in a foreign folder could be anything."""
    (tmp_path / "control").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert "is not this user's" in found(at(tmp_path), tmp_path)["vmon.control_socket"].summary


@pytest.mark.parametrize(
    ("uid", "mounts", "verdict"),
    [
        (0, "proc /proc proc rw,hidepid=invisible 0 0", OK),
        (1000, "proc /proc proc rw,hidepid=invisible 0 0", WARNING),
        (1000, "proc /proc proc rw,hidepid=0 0 0", OK),
        (1000, "proc /proc proc rw,nosuid 0 0", OK),
        (1000, "", OK),
        (1000, " /proc proc ", OK),
    ],
)
def test_processes_of_others(
    uid: int, mounts: str, verdict: CheckVerdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `hidepid` hides them, and never from root."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    write_tree(tmp_path, {"proc/mounts": mounts})
    assert found(at(tmp_path), tmp_path)["vmon.processes"].verdict is verdict


@pytest.mark.parametrize(
    ("capabilities", "scope", "verdict"),
    [
        ("0000000000080000", "1", OK),
        ("0000000000080000", "3", UNKNOWN),
        ("0000000000000000", "0", OK),
        ("0000000000000000", "1", OK),
        ("0000000000000000", "2", UNKNOWN),
    ],
)
def test_stacks(capabilities: str, scope: str, verdict: CheckVerdict, tmp_path: Path) -> None:
    """The capability or a lenient Yama allows stacks; without, that is a blind spot with a fix."""
    tree = {"proc/self/status": f"Name:\tvmon\nCapEff:\t{capabilities}\n", "proc/sys/kernel/yama/ptrace_scope": scope}
    write_tree(tmp_path, tree)
    check = found(at(tmp_path), tmp_path)["vmon.stacks"]
    assert (check.verdict, bool(check.fix)) == (verdict, verdict is UNKNOWN)


@pytest.mark.parametrize(("watches", "verdict"), [("65536", OK), ("100", WARNING), ("", UNKNOWN), ("x", UNKNOWN)])
def test_inotify_matters_to_plugin_folders(watches: str, verdict: CheckVerdict, tmp_path: Path) -> None:
    """The limit is looked at only where folders are followed."""
    inotify = "proc/sys/fs/inotify/max_user_"
    write_tree(tmp_path, {f"{inotify}watches": watches, f"{inotify}instances": "128"})
    config = attrs.evolve(at(tmp_path), plugins=PluginsConfig(folders=(tmp_path,)))
    assert found(config, tmp_path)["vmon.inotify"].verdict is verdict


@pytest.mark.parametrize(
    ("now", "source", "verdict"),
    [(2e9, "tsc", OK), (2e9, "", OK), (2e9, "hpet", WARNING), (1000.0, "tsc", WARNING)],
)
def test_clock(now: float, source: str, verdict: CheckVerdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was never set, or is slow to read, is told."""
    monkeypatch.setattr(surroundings.time, "time", lambda: now)
    write_tree(tmp_path, {"sys/devices/system/clocksource/clocksource0/current_clocksource": source})
    assert found(at(tmp_path), tmp_path)["vmon.clock"].verdict is verdict


def test_rejected_plugins(tmp_path: Path) -> None:
    """One that broke is a warning with its help; one that nobody wants, or that has nothing to do here, is not."""
    host = PluginHost(nobody, Config().plugins)
    host.report = Report(
        rejected=(
            Rejection(name="broken", code=Reason.IMPORT, reason="no module named x", help="install x"),
            Rejection(name="off", code=Reason.DISABLED, reason="the configuration disables it"),
        )
    )
    checks = [c for c in check_surroundings(at(tmp_path), host, tmp_path) if c.code == "vmon.plugin_rejected"]
    assert [(c.verdict, c.fix) for c in checks] == [(WARNING, "install x"), (OK, "")]
