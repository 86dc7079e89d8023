"""Redaction: a planted secret never survives, and plain text stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.redaction import redact_command, redact_mapping, redact_text

SECRET = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789", min_size=12, max_size=40).map(lambda s: f"Q{s}")


@given(SECRET)
def test_planted_secret_does_not_survive_in_text(secret: str) -> None:
    """Whatever the context, the secret itself is gone."""
    for context in (
        "Authorization: Bearer {}",
        "https://me:{}@example.org/x",
        "hf_{}",
        "sk-{}",
        "vllm serve m --api-key {} --port 1",
        "vllm serve m --hf-token={}",
        "{{'api_key': '{}', 'port': 1}}",
        "password={}",
        'HF_TOKEN="{}"',
        "token: {}",
    ):
        assert secret not in redact_text(context.format(secret))


@given(SECRET)
def test_planted_secret_does_not_survive_in_mapping_or_command(secret: str) -> None:
    """Names of keys and options give secrets away, at any depth."""
    assert secret not in str(redact_mapping({"a": {"HF_TOKEN": secret}, "b": [{"apiKey": secret}]}))
    assert secret not in redact_command(["vllm", "serve", "m", "--api-key", secret, secret, "--port", "1"])
    assert secret not in " ".join(redact_command(["vllm", f"--hf-token={secret}"]))


@given(st.text())
def test_redaction_is_idempotent(text: str) -> None:
    """What was redacted once is not changed again."""
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "Avg prompt throughput: 6.7 tokens/s, Running: 2 reqs",
        "max_num_batched_tokens=2048",
        "CPU KV cache size: 2,097,152 tokens",
        "--max-model-len 1024 --tokenizer-mode auto",
        "vllm:prompt_tokens_total 12.0",
    ],
)
def test_plain_text_is_unchanged(text: str) -> None:
    """Tokens that a model reads are no secrets."""
    assert redact_text(text) == text


def test_innocent_names_keep_their_values() -> None:
    """Names that only sound like secrets are kept."""
    plain = {"tokenizer": "x", "max_num_batched_tokens": 5, "VLLM_KV_CACHE_TOKENS": "7", "ssl_keyfile": "/k.pem"}
    assert redact_mapping(plain) == plain
