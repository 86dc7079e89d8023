"""Tell the names of secrets from names that only sound like one."""

from __future__ import annotations

import re
from functools import lru_cache

_SECRET_WORDS = frozenset(
    {
        *("password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "credential", "credentials"),
        *("auth", "authorization", "bearer", "cookie", "signature", "sig", "apikey", "apikeys"),
    }
)
_KEY_OWNERS = frozenset({"api", "access", "private", "secret", "auth", "signing", "encryption", "account"})
_MODEL_WORDS = frozenset(
    {
        *("bos", "eos", "pad", "unk", "cls", "sep", "mask", "stop", "special", "image", "video", "audio", "input"),
        *("output", "prompt", "inter", "per", "first", "next", "id", "count", "latency", "budget", "limit"),
        *("length", "type"),
    }
)
"""Beside one of these, `token` is what a model reads: `eos_token_id`, `time_per_output_token`."""
_PLACES = frozenset({"file", "path", "dir"})
"""A name that ends so says where a secret lies, which is no secret."""
_WORKING_DIRECTORIES = frozenset({"PWD", "OLDPWD"})

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a variable, key or option of this name holds a secret.

    Args:
        name: in any style: `HF_TOKEN`, `--api-key`, `apiKey`.

    >>> [is_secret_name(n) for n in ("HF_TOKEN", "apiKey", "max_num_batched_tokens", "tokenizer", "ssl_key_path")]
    [True, True, False, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _PLACES or name in _WORKING_DIRECTORIES:
        return False
    padded = ["", *words, ""]
    return any(_gives_away(*padded[at : at + 3]) for at in range(len(words)))


def _gives_away(before: str, word: str, after: str) -> bool:
    match word:
        case "keys":
            return before in _KEY_OWNERS
        case "key":
            return before != "public" and after != "value"  # num_key_value_heads is a size of the attention
        case "token":
            return _MODEL_WORDS.isdisjoint((before, after.removesuffix("s")))
    return word in _SECRET_WORDS
