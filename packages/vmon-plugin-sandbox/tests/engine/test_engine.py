"""Runs: what they return, how they fail, what is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from vmon_plugin_sandbox.engine import (
    Attributes,
    Engine,
    Limits,
    SandboxLimitError,
    SandboxRejectedError,
    SandboxRuntimeError,
)

CHECKPOINT = Attributes("Checkpoint", {"metrics": {"gpu_temp": 85.0}, "server": "a"})


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return {'gpu_temp': 75, 'gpu_util': 85}", {"gpu_temp": 75, "gpu_util": 85}),
        ("return checkpoint.metrics.get('gpu_temp', 0) > 80", True),
        ("if checkpoint.server == 'a':\n    return 1\nreturn 2", 1),
        ("x = 1", None),
        ("import math\nreturn math.floor(2.5), 'ä'", [2, "ä"]),
    ],
)
def test_code_returns(engine: Engine, code: str, value: object) -> None:
    """`return` works at the top, as in the body of a function; pydantic-monty does not promise it."""
    assert engine.run(code, {"checkpoint": CHECKPOINT}).value == value


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("x = 1\nreturn x / 0", 2, "ZeroDivisionError: division by zero"),
        ("def f():\n    return {}['x']\n\nreturn f()", 2, "KeyError: x"),
        ("import socket", 1, "ModuleNotFoundError: No module named 'socket'"),
        ("return checkpoint.metrcs", 1, "AttributeError: 'Checkpoint' object has no attribute 'metrcs'"),
    ],
)
def test_an_error_names_the_line(engine: Engine, code: str, line: int, message: str) -> None:
    """The innermost one, in the code as its author wrote it."""
    with pytest.raises(SandboxRuntimeError) as caught:
        engine.run(code, {"checkpoint": CHECKPOINT})
    assert (caught.value.problem.line, caught.value.problem.message) == (line, message)


@pytest.mark.parametrize("code", ["return (", "class A(dict): pass", "yield 1", "", "  \n", "a\0b", "'\ud800'"])
def test_what_is_no_code_is_rejected(engine: Engine, code: str) -> None:
    """Also what Python has and this interpreter has not."""
    with pytest.raises(SandboxRejectedError) as caught:
        engine.run(code)
    assert caught.value.problem.code == "syntax"


def test_code_that_says_it_cannot_do_something_is_not_rejected(engine: Engine) -> None:
    """The interpreter raises the same type for what it does not support, but in words of its own."""
    with pytest.raises(SandboxRuntimeError, match="NotImplementedError: mine"):
        engine.run("raise NotImplementedError('mine')")


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "x = [0] * 10**9",
        "return str(7**(10**7))[:5]",
        "print('x' * 9000)",
        "while True: f()",
        "def g(): return g()\nreturn g()",
        "raise TimeoutError('fake')",
        "return list(range(5000))",
        "#" * 20_000,
    ],
)
def test_limits_hold(engine: Engine, code: str) -> None:
    """And the next run has a worker."""
    with pytest.raises(SandboxLimitError) as caught:
        engine.run(code, functions={"f": lambda: 1})
    assert caught.value.problem.code == "limit"
    assert engine.run("return 1").value == 1


def test_limits_of_one_run(engine: Engine) -> None:
    """They take the place of the engine's."""
    assert engine.run("return list(range(5000))", limits=Limits(nodes=6000)).value[-1] == 4999


def test_nothing_stays_of_a_run(engine: Engine) -> None:
    """A global of one run is unknown to the next ones."""
    engine.run("global leaked\nleaked = 1\nreturn leaked")
    for _ in range(5):
        with pytest.raises(SandboxRuntimeError, match="leaked"):
            engine.run("return leaked")


def test_what_is_printed_comes_back(engine: Engine) -> None:
    """It goes nowhere else."""
    assert engine.run("print('hot', 85)").printed == "hot 85\n"


def test_functions_are_called_with_copies(engine: Engine) -> None:
    """Of plain data; what the code does to the result stays in the sandbox."""
    host = {"temperatures": [70.0, 85.0]}
    seen: list[Any] = []

    def read(*args: object, **named: object) -> object:
        seen.append((args, named))
        return host

    value = engine.run(
        "d = read((1, 'x'), limit=2)\nd['temperatures'].clear()\nreturn d", functions={"read": read}
    ).value
    assert value == {"temperatures": []}
    assert seen == [(([1, "x"],), {"limit": 2})]
    assert host == {"temperatures": [70.0, 85.0]}


def test_a_function_tells_the_type_of_its_error_only(engine: Engine) -> None:
    """The text could hold a password."""

    def read() -> None:
        message = "postgres://user:secret@host"
        raise ConnectionError(message)

    with pytest.raises(SandboxRuntimeError) as caught:
        engine.run("return read()", functions={"read": read})
    assert caught.value.problem.message == "RuntimeError: read() failed: ConnectionError"


@pytest.mark.parametrize("argument", ["len", "checkpoint", "'x' * 70_000", "{1}", "float('nan')"])
def test_a_function_gets_plain_data(engine: Engine, argument: str) -> None:
    """Else it is not called, and the code is told so."""
    called: list[object] = []
    with pytest.raises(SandboxRuntimeError, match=r"read\(\) takes plain data only"):
        engine.run(f"return read({argument})", {"checkpoint": CHECKPOINT}, {"read": called.append})
    assert not called


def test_a_host_object_does_not_come_back(engine: Engine) -> None:
    """Neither the wrapper nor its class."""
    for code in ("return checkpoint", "return [checkpoint.__class__]", "return type(checkpoint)"):
        with pytest.raises(SandboxRuntimeError) as caught:
            engine.run(code, {"checkpoint": CHECKPOINT})
        assert caught.value.problem.code == "result"


def test_what_cannot_go_in_is_the_callers_mistake(engine: Engine) -> None:
    """The code is not blamed for it."""
    with pytest.raises(TypeError, match="not object"):
        engine.run("return 1", {"x": [object()]})


def test_runs_are_counted() -> None:
    """With their failures, by kind."""
    engine = Engine(workers=1)
    engine.run("return 1")
    for code in ("return 1 / 0", "while True: pass"):
        with pytest.raises((SandboxRuntimeError, SandboxLimitError)):
            engine.run(code)
    engine.close()
    found = engine.statistics()
    assert (found.runs, found.failures, found.workers) == (3, {"runtime": 1, "limit": 1}, 1)
