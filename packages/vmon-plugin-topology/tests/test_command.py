"""`vmon topology`, as a user runs it."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from vmon_core.cli.root import cli
from vmon_core.devices import Inventory
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

NCCL = '<system><cpu numaid="0"><pci busid="0000:01:00.0" class="0x030200"/></cpu></system>'


def run(*arguments: str) -> Result:
    """Run it with no configuration of the user's."""
    return CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(cli, ["topology", *arguments])


def test_captured_tree(tmp_path: Path) -> None:
    """Tree, matrix, legend and verdict."""
    result = run("--root", str(sysfs.two_sockets(tmp_path).root))
    assert result.exit_code == 0
    assert "GPU0 X    PHB  SYS  SYS  NODE 0-15         0" in result.output
    assert "ok topology.link_width: all 4 PCIe links use their full width" in result.output


def test_this_machine() -> None:
    """Whatever this machine is, there is an answer."""
    result = run()
    assert result.exit_code == 0
    assert "NUMA 0" in result.output or "no GPU is seen" in result.output


def test_plugin_that_cannot_tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A driver that hangs is named, and the rest is shown."""
    hooks = SimpleNamespace(inventory=lambda: Inventory((), {"nvidia": "it took too long"}))
    monkeypatch.setattr("vmon_plugin_topology.command.load_host", lambda: SimpleNamespace(hooks=hooks))
    cli.main(["topology", "--json"], standalone_mode=False)
    told = capsys.readouterr()
    assert "plugin nvidia could not tell its devices" in told.err
    assert json.loads(told.out)["source"] == "/"


def test_file(tmp_path: Path) -> None:
    """A topology of NCCL."""
    (tmp_path / "box.xml").write_text(NCCL)
    result = run("--from", str(tmp_path / "box.xml"), "--json")
    assert json.loads(result.stdout)["matrix"] == {"devices": ["GPU0"], "cells": [["X"]]}


def test_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a command behind `--`, its GPUs are judged, and what is not known is told."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    output = run("--root", str(sysfs.two_sockets(tmp_path).root), "--", "vllm", "serve", "m", "-tp", "2").output
    assert "warning topology.parallel_path" in output
    assert "CUDA_VISIBLE_DEVICES=0,1" in output


def test_narrow_link(tmp_path: Path) -> None:
    """Advice comes with its evidence and a fix."""
    tree = sysfs.single_gpu(tmp_path).write({"sys/bus/pci/devices/0000:01:00.0/current_link_width": "4"})
    output = run("--root", str(tree.root)).output
    assert "  GPU0 (0000:01:00.0): x4, and both ends can x16\n  fix: seat the card" in output


@pytest.mark.parametrize(("form", "begins"), [("--dot", "graph topology {"), ("--svg", "<svg ")])
def test_forms(tmp_path: Path, form: str, begins: str) -> None:
    """Each is printed alone."""
    result = run(form, "--root", str(sysfs.dgx(tmp_path).root))
    assert result.stdout.startswith(begins)
    assert result.stdout.endswith("\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--root", "/nowhere-at-all"], "no folder sys"),
        (["--from", "/nowhere-at-all"], "No such file"),
        (["--root", "/", "--from", "x"], "give one of them"),
        (["--json", "--svg"], "give one of them"),
    ],
)
def test_errors_name_cause_and_fix(arguments: list[str], said: str) -> None:
    """There is no traceback."""
    result = run(*arguments)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)


@pytest.mark.parametrize("form", [[], ["--json"], ["--svg"], ["--dot"]])
def test_hostile_names(tmp_path: Path, form: list[str]) -> None:
    """Names from a capture move no cursor, break no picture, and need not be UTF-8."""
    tree = sysfs.no_gpu(tmp_path)
    folder = tree.root / "sys/bus/pci/devices/0000:00:03.0/infiniband"
    for name in (b"a\x1b[2Jb", b"c\xff\xfe", b"<script>"):
        (folder / os.fsdecode(name)).mkdir(parents=True)
    result = run("--root", str(tree.root), *form)
    assert result.exit_code == 0
    assert "\x1b[2J" not in result.output
    if form == ["--svg"]:
        ET.fromstring(result.output)  # noqa: S314 (our own)


def test_loops_and_garbage(tmp_path: Path) -> None:
    """What made no sense is told below the matrix."""
    tree = sysfs.single_gpu(tmp_path)
    tree.pci("pci0000:40/0000:40:01.0/0000:40:01.0/0000:41:00.0", sysfs.GPU)
    result = run("--root", str(tree.root))
    assert result.exit_code == 0
    assert "0000:41:00.0 is attached in a way that makes no sense" in result.output
