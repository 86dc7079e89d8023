"""The corpus against the sandbox, as this user and as an ordinary one, and against what is no sandbox."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_sandbox.escapes.__main__ import main
from vmon_plugin_sandbox.escapes.corpus import Attempt, load
from vmon_plugin_sandbox.escapes.harness import AGAIN, EngineSandbox, Outcome, judge
from vmon_plugin_sandbox.escapes.surroundings import HOST_GLOBAL, SECRET, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_sandbox.engine import Engine

HERE = Path(__file__).parent
CORPORA = [HERE / "given.jsonl", HERE / "ours.jsonl"]
ATTEMPTS = [attempt for path in CORPORA for attempt in load(path)]
CATEGORIES = (
    *("dunder", "frame", "format", "import", "builtins", "typegame", "file", "env", "network", "process", "signal"),
    *("exit", "state", "cpu", "memory", "bigint", "regex", "recursion", "output", "hostobj", "extfn"),
)


@pytest.fixture(scope="module")
def around() -> Iterator[Surroundings]:
    """The canaries."""
    with Surroundings() as made:
        yield made


def test_the_corpus_is_whole() -> None:
    """Each category is there, and no attempt is there twice."""
    assert {attempt.category for attempt in ATTEMPTS} == set(CATEGORIES)
    assert len({attempt.id for attempt in ATTEMPTS}) == len(ATTEMPTS)
    assert {attempt.must for attempt in ATTEMPTS} == {"denied", "limited"}


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.id)
def test_an_attempt_gets_nothing(engine: Engine, around: Surroundings, attempt: Attempt) -> None:
    """No secret, file, connection, process or signal; it is stopped in time, and what comes next works."""
    assert judge(attempt, EngineSandbox(engine), around, again=AGAIN).failures == ()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user already")
def test_an_ordinary_user_is_as_safe() -> None:
    """Without root there is no other user to become and no network to leave; the other layers hold."""
    script = HERE / "as_nobody.py"
    python = next((path for path in _pythons() if _is_reachable(path)), None)
    if python is None or not _is_reachable(script):
        pytest.skip("an ordinary user can reach no Python, or not this folder")
    command = [sys.executable, script, python, *CORPORA]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    summary = json.loads(done.stdout.splitlines()[-1]) if done.stdout else done.stderr
    print(summary)
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["attempts"] == len(ATTEMPTS)


@pytest.mark.slow
def test_no_sandbox_fails(tmp_path: Path) -> None:
    """The harness has teeth: of the same attempts, many get through where `exec` has lost its harmful builtins."""
    sample = _sample(tmp_path, each=3)
    done = subprocess.run(
        [sys.executable, HERE / "naive.py", sample], capture_output=True, text=True, timeout=110, check=True
    )
    found = json.loads(done.stdout)
    through = {name: failures for name, failures in found.items() if failures}
    print(f"{len(through)} of {len(found)} got through", json.dumps(through, indent=1))
    told = " ".join(failure for failures in through.values() for failure in failures)
    assert len(through) >= len(found) // 4
    for kind in (f"leaked {SECRET[:6]}", "host changed", "not stopped after", "more memory"):
        assert kind in told


@pytest.mark.parametrize(
    ("harm", "failure"),
    [
        ("(around.folder / 'canary.txt').write_text('x')", "files changed"),
        ("(around.folder / 'new').touch()", "files changed"),
        ("(around.folder / 'canary.txt').unlink()", "files changed"),
        ("around.checkpoint.metrics.clear()", "host changed"),
        ("setattr(type(around.checkpoint), 'x', 1)", "host changed"),
        ("around._victim.kill() or around._victim.wait()", "victim changed"),
        ("os.kill(around._victim.pid, 19) or wait(around)", "victim changed"),
        ("started.append(subprocess.Popen(['/bin/sleep', '60']))", "strangers changed"),
        ("socket.create_connection(around._server.getsockname()).close()", "1 connections"),
        ("started.append(bytearray(100 << 20))", "MB more memory"),
        ("time.sleep(2.1)", "stopped after 2.1 s"),
        ("sys.exit()", "the host got SystemExit"),
    ],
)
def test_harm_is_noticed(harm: str, failure: str) -> None:
    """Each of the things that are watched, harmed on purpose."""
    started: list[object] = []

    def harmful(code: str, around: Surroundings) -> Outcome:
        if code == "harm":
            names = {name: __import__(name) for name in ("os", "socket", "subprocess", "sys", "time")}
            eval(harm, names | {"around": around, "started": started, "wait": _wait_for_stop})  # noqa: S307 (ours)
        return Outcome("returned", "True")

    with Surroundings() as around:
        verdict = judge(Attempt("x", "x", "denied", "harm"), harmful, around)
        for process in started:
            if isinstance(process, subprocess.Popen):
                process.kill()
                process.wait()
    vars(type(around.checkpoint)).get("x") and delattr(type(around.checkpoint), "x")
    assert [one for one in verdict.failures if one.startswith(failure) or failure in one], verdict


def test_what_was_only_slow_gets_another_try(around: Surroundings) -> None:
    """A busy machine is no escape; what is always slow is one."""
    delays = [2.1, 0.0]

    def sandbox(code: str, _: Surroundings) -> Outcome:
        if code == "slow":
            time.sleep(delays.pop(0))
        return Outcome("returned", "True")

    assert judge(Attempt("x", "x", "limited", "slow"), sandbox, around, again=1).failures == ()
    assert delays == []


@pytest.mark.parametrize("seen", [SECRET, HOST_GLOBAL, "['PWNED']"])
def test_a_leak_is_noticed(around: Surroundings, seen: str) -> None:
    """And so is a benign run that does not work."""
    verdict = judge(Attempt("x", "x", "denied", "x"), lambda _, __: Outcome("returned", seen), around)
    assert len(verdict.failures) == 2


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for all, when nothing got through."""
    corpus = tmp_path / "one.jsonl"
    corpus.write_text(json.dumps({"id": "a", "category": "file", "must": "denied", "code": "return open('x')"}))
    assert main([str(corpus)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["attempts"], summary["through"], summary["ended"]) == (1, 0, {"runtime": 1})


def _sample(folder: Path, each: int) -> Path:
    """So many of each category: those that are never stopped take two seconds each."""
    seen: dict[str, int] = {}
    lines = []
    for line in CORPORA[0].read_text(encoding="utf-8").splitlines():
        category = json.loads(line)["category"]
        seen[category] = seen.get(category, 0) + 1
        lines += [line] if seen[category] <= each else []
    path = folder / "sample.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _pythons() -> list[Path]:
    found = [Path(sys.executable).resolve(), *map(Path, filter(None, [shutil.which("python3", path="/usr/bin")]))]
    return [path.resolve() for path in found]


def _is_reachable(path: Path) -> bool:
    """Whether others may read a file, and pass all folders above it."""
    passes = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    return passes and bool(path.stat().st_mode & stat.S_IROTH)


def _wait_for_stop(around: Surroundings) -> None:
    """The kernel stops a process soon, not at once."""
    while around.state().victim[0] == "well":
        pass
