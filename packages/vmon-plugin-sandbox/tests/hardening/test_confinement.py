"""The launcher and what it starts: where it works, and that it fails closed where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vmon_plugin_sandbox.engine import Engine, SandboxUnavailableError
from vmon_plugin_sandbox.hardening import binary as binaries
from vmon_plugin_sandbox.hardening import confinement, landlock, layers, seccomp
from vmon_plugin_sandbox.hardening.confinement import REQUIRED, Confinement, Hardening
from vmon_plugin_sandbox.hardening.errors import HardeningError

linux = pytest.mark.skipif(
    not set(REQUIRED) <= set(confinement.offered()), reason="this system has no seccomp or no Landlock"
)
ROOT = os.geteuid() == 0
WHAT_IT_TRIES = Path(__file__).with_name("probe.c")


def active(found: tuple[layers.Layer, ...]) -> set[str]:
    """The names of the layers that hold."""
    return {layer.name for layer in found if layer.active}


@linux
def test_a_worker_is_measured(engine: Engine) -> None:
    """What was asked for is there, and what is there was asked for."""
    assert active(engine.layers) - {"network"} == {"process", *confinement.offered()} - {"network"}


@linux
def test_layers_can_be_switched_off() -> None:
    """And the measurement sees it: it does not only repeat the plan."""
    engine = Engine(os_hardening="off", workers=1)
    assert not active(engine.layers) & {"seccomp", "landlock", "privileges", "limits", "network"}
    assert engine.run("return 1").value == 1
    engine.close()


@linux
def test_a_worker_that_is_not_confined_gets_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher that does nothing is found out, and its worker is killed."""
    monkeypatch.setattr(Confinement, "_launcher", lambda _, binary: binary)
    engine = Engine(workers=1)
    with pytest.raises(SandboxUnavailableError, match="a worker runs without seccomp and landlock"):
        engine.run("return 1")
    engine.close()


@linux
@pytest.mark.parametrize(("module", "name", "answer"), [(landlock, "version", 0), (seccomp, "available", False)])
def test_a_missing_layer(monkeypatch: pytest.MonkeyPatch, module: object, name: str, answer: object) -> None:
    """`require` refuses, and says what to do; `prefer` goes without, and says so."""
    monkeypatch.setattr(module, name, lambda: answer)
    missing = str(module.__name__).rpartition(".")[2]  # type: ignore[attr-defined]  # a module has a name
    with pytest.raises(SandboxUnavailableError, match=f"this system has no {missing}") as caught:
        Engine().run("return 1")
    assert "prefer" in caught.value.problem.help
    engine = Engine(os_hardening="prefer", workers=1)
    assert engine.run("return 1").value == 1
    [layer] = [layer for layer in engine.layers if layer.name == missing]
    assert (layer.active, layer.detail) == (False, "this system does not offer it, or it was not asked for")
    engine.close()


@linux
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["for all", "for its owner"])
def test_the_interpreter_may_lie_where_nobody_can_go(tmp_path: Path, mode: int) -> None:
    """It is opened, or copied when only its owner may execute it, while the launcher still has root's rights."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    binary = Path(shutil.copy(binaries.find(), folder / "monty"))
    binary.chmod(mode)
    made = Confinement(Hardening.REQUIRE, binary)
    made.close()
    assert not made.program.exists()


@linux
@pytest.mark.parametrize("folder", ["with space", "x" * 250], ids=["space", "long"])
def test_python_may_have_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """The first line of a program holds neither spaces nor long paths."""
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(sys, "executable", str(python))
    made = Confinement(Hardening.REQUIRE)
    assert made.program.read_text().startswith("#!/bin/sh\n")
    made.close()


def test_a_python_that_does_not_know_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded one has no program to start the launcher with."""
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(HardeningError, match="this Python does not know where it is"):
        Confinement(Hardening.PREFER)


def test_a_tmp_that_executes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime folder takes its place; when that is no better, the error names the variable to set."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(HardeningError, match="set TMPDIR"):
        Confinement(Hardening.PREFER)


@linux
def test_the_runtime_folder_is_the_second_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is usually the user's own."""
    real = os.statvfs
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(
        os, "statvfs", lambda path: real(path) if path == str(tmp_path) else SimpleNamespace(f_flag=os.ST_NOEXEC)
    )
    made = Confinement(Hardening.REQUIRE)
    assert made.program.parent.parent == tmp_path
    made.close()


@linux
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"binary": ["/nowhere/monty"]}, "/nowhere/monty"),
        ({"executable": ["/nowhere/libc.so.6"]}, "/nowhere/libc.so.6"),
        ({"readable": ["/proc"]}, "/proc is no file"),
    ],
)
def test_the_launcher_fails_closed(change: dict[str, list[str]], message: str) -> None:
    """It ends with its own status and the reason, and nothing ran."""
    made = Confinement(Hardening.REQUIRE)
    text = made.program.read_text()
    plan = {name: repr(value) for name, value in change.items()}
    [(key, value)] = plan.items()
    start = text.index(f"'{key}': ")
    end = text.index("]", start) + 1
    made.program.write_text(f"{text[:start]}'{key}': {value}{text[end:]}")
    done = subprocess.run([made.program, "--version"], env={}, capture_output=True, text=True, check=False)
    made.close()
    assert (done.returncode, done.stdout) == (120, "")
    assert done.stderr.startswith("the sandbox's launcher: ")
    assert message in done.stderr


@linux
def test_a_launcher_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason reaches the person at the prompt, before any worker is waited for."""
    monkeypatch.setattr(binaries, "caches", lambda: ["/nowhere/ld.so.cache"])
    with pytest.raises(SandboxUnavailableError, match=r"workers do not start: .*/nowhere/ld\.so\.cache"):
        Engine().run("return 1")


def test_an_interpreter_that_is_none(tmp_path: Path) -> None:
    """A text file, and nothing at all."""
    text = tmp_path / "monty"
    text.write_text("#!/bin/true\n")
    text.chmod(0o755)
    with pytest.raises(HardeningError, match="is no program of this system"):
        binaries.loader(text)
    missing = tmp_path / "missing"
    with pytest.raises(HardeningError, match="workers do not start"):
        Confinement(Hardening.OFF, missing)


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    monkeypatch.setattr(binaries, "PACKAGE", "no-such-package")
    with pytest.raises(SandboxUnavailableError, match="interpreter is missing") as caught:
        Engine().run("return 1")
    assert "pip install" in caught.value.problem.help


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            (
                "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib64/libc.so.6 (0x00007f6)\n"
                "\t/lib64/ld-linux-x86-64.so.2 (0x00007f9)\n"
            ),
            ["/lib64/ld-linux-x86-64.so.2", "/lib64/libc.so.6"],
        ),
        (
            (
                "\t/lib/ld-musl-x86_64.so.1 (0x7f0)\n\tlibgcc_s.so.1 => /usr/lib/libgcc_s.so.1 (0x7f1)\n"
                "\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0)\n"
            ),
            ["/lib/ld-musl-x86_64.so.1", "/usr/lib/libgcc_s.so.1"],
        ),
    ],
    ids=["glibc", "musl"],
)
def test_libraries_are_those_that_the_loader_names(
    monkeypatch: pytest.MonkeyPatch, listed: str, expected: list[str]
) -> None:
    """Glibc's answer and musl's."""
    monkeypatch.setattr(binaries, "loader", lambda _: expected[0])
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=listed))
    assert binaries.libraries(Path("monty")) == expected


def test_a_loader_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed."""
    monkeypatch.setattr(binaries, "loader", lambda _: "/bin/false")
    with pytest.raises(HardeningError, match="does not tell the libraries"):
        binaries.libraries(binaries.find())


@linux
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler to build the probe with")
def test_another_program_in_the_interpreters_place(tmp_path: Path) -> None:
    """Machine code of an attacker's choice: what a broken interpreter could still do is next to nothing."""
    program = tmp_path / "program"
    subprocess.run(["cc", "-O1", "-o", program, WHAT_IT_TRIES], check=True)
    made = Confinement(Hardening.REQUIRE, program)
    done = subprocess.run([made.program, str(os.getpid())], capture_output=True, text=True, check=True)
    free = subprocess.run([program, str(os.getpid())], capture_output=True, text=True, check=True)
    made.close()
    attempts = json.loads(done.stdout)
    assert {name for name, worked in attempts.items() if worked} == {"threads", "read its libraries"}
    free_to = {name for name, worked in json.loads(free.stdout).items() if worked}
    assert free_to >= {
        "open",
        "create",
        "socket",
        "fork",
        "signal",
        "execute",
        "execute itself",
        "executable memory",
        "environment",
    }
