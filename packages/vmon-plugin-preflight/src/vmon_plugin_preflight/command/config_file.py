"""The options that `--config FILE` brings in, in front of those of the command line."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, Any

from vmon_plugin_preflight.command.problem import CONFIG_FILE, NO_MODEL, CommandProblem
from vmon_plugin_preflight.regular import expands, read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


_LARGEST = 1 << 20  # bytes of a file of options


def with_config(words: list[str], locate: Callable[[str], Path], flags: frozenset[str]) -> list[str]:
    """Replace `--config FILE` by the options of the file.

    Args:
        words: as vLLM's parser gets them, with or without `serve`.
        locate: makes a path of what the command names.
        flags: the option strings of this version, to know which switches have a `--no-` form.

    Returns:
        The words; those of the file stand in front of the others, so that the command line wins.

    Raises:
        CommandProblem: vLLM would not get over the file.
    """
    if "--config" not in words:
        return words
    index = words.index("--config")
    if words.count("--config") > 1:
        raise CommandProblem(CONFIG_FILE, "there is more than one `--config`", fix="put everything into one file")
    if index + 1 == len(words):
        raise CommandProblem(CONFIG_FILE, "`--config` names no file")
    options = _options(load_yaml(words[index + 1], locate), flags)
    head = words[:1] if words[0] == "serve" else []
    model = words[len(head) : len(head) + 1] if head and not words[1].startswith("-") else []
    if head and not model and "--model" not in options:
        raise CommandProblem(NO_MODEL, "neither the command line nor its `--config` names a model")
    return [*head, *model, *options, *words[len(head) + len(model) : index], *words[index + 2 :]]


def load_yaml(name: str, locate: Callable[[str], Path]) -> Mapping[str, Any]:
    """Read a configuration file.

    Raises:
        CommandProblem: it cannot be read, or is no mapping.
    """
    import yaml  # noqa: PLC0415 (only a command with a file needs it)

    if name.rpartition(".")[2] not in {"yaml", "yml"}:
        raise CommandProblem(CONFIG_FILE, f"vLLM takes only .yaml and .yml files, not {name}")
    try:
        text = read_regular(locate(name), _LARGEST).decode()
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe loaders)
    except OSError as error:
        refused = error.errno not in {errno.EINVAL, errno.EFBIG}  # vLLM would read a pipe as well
        summary = f"{name} cannot be read: {error.strerror}"
        raise CommandProblem(CONFIG_FILE, summary, fix="correct its path", refused=refused) from error
    except UnicodeError as error:
        raise CommandProblem(CONFIG_FILE, f"{name} cannot be read: {error}", fix="correct its path") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise CommandProblem(CONFIG_FILE, f"{name} is no valid YAML: {' '.join(str(error).split())}") from error
    if expands(data):
        raise CommandProblem(CONFIG_FILE, f"{name} stands for too many values", refused=False)
    if not isinstance(data, dict):
        raise CommandProblem(CONFIG_FILE, f"{name} is no mapping of options to values")
    return data


def _options(data: Mapping[str, Any], flags: frozenset[str]) -> list[str]:
    """The words that stand for the entries of a file, as vLLM's `load_config_file` makes them."""
    words: list[str] = []
    for key, value in data.items():
        if isinstance(value, bool):
            words += [f"--{key}"] if value else [w for w in (f"--no-{key}",) if w in flags]
        elif isinstance(value, list):
            words += [f"--{key}", *map(str, value)] if value else []
        else:
            words += [f"--{key}", json.dumps(value, default=str) if isinstance(value, dict) else str(value)]
    return words
