"""Find secrets in text.

A log line is input that nobody vouches for, so every pattern begins with a literal and repeats without backtracking:
the time grows with the length of the text, whatever the text is.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from vmon_core.redaction.names import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN = "***"
"""Stands where a secret was."""

_URL_USER = re.compile(r"""(?<=://)[^\s/?#"'<>]+(?=@)""")
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----).+?(?=-----END|\Z)", re.DOTALL)
_SHAPES = re.compile(
    r"""(?<![A-Za-z0-9])
    (?: (hf_) [A-Za-z0-9]{12,}+
      | (sk- | gh[opsru]_ | github_pat_ | xox[abeprs]- | glpat- | nvapi-) [A-Za-z0-9][\w-]{11,}+
      | (AKIA | ASIA) [A-Z0-9]{12,}+
      | (eyJ) [\w-]{5,}+ \. [\w-]{5,}+ (?: \. [\w-]*+ )?
    )""",
    re.VERBOSE,
)
"""What a prefix gives away: Hugging Face, OpenAI, GitHub, Slack, GitLab, NVIDIA and AWS tokens, JSON Web Tokens."""

_NAME_CHARACTERS = string.ascii_letters + string.digits + "_.-"
_LOWER_CASE = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LONGEST_NAME = 64
_NAMED = re.compile(
    r"""
    (?P<name> (?: (?:api|access|private|secret|auth|signing|encryption|account)[ _-]?keys?
        | token | secret | passw(?:or)?d | passphrase | pwd | credential | authorization | bearer | cookie
        | (?P<loose> _key | _auth ) | (?<=[?&]) (?: key | sig | x-amz-signature )
      ) [\w-]{0,64}+ )
    (?: (?P<assigned> \\*+ ["']? \s*+ (?: := | => | == | = | :(?!:|//) ) \s*+ )  # token=X, "token": X
      | (?P<listed> \\*+ ["'] \s*+ , \s*+ (?=\\*["']) )  # ['--token', 'X']
      | \s++  # --token X
    )""",
    re.VERBOSE | re.ASCII,
)
"""In lower case: the last part of a name that may be a secret's, and what separates it from its value.

A loose part counts only in capitals, as environment variables have it: many a `cache_key` is none.
"""

_VALUE = re.compile(
    r"""
    (?P<kept> (?: (?:bearer|basic|digest|token) \s++ )?+ )
    (?: (?P<quote> \\*+ ["'] ) (?: (?!(?P=quote)) (?: \\. | . ) )*+
      | (?P<list> [\[(] )
        (?: \\["'] (?: (?!\\["']) . )*+ (?: \\["'] | \Z )
          | " (?: \\. | [^"] )*+ (?: " | \Z )
          | ' (?: \\. | [^'] )*+ (?: ' | \Z )
          | [^\])"'] )*+
      | (?! \{ \s* \\* ["'}] )  # a mapping's own names decide
        (?P<bare> (?: [^\s"'&] | & (?! [\w.-]{1,64}= ) | ["'] (?! [\s,:;)\]}] | \Z ) )++ )
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""A value in quotes, in brackets or by itself; no capture is repeated possessively: Python 3.11 gets that wrong."""
_PUNCTUATION = ",;:.)]}>\\"
_PLAIN_WORDS = frozenset(
    {
        *("and", "are", "for", "in", "is", "not", "or", "to", "was", "with"),
        *("none", "null", "true", "false", "missing", "required", "invalid", "token", "tokens", "authentication"),
    }
)
"""Words that follow a secret's name in plain sentences and values that hide nothing."""


def redact_text(text: str) -> str:
    """Hide what looks like a secret in a text.

    Args:
        text: anything that is going to be shown or kept.

    Returns:
        The text with `***` for each secret; the same object when nothing looks like one.

    >>> redact_text("GET https://user:pass@host/x with Authorization: Bearer abc, then --api-key abc")
    'GET https://***@host/x with Authorization: Bearer ***, then --api-key ***'
    >>> redact_text("max_num_batched_tokens=2048")
    'max_num_batched_tokens=2048'
    """
    lowered = _lower(text)
    for hints, step in _STEPS:
        if any(hint in lowered for hint in hints):
            text = step(text)
    return text


def _lower(text: str) -> str:
    """Lower the case of ASCII letters, so that every character keeps its place; faster than patterns that ignore it."""
    return text.lower() if text.isascii() else text.translate(_LOWER_CASE)


def _redact_named(text: str) -> str:
    lowered = _lower(text)
    parts, end = [], 0
    found = _NAMED.search(lowered)
    while found:
        at = found.end()
        value = _VALUE.match(text, at) if _asks_for_secret(text, found) else None
        if value:
            parts += [text[end:at], _hidden(value)]
            at = end = value.end()
        found = _NAMED.search(lowered, at)
    return "".join([*parts, text[end:]]) if parts else text


def _asks_for_secret(text: str, found: re.Match[str]) -> bool:
    """Whether the whole name is a secret's; one that only blanks follow must be an option, or the word Bearer."""
    if found["loose"] and not text[slice(*found.span("loose"))].isupper():
        return False
    before = text[max(0, found.start() - _LONGEST_NAME) : found.start()]
    name = before[len(before.rstrip(_NAME_CHARACTERS)) :] + text[found.start() : found.end("name")]
    if found["assigned"]:
        return is_secret_name(name)
    return (name.startswith("-") and is_secret_name(name)) or (name.lower() == "bearer" and not found["listed"])


def _hidden(value: re.Match[str]) -> str:
    """What to write instead of a value: quotes, brackets and what follows in a sentence stay."""
    if value["bare"]:
        secret = value["bare"].rstrip(_PUNCTUATION)
        plain = not secret or secret.lower() in _PLAIN_WORDS
        return value[0] if plain else value["kept"] + HIDDEN + value["bare"][len(secret) :]
    opening = value["quote"] or value["list"]
    empty = value[0] == value["kept"] + opening
    return value[0] if empty else value["kept"] + opening + HIDDEN


_SHAPE_HINTS = (
    "hf_",
    "sk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "_pat_",
    "xox",
    "glpat-",
    "nvapi-",
    "akia",
    "asia",
)
_NAME_HINTS = ("token", "secret", "passw", "passphrase", "pwd", "credential", "key", "auth", "bearer", "cookie", "sig")
_STEPS: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (("://",), lambda text: _URL_USER.sub(HIDDEN, text)),
    (("private key-----",), lambda text: _PRIVATE_KEY.sub(rf"\1{HIDDEN}", text)),
    ((*_SHAPE_HINTS, "eyj"), lambda text: _SHAPES.sub(lambda found: f"{found[found.lastindex or 0]}{HIDDEN}", text)),
    (_NAME_HINTS, _redact_named),
)
"""What is done to a text, after what in it (in lower case) makes that worth its time."""
