"""The arguments of a vLLM server, from its command line and from what it reports itself.

Options are read without vLLM's own parser, which would import torch. What the parser would know of each option is
here only as far as it changes the reading: short names, options that take lists, and switches that take nothing
(vLLM 0.32, `vllm serve --help=all`).
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from vmon_core.lifecycle.capture.bounds import MAX_ITEMS, MAX_TEXT, bounded
from vmon_core.redaction import redact_command, redact_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHORT_OPTIONS = {
    "-ac": "attention_config",
    "-asc": "api_server_count",
    "-cc": "compilation_config",
    "-dc": "diffusion_config",
    "-dcp": "decode_context_parallel_size",
    "-dp": "data_parallel_size",
    "-dpa": "data_parallel_address",
    "-dpb": "data_parallel_backend",
    "-dpe": "data_parallel_external_lb",
    "-dph": "data_parallel_hybrid_lb",
    "-dpl": "data_parallel_size_local",
    "-dpm": "data_parallel_multi_port_external_lb",
    "-dpn": "data_parallel_rank",
    "-dpp": "data_parallel_rpc_port",
    "-dpr": "data_parallel_start_rank",
    "-ep": "enable_expert_parallel",
    "-n": "nnodes",
    "-O": "optimization_level",
    "-pcp": "prefill_context_parallel_size",
    "-pp": "pipeline_parallel_size",
    "-q": "quantization",
    "-r": "node_rank",
    "-sc": "speculative_config",
    "-tp": "tensor_parallel_size",
}
"""vLLM's short options and the arguments that they stand for."""

LISTS = frozenset(
    {
        *("allowed_media_domains", "api_key", "collect_detailed_traces", "cpu_offload_params", "ignore_patterns"),
        *("cudagraph_capture_sizes", "kv_cache_dtype_skip_layers", "logits_processors", "lora_modules", "middleware"),
        *("lora_target_modules", "numa_bind_cpus", "numa_bind_nodes", "offload_params", "served_model_name"),
        *("sleep_preserve_parameter_names",),
    }
)
"""Arguments that are lists: their options take several values, or may be given several times."""

_SWITCH = re.compile(r"(?:enable|disable|no|use|skip|return|allow)_|enforce_eager$|trust_remote_code$|headless$")
"""Options after which a word is the model rather than a value; it matters only where the model stands behind them."""

_INTEGER = re.compile(r"[+-]?\d{1,18}")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


def parse_command(command: Sequence[str]) -> dict[str, Any]:
    """Read the arguments of a command line that starts a server.

    Args:
        command: such as `("vllm", "serve", "MODEL", "--port", "8000")`; a wrapper may stand in front.

    Returns:
        Arguments by name in snake case, as plain data with numbers and JSON as such and secrets redacted. Parts of a
        configuration keep their dots: `--kv-transfer-config.kv_role x` gives `kv_transfer_config.kv_role`.

    >>> parse_command(["vllm", "serve", "m", "--max-model-len", "1024", "-tp=2", "--enforce-eager", "--no-x-y", "-O3"])
    {'model': 'm', 'max_model_len': 1024, 'tensor_parallel_size': 2, 'enforce_eager': True, 'x_y': False,
     'optimization_level': 3}
    """
    words = _server_words(redact_command(command))
    arguments: dict[str, Any] = {}
    for name, value in _arguments(deque(islice(words, MAX_ITEMS))):
        if isinstance(value, list) and isinstance(arguments.get(name), list):
            arguments[name] += value
        elif name != "model" or name not in arguments:
            arguments[name] = value
    return redact_mapping(arguments)


def merge_reports(arguments: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what the command line says and what the server reports; the server knows better.

    Args:
        arguments: from `parse_command`.
        reported: from the server itself, such as its `non-default args`; secrets in it are redacted.

    >>> merge_reports({"port": 1, "cc.mode": 3, "max_model_len": "auto"}, {"max_model_len": 1024, "cc": {"mode": 3}})
    {'port': 1, 'max_model_len': 1024, 'cc': {'mode': 3}}
    """
    own = {name: value for name, value in arguments.items() if name.partition(".")[0] not in reported}
    return {**own, **redact_mapping(reported)}


def _server_words(command: Sequence[str]) -> Sequence[str]:
    """What follows `serve`, the module or script that is the server, or its container image."""
    if "serve" in command:
        return command[command.index("serve") + 1 :]
    for at, word in enumerate(command):
        if word.startswith("vllm.entrypoints.") or word.endswith("/api_server.py") or "/vllm-openai" in word:
            return command[at + 1 :]
    first_option = next((at for at, word in enumerate(command) if word.startswith("--")), len(command))
    return command[first_option:]


def _arguments(words: deque[str]) -> Iterator[tuple[str, Any]]:
    has_model = False
    while words:
        word = words.popleft()
        if not _is_option(word):
            has_model = True
            yield "model", bounded(word)
            continue
        name, given = _split(word)
        yield _argument(name, [given] if given is not None else _values(name, words, has_model=has_model))


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not _FLOAT.fullmatch(word)


def _split(word: str) -> tuple[str, str | None]:
    """Take an option apart into the argument's name and the value that is joined to it, if one is."""
    option, equals, value = word.partition("=")
    if option.startswith("-O") and option[2:3] not in ("", "."):
        return "optimization_level", option[2:]  # -O3
    head, dot, rest = option.partition(".")
    if head == "-O" and dot:
        head = "-cc"  # -O.mode: up to vLLM 0.11, -O stood for the compilation config
    name = SHORT_OPTIONS.get(head) or head.lstrip("-").replace("-", "_")
    return bounded(name + dot + rest), value if equals else None


def _values(name: str, words: deque[str], *, has_model: bool) -> list[str]:
    """Take the words that belong to an option."""
    if not has_model and _SWITCH.match(name):
        return []
    most = MAX_ITEMS if name in LISTS else 1
    values: list[str] = []
    while words and len(values) < most and not _is_option(words[0]):
        values.append(words.popleft())
    return values


def _argument(name: str, values: list[str]) -> tuple[str, Any]:
    if not values:
        return (name.removeprefix("no_"), False) if name.startswith("no_") else (name, True)
    if name.endswith("+"):  # --x.y+ a,b adds to a list
        return name.removesuffix("+"), [_typed(part) for part in values[0].split(",")]
    if name in LISTS:
        return name, [_typed(value) for value in values]
    return name, _typed(values[0])


def _typed(text: str) -> Any:  # noqa: ANN401 (whatever the option takes)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if text[:1] in ("{", "[") and len(text) <= MAX_TEXT:
        try:
            return json.loads(text, parse_float=_finite, parse_constant=str)
        except (ValueError, RecursionError):
            return bounded(text)
    return bounded(text)


def _finite(text: str) -> float | str:
    """A number, or the text of one that JSON could not express again."""
    number = float(text)
    return number if math.isfinite(number) else text
