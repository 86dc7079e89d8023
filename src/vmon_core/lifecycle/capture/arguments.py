"""The arguments of a vLLM server, from its command line and from what it reports itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vmon_core.redaction import redact_command, redact_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHORT_OPTIONS = {
    "-tp": "tensor_parallel_size",
    "-pp": "pipeline_parallel_size",
    "-dp": "data_parallel_size",
    "-dcp": "decode_context_parallel_size",
    "-pcp": "prefill_context_parallel_size",
    "-ep": "enable_expert_parallel",
    "-O": "optimization_level",
    "-cc": "compilation_config",
    "-q": "quantization",
    "-r": "node_rank",
    "-n": "nnodes",
}
"""vLLM's short options and the arguments that they stand for (vLLM 0.32, `vllm serve --help=all`)."""


def parse_command(command: Sequence[str]) -> dict[str, Any]:
    """Read the arguments of a command line that starts a server.

    Args:
        command: such as `("vllm", "serve", "MODEL", "--port", "8000")`.

    Returns:
        Arguments by name, in snake case, with numbers and JSON as such, and secrets redacted; dots are kept.

    >>> parse_command(["vllm", "serve", "m", "--max-model-len", "1024", "-tp=2", "--enforce-eager", "--no-x-y"])
    {'model': 'm', 'max_model_len': 1024, 'tensor_parallel_size': 2, 'enforce_eager': True, 'x_y': False}
    """
    words = _server_words(redact_command(command))
    arguments: dict[str, Any] = {}
    if words and not words[0].startswith("-"):
        arguments["model"], words = words[0], words[1:]
    for option, values in _options(words):
        name, value = _argument(option, values)
        arguments[name] = value
    return redact_mapping(arguments)


def _server_words(command: Sequence[str]) -> list[str]:
    """What follows `serve`, or the module that is the server."""
    words = list(command)
    for index, word in enumerate(words):
        if word == "serve" or (word.startswith("vllm.entrypoints") and words[index - 1] == "-m"):
            return words[index + 1 :]
    return words[1:]


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    option, values = "", list[str]()
    for word in words:
        if not word.startswith("-") or _is_number(word):
            values.append(word)
            continue
        if option:
            yield option, values
        option, given, value = word.partition("=")
        values = [value] if given else []
    if option:
        yield option, values


def _argument(option: str, values: list[str]) -> tuple[str, Any]:
    name = SHORT_OPTIONS.get(option) or option.lstrip("-").replace("-", "_")
    if values:
        return name, _value(values[0]) if len(values) == 1 else [_value(v) for v in values]
    if name.startswith("no_"):
        return name.removeprefix("no_"), False
    return name, True


def _value(text: str) -> Any:  # noqa: ANN401 (whatever the option takes)
    if _is_number(text):
        return float(text) if "." in text or "e" in text.lower() else int(text)
    if text[:1] in "{[":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip("-+").lower() not in ("nan", "inf", "infinity")


def merge_reports(arguments: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what the command line says and what the server reports; the server knows better."""
    return {**arguments, **reported}
