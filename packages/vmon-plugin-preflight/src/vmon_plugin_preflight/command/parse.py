"""Parse the words of a server as this version's argparse would."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from vmon_plugin_preflight.command.arguments import Arguments
from vmon_plugin_preflight.command.config_file import with_config
from vmon_plugin_preflight.command.problem import AMBIGUOUS, INVALID, NOT_UNDERSTOOD, CommandProblem
from vmon_plugin_preflight.command.readers import READERS
from vmon_plugin_preflight.command.spelling import model_first, repeated, spelled, undotted
from vmon_plugin_preflight.command.table import Option, Table, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@attrs.frozen(kw_only=True)
class Parsed:
    """What became of a command line.

    Attributes:
        arguments: what is understood of it; without values when it is refused as a whole.
        unknown: the words that no option takes.
        repeated: options of which only the last one counts.
        problem: why vLLM would refuse it, None when it would not.
    """

    arguments: Arguments
    unknown: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    problem: CommandProblem | None = None


def parse(words: Sequence[str], version: str, locate: Callable[[str], Path]) -> Parsed:
    """Parse the words that a vLLM server is given.

    Args:
        words: beginning with `serve`, or those of the server's module.
        version: of the vLLM that will read them, "" when it is not known.
        locate: makes a path of what the command names.

    Returns:
        The arguments, and what is wrong.
    """
    table = recorded(version)
    known = table.version == version
    try:
        given = _prepared(words, table, locate)
        values, unknown = _parser(table).parse_known_args(undotted(given))
    except CommandProblem as problem:
        return Parsed(arguments=Arguments({}, table, known), problem=problem)
    except argparse.ArgumentError as error:
        return Parsed(arguments=Arguments({}, table, known), problem=_problem(error, table))
    except (RecursionError, OverflowError) as error:
        extreme = CommandProblem(INVALID, f"a value is too deep or too large: {error}", refused=False)
        return Parsed(arguments=Arguments({}, table, known), problem=extreme)
    arguments = Arguments({d: v for d, v in vars(values).items() if v is not None}, table, known)
    return Parsed(arguments=arguments, unknown=tuple(unknown), repeated=tuple(repeated(given)))


def nearest(word: str, table: Table) -> str:
    """The option that was probably meant, "" when none is near.

    >>> nearest("--max-model-lenght", recorded())
    '--max-model-len'
    """
    flags = [f for o in table.options.values() for f in o.flags if f.startswith("--")]
    return next(iter(difflib.get_close_matches(word.partition("=")[0], flags, n=1, cutoff=0.7)), "")


def _prepared(words: Sequence[str], table: Table, locate: Callable[[str], Path]) -> list[str]:
    served = bool(words) and words[0] == "serve"
    found = model_first(words) if served else list(words)
    flags = frozenset(f for o in table.options.values() for f in o.flags)
    found = with_config(found, locate, flags)
    return spelled(found[1:] if served else found)


_GIVEN_VALUE = re.compile(r"=.* could", re.DOTALL)
"""The value of an ambiguous option, which may be a secret, in what argparse says."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving the process."""

    def print_help(self, file: object = None) -> NoReturn:  # noqa: ARG002 (argparse gives it)
        """Say that help is asked for, which vLLM prints instead of starting."""
        fix = "leave --help out"
        raise CommandProblem(NOT_UNDERSTOOD, "`--help` prints help and starts no server", fix=fix, refused=False)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse says in words only."""
        if message.startswith("ambiguous option"):
            named = _GIVEN_VALUE.sub(" could", message)
            raise CommandProblem(AMBIGUOUS, named, fix="write the option in full")
        raise CommandProblem(INVALID, message)


class _Modules(argparse.Action):
    """`--lora-modules`: items are `name=path` or JSON objects."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 (argparse gives anything)
        _option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, [self._module(item) for item in values if item])

    def _module(self, item: str) -> dict[str, Any]:
        if "=" in item and "," not in item:
            name, _, path = item.partition("=")
            return {"name": name, "path": path}
        try:
            module = READERS["json"](item)
        except ValueError as error:
            raise argparse.ArgumentError(self, f"{item!r} is neither NAME=PATH nor JSON") from error
        if not isinstance(module, dict) or not {"name", "path"} <= module.keys():
            raise argparse.ArgumentError(self, f"{item!r} must have `name` and `path`")
        return module


_ACTIONS: dict[str, Any] = {"boolean": argparse.BooleanOptionalAction, "lora": _Modules}


def _parser(table: Table) -> argparse.ArgumentParser:
    parser = _Parser(prog="vllm serve", exit_on_error=False, argument_default=argparse.SUPPRESS)
    for option in table.options.values():
        parser.add_argument(*_names(option), **_settings(option))
    return parser


def _names(option: Option) -> list[str]:
    """The names to give to argparse, which makes the `--no-` forms itself."""
    if option.action != "boolean":
        return list(option.flags) or [option.dest]
    return [f for f in option.flags if not f.startswith("--no-")] or list(option.flags)


def _settings(option: Option) -> dict[str, Any]:
    found: dict[str, Any] = {"action": _ACTIONS.get(option.action, option.action)}
    if option.flags:
        found["dest"] = option.dest
    if option.kind:
        found["type"] = READERS.get(option.kind, str)
    for name in ("nargs", "const", "choices"):
        value = getattr(option, name)
        if value not in (None, ()):
            found[name] = value
    return found


def _problem(error: argparse.ArgumentError, table: Table) -> CommandProblem:
    """Say what argparse says, with the fix."""
    summary = f"{error.argument_name}: {error.message}" if error.argument_name else error.message
    option = next((o for o in table.options.values() if "/".join(o.flags) == error.argument_name), None)
    return CommandProblem(INVALID, summary, fix=_fix(option) if option else "")


def _fix(option: Option) -> str:
    flag = option.flags[0]
    if option.choices:
        return f"{flag} {'|'.join(map(str, option.choices))}"
    return f"{flag} takes {_KINDS.get(option.kind, 'a value')}"


_KINDS = {
    "int": "an integer",
    "float": "a number",
    "human_readable_int": "an integer such as 8192 or 8k",
    "human_readable_int_or_auto": "an integer such as 8192 or 8k, or `auto`",
    "json": "JSON, such as '{\"key\": 1}', or one option a key: --option.key 1",
}
