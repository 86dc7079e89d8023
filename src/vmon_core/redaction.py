"""Take secrets out of text, mappings and command lines before anything is kept or shown.

Names decide first (a key called `HF_TOKEN`), shapes second (a bearer token in the middle of a sentence). Names are
compared word by word, so that `max_num_batched_tokens` and `tokenizer` stay readable.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HIDDEN = "***"
"""Stands where a secret was."""

_SECRET_WORDS = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "credential", "credentials"),
        *("auth", "authorization", "apikey", "cookie", "bearer", "signature"),
    }
)
_SECRET_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("ssl", "key")})
_INNOCENT_WORDS = frozenset({"tokens", "tokenizer", "count", "counts", "limit", "mode", "file", "path", "type", "id"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_HINT = re.compile(
    r"token|secret|passw|pwd|key|auth|bearer|hf_|sk-|gh[pousr]_|AKIA|ASIA|://|credential|eyJ", re.IGNORECASE
)
"""What every shape below contains: most texts hold none of these, and are done with after one search."""

_NAME = r"[\w-]*(?:(?:api|access|secret)[_-]?key|token|secrets?|passw(?:or)?ds?|passphrase|pwd|credentials?)"
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s,;&'"})\]]+)"""
_SHAPES = (
    (re.compile(r"(\w+://)[^/\s:@]*:[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:hf_|sk-|gh[pousr]_|github_pat_|xox[abprs]-|glpat-)[\w-]{6,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(rf"(--{_NAME}(?:\s+|=)){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"(?<![\w-])(['\"]?{_NAME}['\"]?\s*[=:]\s*){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
)


def redact_text(text: str) -> str:
    """Hide what looks like a secret in a text.

    Args:
        text: anything that is going to be shown or kept.

    Returns:
        The text with `***` for each secret; the same object when there was none.

    >>> redact_text("GET https://user:pass@host/x with Bearer abcdef123456")
    'GET https://***@host/x with Bearer ***'
    >>> redact_text("max_num_batched_tokens=2048")
    'max_num_batched_tokens=2048'
    """
    if not _HINT.search(text):
        return text
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a variable, key or option of this name holds a secret.

    >>> [is_secret_name(n) for n in ("HF_TOKEN", "api_key", "VLLM_MAX_TOKENS_PER_EXPERT", "tokenizer_mode")]
    [True, True, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _INNOCENT_WORDS:
        return False
    return bool(_SECRET_WORDS.intersection(words)) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


def redact_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Hide secrets in a mapping, by the names of its keys and by the shape of its values, at any depth.

    >>> redact_mapping({"api_key": "abc", "model": "tiny", "nested": {"password": "x"}})
    {'api_key': '***', 'model': 'tiny', 'nested': {'password': '***'}}
    """
    return {key: HIDDEN if is_secret_name(key) and value else _redact_value(value) for key, value in mapping.items()}


def _redact_value(value: Any) -> Any:  # noqa: ANN401 (plain data of any kind)
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return redact_mapping(value)
    if isinstance(value, list | tuple):
        return type(value)(_redact_value(item) for item in value)
    return value


def redact_command(command: Sequence[str]) -> tuple[str, ...]:
    """Hide secrets in a command line: the values after secret options (`--api-key` takes several), and by shape.

    >>> redact_command(["vllm", "serve", "m", "--api-key", "a", "b", "--hf-token=c", "--port", "1"])
    ('vllm', 'serve', 'm', '--api-key', '***', '***', '--hf-token=***', '--port', '1')
    """
    shown, hiding = [], False
    for part in command:
        name, given, _ = part.partition("=")
        if part.startswith("-"):
            secret = is_secret_name(name)
            hiding = secret and not given
            shown.append(f"{name}={HIDDEN}" if secret and given else redact_text(part))
        else:
            shown.append(HIDDEN if hiding else redact_text(part))
    return tuple(shown)
