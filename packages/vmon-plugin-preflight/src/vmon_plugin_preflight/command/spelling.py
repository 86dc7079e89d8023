"""What vLLM's `FlexibleArgumentParser` does to the words before argparse sees them.

Underscores become hyphens, `-O3` an option, dotted options one JSON value, `--model M` the positional model. It follows
`vllm/utils/argparse_utils.py` of 0.32.0, with its odd corners, because what vLLM makes of a word is what counts.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from vmon_plugin_preflight.command.problem import INVALID, NO_MODEL, CommandProblem
from vmon_plugin_preflight.command.readers import human_readable_int

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LEVELS = frozenset("0123")


def model_first(words: Sequence[str]) -> list[str]:
    """Put the value of `--model` where `vllm serve` expects the model; only whole words count, as in vLLM.

    Args:
        words: beginning with `serve`.

    Returns:
        The words, beginning with `serve`.

    Raises:
        CommandProblem: `--model` is the last word, or there are served names and no model.

    >>> model_first(["serve", "--port", "1", "--model", "m"])
    ['serve', 'm', '--port', '1']
    """
    found = list(words)
    index = next((i for i, w in enumerate(found) if w == "--model" or w.startswith("--model=")), None)
    if index is not None:
        inline = found[index].partition("=")[2]
        if not inline and index + 1 == len(found):
            raise CommandProblem(INVALID, "--model has no value", fix="write it as: vllm serve MODEL ...")
        end = index + (1 if inline else 2)
        found = ["serve", inline or found[index + 1], *found[1:index], *found[end:]]
    _refuse_names_without_model(found)
    return found


def _refuse_names_without_model(words: list[str]) -> None:
    options = {_hyphened(w.partition("=")[0]) for w in words}
    no_model = len(words) > 1 and words[1].startswith("-")
    if no_model and "--served-model-name" in options and "--config" not in options:
        summary = "`--served-model-name` needs the model in front of all options"
        raise CommandProblem(NO_MODEL, summary, fix="write it as: vllm serve MODEL ...")


def spelled(words: Iterable[str]) -> list[str]:
    """Write options as argparse knows them.

    >>> spelled(["--max_model_len=1_0", "-O3", "--a_b.c_d", "1"])
    ['--max-model-len=1_0', '--optimization-level', '3', '--a-b.c_d', '1']
    """
    given = list(words)
    found: list[str] = []
    for word, following in zip(given, [*given[1:], ""], strict=False):
        if word.startswith("--"):
            found.append(_hyphened(word))
        elif word.startswith("-O") and word != "-O":
            found += ["--optimization-level", word[2:].removeprefix("=")]
        elif word == "-O" and following in _LEVELS and following:
            found.append("--optimization-level")
        else:
            found.append(word)
    return found


def _hyphened(word: str) -> str:
    """Replace the underscores of an option's name, up to the first dot."""
    name, equals, value = word.partition("=")
    head, dot, rest = name.partition(".")
    return head.replace("_", "-") + dot + rest + equals + value


def repeated(words: Iterable[str]) -> list[str]:
    """The options that stand there more than once, though only the last one counts.

    >>> repeated(["--port", "1", "--port=2", "--a.b", "1", "--a.c", "2"])
    ['--port']
    """
    names = Counter(w.partition("=")[0] for w in words if w.startswith("--"))
    return [name for name, times in names.items() if times > 1 and "." not in name and name != "--middleware"]


def undotted(words: Sequence[str]) -> list[str]:
    """Join dotted options into one JSON value each, at the end.

    Raises:
        CommandProblem: the last one has no value.

    >>> undotted(["--a.b", "1k", "m", "--a.c+", "x,y"])
    ['m', '--a', '{"b": 1000, "c": ["x", "y"]}']
    """
    kept: list[str] = []
    values: dict[str, dict[str, Any]] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("-") or "." not in name:
            kept.append(word)
            continue
        given = value if equals else next(rest, None)
        if given is None:
            raise CommandProblem(INVALID, f"{name} has no value")
        key, *path = name.removesuffix("+").split(".")
        read = given.split(",") if name.endswith("+") else _read(given)
        _merge(values.setdefault(key, {}), _nested(path, read))
    for key, nested in values.items():
        kept += [key, json.dumps(nested)]
    return kept


def _read(text: str) -> Any:  # noqa: ANN401 (JSON is anything)
    for reader in (json.loads, human_readable_int):
        try:
            return reader(text)
        except Exception:  # noqa: BLE001, S112 (whatever it is, the next reader, or the text itself, stands for it)
            continue
    return text


def _nested(path: list[str], value: Any) -> dict[str, Any]:  # noqa: ANN401 (likewise)
    for key in reversed(path):
        value = {key: value}
    return value  # type: ignore[no-any-return]  # a path has at least one part


def _merge(into: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = into.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            _merge(present, value)
        elif isinstance(value, list) and isinstance(present, list):
            present += value
        else:
            into[key] = value
