"""Find vLLM among the words of a command line: behind `env`, `numactl` and other wrappers, or behind Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import attrs

from vmon_plugin_preflight.command.problem import NOT_UNDERSTOOD, CommandProblem

_WRAPPERS = frozenset(
    {
        *(
            "env",
            "nohup",
            "nice",
            "ionice",
            "chrt",
            "numactl",
            "taskset",
            "setsid",
            "stdbuf",
            "time",
            "timeout",
            "exec",
        ),
        *(
            "sudo",
            "uv",
            "uvx",
            "conda",
            "micromamba",
            "mamba",
            "pixi",
            "poetry",
            "nsys",
            "catchsegv",
            "tini",
            "dumb-init",
        ),
    }
)
_ELSEWHERE = frozenset({"uv", "uvx", "conda", "micromamba", "mamba", "pixi", "poetry"})
"""Wrappers that choose an environment of their own: which vLLM runs cannot be told from the PATH."""

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash", "ksh", "fish"})
_CONTAINERS = frozenset({"docker", "podman", "kubectl", "srun", "ssh", "ray", "mpirun", "torchrun"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
_SERVER_MODULE = re.compile(r"vllm\.entrypoints\.(?:openai\.)?(?:launchers\.)?api_server(?:\.\w+)?")
_CLI_MODULE = "vllm.entrypoints.cli.main"
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@attrs.frozen(kw_only=True)
class Program:
    """A vLLM server in a command line.

    Attributes:
        executable: the script or the interpreter whose environment has vLLM in it, "" when a wrapper chooses it.
        words: what vLLM's parser is given: `serve` and its arguments, or the arguments of the server's module.
        environment: the variables that `env` sets; None for one that it takes away.
    """

    executable: str
    words: tuple[str, ...]
    environment: Mapping[str, str | None] = attrs.field(factory=dict)


def find_program(command: Sequence[str]) -> Program:
    """Find the server that a command starts.

    Args:
        command: its words.

    Returns:
        The server.

    Raises:
        CommandProblem: it starts none, or what it starts cannot be told.

    >>> find_program(["env", "A=1", "-u", "B", "numactl", "-N", "0", "/venv/bin/vllm", "serve", "m"])
    Program(executable='/venv/bin/vllm', words=('serve', 'm'), environment={'A': '1', 'B': None})
    """
    environment: dict[str, str | None] = {}
    elsewhere = False
    for index, word in enumerate(command):
        name = PurePosixPath(word).name
        if name == "vllm":
            words = tuple(command[index + 1 :])
            return Program(executable="" if elsewhere else word, words=_serving(words), environment=environment)
        if _PYTHON.fullmatch(name):
            words = _module(command[index + 1 :])
            return Program(executable="" if elsewhere else word, words=words, environment=environment)
        _refuse(name, word, first=index == 0)
        elsewhere = elsewhere or name in _ELSEWHERE
        _note_assignment(environment, command, index)
    msg = "no vLLM is in this command line"
    raise CommandProblem(NOT_UNDERSTOOD, msg, refused=False)


def _refuse(name: str, word: str, *, first: bool) -> None:
    """Give up at a word behind which nothing can be seen."""
    if name in _SHELLS:
        msg = f"what {name!r} runs is a script, which only the shell can read"
        raise CommandProblem(NOT_UNDERSTOOD, msg, fix="give the command of vLLM itself", refused=False)
    if name in _CONTAINERS:
        msg = f"{name!r} starts it elsewhere, where this machine's files and devices do not count"
        raise CommandProblem(NOT_UNDERSTOOD, msg, fix="run the check there", refused=False)
    if first and name not in _WRAPPERS and not _ASSIGNMENT.fullmatch(word):
        msg = f"{word!r} is not vLLM, nor a wrapper that is known to start it"
        raise CommandProblem(NOT_UNDERSTOOD, msg, fix="write it as: vllm serve MODEL ...", refused=False)


def _note_assignment(environment: dict[str, str | None], command: Sequence[str], index: int) -> None:
    """Note what `env` sets or takes away; `VAR=value` in front of the command counts as well."""
    assigned = _ASSIGNMENT.fullmatch(command[index])
    if assigned:
        environment[assigned[1]] = assigned[2]
    elif command[index] in {"-u", "--unset"} and index + 1 < len(command):
        environment[command[index + 1]] = None


def _serving(words: tuple[str, ...]) -> tuple[str, ...]:
    if words[:1] == ("serve",):
        return words
    what = words[0] if words else "(no subcommand)"
    msg = f"`vllm {what}` starts no server"
    raise CommandProblem(NOT_UNDERSTOOD, msg, fix="write it as: vllm serve MODEL ...", refused=False)


def _module(arguments: Sequence[str]) -> tuple[str, ...]:
    """What a Python interpreter hands to vLLM: after `-m MODULE`, or after the script `vllm`."""
    for index, word in enumerate(arguments):
        module = "".join(arguments[index + 1 : index + 2])
        if word == "-m" and _SERVER_MODULE.fullmatch(module):
            return tuple(arguments[index + 2 :])
        if word == "-m" and module == _CLI_MODULE:
            return _serving(tuple(arguments[index + 2 :]))
        if PurePosixPath(word).name == "vllm":
            return _serving(tuple(arguments[index + 1 :]))
        if word in {"-m", "-c"}:
            break
    msg = "Python is given something else than a vLLM server"
    raise CommandProblem(NOT_UNDERSTOOD, msg, fix="write it as: vllm serve MODEL ...", refused=False)
