"""What a command line says about the server that it starts: whether it is vLLM, where it listens, what it serves."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PORT = 8000

_PROGRAMS = frozenset({"vllm", "vmon-standin"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*t?")
_WRAPPERS = frozenset(
    {
        *("env", "nohup", "nice", "ionice", "chrt", "numactl", "taskset", "setsid", "stdbuf", "time", "timeout"),
        *("sudo", "uv", "uvx", "conda", "micromamba", "mamba", "pixi", "poetry", "nsys", "catchsegv"),
    }
)
_MODULE = re.compile(r"vllm(?:\.[\w.]+)?")
_SERVER_MODULE = re.compile(r"vllm\.entrypoints\.(?:openai\.)?(?:launchers\.)?api_server(?:\.\w+)?")
_EVERYWHERE = frozenset({"", "0.0.0.0"})  # noqa: S104 (recognised here, never bound)


@attrs.frozen(kw_only=True)
class ServerOptions:
    """The options of a server that tell how to reach it; defaults are vLLM's own.

    Attributes:
        model: the model's path or name, "" when the command names none.
        served_names: the names under which the API serves it.
        uds: the path of its Unix socket, which replaces host and port.
        tls: whether it speaks HTTPS.
    """

    model: str = ""
    served_names: tuple[str, ...] = ()
    host: str = ""
    port: int = DEFAULT_PORT
    uds: str = ""
    tls: bool = False

    @property
    def url(self) -> str:
        """Where this machine reaches it; a Unix socket as `http+unix://` with its path percent-encoded.

        >>> ServerOptions(host="0.0.0.0", port=8100).url, ServerOptions(uds="/run/v.sock").url
        ('http://127.0.0.1:8100', 'http+unix://%2Frun%2Fv.sock')
        """
        if self.uds:
            return f"http+unix://{quote(self.uds, safe='')}"
        host = "127.0.0.1" if self.host in _EVERYWHERE else "::1" if self.host == "::" else self.host
        return f"http{'s' if self.tls else ''}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def name(self) -> str:
        """What people call the deployment: its first served name, or the last part of the model's name."""
        return self.served_names[0] if self.served_names else PurePosixPath(self.model).name or "vllm"


def is_vllm_command(command: Sequence[str]) -> bool:
    """Whether a command line runs vLLM (or the testkit's stand-in), directly or through a well-known wrapper.

    Args:
        command: the command line. What a script of the user's own starts cannot be known.

    Returns:
        Whether it surely does.

    >>> is_vllm_command(["env", "A=1", "numactl", "-N", "0", "/venv/bin/vllm", "serve", "m"])
    True
    >>> is_vllm_command(["cat", "vllm"])
    False
    """
    return _unwrapped(command) is not None


def runs_server(command: Sequence[str]) -> bool:
    """Whether the process with this command line is a vLLM server itself, and not a wrapper that waits for one.

    >>> runs_server(["python3", "/venv/bin/vllm", "serve", "m"]), runs_server(["uv", "run", "vllm", "serve", "m"])
    (True, False)
    """
    return bool(command) and PurePosixPath(command[0]).name not in _WRAPPERS and _server_arguments(command) is not None


def server_options(command: Sequence[str]) -> ServerOptions | None:
    """Read the options of a command that starts a server.

    Args:
        command: the command line, as a person or the kernel gives it.

    Returns:
        The options, None when the command does not start a vLLM server (`vllm bench …` does not). Options that stand
        in a `--config` file are not seen. A port that is no number counts as not given.

    >>> server_options(["vllm", "serve", "org/tiny", "--port=8100"]).url
    'http://127.0.0.1:8100'
    """
    arguments = _server_arguments(command)
    if arguments is None:
        return None
    options = _options(arguments)
    model = next(iter(options.get("--model", ())), "") or next(iter(options.get("", ())), "")
    port = _last(options, "--port")
    return ServerOptions(
        model=model,
        served_names=tuple(options.get("--served-model-name", ())),
        host=_last(options, "--host"),
        port=int(port) if port.isdecimal() else DEFAULT_PORT,
        uds=_last(options, "--uds"),
        tls="--ssl-certfile" in options,
    )


def _server_arguments(command: Sequence[str]) -> list[str] | None:
    """The arguments after `vllm serve`, or after a module that is the server itself."""
    program = _unwrapped(command)
    if program is None:
        return None
    if _SERVER_MODULE.fullmatch(program[0]):
        return program[1:]
    if PurePosixPath(program[0]).name == "vmon-standin":
        return program[2:] if program[1:2] == ["serve"] else program[1:]
    return program[2:] if list(program[1:2]) == ["serve"] else None


def _unwrapped(command: Sequence[str]) -> list[str] | None:
    """Cut off everything before the program (or module) `vllm`; None when the command does not run it.

    Wrappers have options of their own, with and without values; rather than know them all, look on for the next
    word that is a program.
    """
    for index, part in enumerate(command):
        name = PurePosixPath(part).name
        if name in _PROGRAMS:
            return list(command[index:])
        if _PYTHON.fullmatch(name):
            return _python_program(command[index + 1 :])
        if index == 0 and name not in _WRAPPERS:
            return None
    return None


def _python_program(arguments: Sequence[str]) -> list[str] | None:
    """What a Python interpreter runs: the module after -m, or the first word that is no option of its own."""
    words = iter(enumerate(arguments))
    for index, part in words:
        if part == "-m":
            return (
                list(arguments[index + 1 :]) if _MODULE.fullmatch("".join(arguments[index + 1 : index + 2])) else None
            )
        if part in {"-X", "-W"}:
            next(words, None)
        elif part.startswith("-c"):
            return None
        elif not part.startswith("-"):
            return list(arguments[index:]) if PurePosixPath(part).name in _PROGRAMS else None
    return None


def _options(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The values that follow each option; words before the first option stand under ""."""
    options: dict[str, list[str]] = {}
    current = ""
    for part in arguments:
        if not part.startswith("-"):
            options.setdefault(current, []).append(part)
            continue
        name, given, value = part.partition("=")
        current = _option(name)
        options[current] = [value] if given else []
    return options


def _option(name: str) -> str:
    """Spell an option with hyphens; vLLM takes underscores as well."""
    return "--" + name[2:].replace("_", "-") if name.startswith("--") else name


def _last(options: dict[str, list[str]], name: str) -> str:
    values = options.get(name)
    return values[-1] if values else ""
