"""Find secrets in plain data: mappings, lists and command lines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vmon_core.redaction.names import is_secret_name
from vmon_core.redaction.text import HIDDEN, redact_text

MAX_DEPTH = 32
"""Levels of nesting that are looked through; what lies deeper is hidden, since no real configuration goes there."""


def redact_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Hide secrets in a mapping, by the names of its keys and by the shape of its values, at any depth.

    What says where a secret lies (`{"env": NAME}`, `{"file": PATH}`) stays, and so do empty values, true and false.

    >>> redact_mapping({"api_key": ["a", "b"], "model": "tiny", "nested": {"password": "x", "token": {"env": "T"}}})
    {'api_key': ['***', '***'], 'model': 'tiny', 'nested': {'password': '***', 'token': {'env': 'T'}}}
    """
    return _redact_mapping(mapping, MAX_DEPTH)


def _redact_mapping(mapping: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {
        key: _hide(value) if is_secret_name(str(key)) else _redact_value(value, depth) for key, value in mapping.items()
    }


def _redact_value(value: Any, depth: int) -> Any:  # noqa: ANN401 (plain data of any kind)
    if isinstance(value, str):
        return redact_text(value)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth == 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return _redact_mapping(value, depth - 1)
    if all(isinstance(item, str) for item in value):
        items = list(redact_command(value))  # it may be one, and is taken as words if it is not
    else:
        items = [_redact_value(item, depth - 1) for item in value]
    return items if isinstance(value, list) else tuple(items)


def _hide(value: Any) -> Any:  # noqa: ANN401 (plain data of any kind)
    match value:
        case None | True | False | "":
            return value
        case {"env": str(), **rest} | {"file": str(), **rest} if not rest:
            return dict(value)
        case list():
            return [HIDDEN] * len(value)
        case tuple():
            return (HIDDEN,) * len(value)
    return HIDDEN


# --- command lines ---

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_ASSIGNED_NAME = re.compile(r"-{0,2}[A-Za-z_][\w.-]*")
_TAKES_SEVERAL = frozenset({"--api-key", "--api_key"})
"""Options that take any number of secrets (vLLM 0.32: `--api-key [API_KEY ...]`)."""


def redact_command(command: Sequence[str]) -> tuple[str, ...]:
    """Hide secrets in a command line: what follows a secret option, and what looks like one, inside JSON too.

    >>> redact_command(["vllm", "serve", "m", "--api-key", "a", "b", "--hf-token=c", "--x", '{"token": "d"}'])
    ('vllm', 'serve', 'm', '--api-key', '***', '***', '--hf-token=***', '--x', '{"token": "***"}')
    """
    shown: list[str] = []
    option = ""
    for part in command:
        if option and not part.startswith("-"):
            shown.append(HIDDEN if part else part)
            option = option if option in _TAKES_SEVERAL else ""
        else:
            shown.append(_redact_argument(part))
            option = part if _OPTION.fullmatch(part) and is_secret_name(part) else ""
    return tuple(shown)


def _redact_argument(part: str) -> str:
    name, given, value = part.partition("=")
    if not given or not _ASSIGNED_NAME.fullmatch(name):
        return _redact_json(part)
    return f"{name}={HIDDEN if value and is_secret_name(name) else _redact_json(value)}"


def _redact_json(text: str) -> str:
    if text[:1] not in ("{", "["):
        return redact_text(text)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return redact_text(text)
    redacted = _redact_value(data, MAX_DEPTH)
    return text if redacted == data else json.dumps(redacted)
