"""Redaction: a planted secret never survives, and plain text stays as it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.redaction import HIDDEN, MAX_DEPTH, is_secret_name, redact_command, redact_mapping, redact_text

TRACES = Path(__file__).parent / "traces"

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGH23456789"
SECRET = st.text(LETTERS, min_size=12, max_size=40).map(lambda text: f"Q{text}")
AWKWARD = st.text(LETTERS + "-_.~+/=:$!%#()[]{},;@|<>", min_size=12, max_size=40).map(lambda text: f"Q{text}Q")
"""What a password may be made of, except blanks, quotes and `&`, which end a value that stands without quotes."""

NAMES = ["token", "HF_TOKEN", "api_key", "api-key", "apiKey", "Password", "AWS_SECRET_ACCESS_KEY", "client.secret"]
NAMES += [
    "passwd",
    "passphrase",
    "DB_PWD",
    "GOOGLE_CREDENTIALS",
    "Authorization",
    "access token",
    "SSH_KEY",
    "x-api-key",
]

UNNAMED = [
    "https://me:{}@example.org/x",
    "redis://:{}@h:6379/0",
    "git+https://{}@example.org/x",
    "token hf_{} was refused",
    "sk-{}",
    "sk-proj-{}",
    "(ghp_{}),",
    "nvapi-{}",
    "Bearer {}",
    "with header bearer {}, which is wrong",
    "https://host/x?a=b&key={}&c=d",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}",
]
NAMED = ["{}={}", "{}: {}", "{} = '{}'", '"{}":"{}"', "'{}': '{}', 'port': 1", "'{}': ['{}']", '\\"{}\\": \\"{}\\"']
NAMED += ["x {}='{}", "--{} {} --port 1", "--{}={}", "['--{}', '{}']", "https://host/?{}={}&y=1", "{}: Bearer {}"]


@pytest.mark.parametrize("context", UNNAMED)
@given(secret=SECRET)
def test_secret_without_a_name_does_not_survive(context: str, secret: str) -> None:
    """Its shape or its surroundings give it away."""
    assert secret not in redact_text(context.format(secret))


@pytest.mark.parametrize("context", NAMED)
@given(name=st.sampled_from(NAMES), secret=SECRET)
def test_secret_with_a_name_does_not_survive(context: str, name: str, secret: str) -> None:
    """Its name gives it away, however the two are put together."""
    shown = redact_text("before " + context.format(name.replace(" ", "_") if "--" in context else name, secret))
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "context", ["password={}", 'password="{}"', "'token': ['{}']", "--api-key {}", "token: {} next"]
)
@given(secret=AWKWARD)
def test_awkward_secret_does_not_survive(context: str, secret: str) -> None:
    """Punctuation within a secret leaves no part of it readable."""
    shown = redact_text(context.format(secret))
    assert secret[1:-1] not in shown
    assert len(shown) <= len(context) + 5


@given(secret=SECRET)
def test_several_secrets_do_not_survive(secret: str) -> None:
    """One that is hidden does not shield the next."""
    shown = redact_text(f"token={secret} password={secret}x, 'api_key': ['{secret}', \"{secret}\"] Bearer {secret}")
    assert secret not in shown


@given(secret=AWKWARD, name=st.sampled_from(NAMES))
def test_secret_does_not_survive_in_a_mapping(secret: str, name: str) -> None:
    """Names of keys give secrets away, at any depth; so do shapes of values."""
    plain = {name: secret, "a": {name: [secret, (secret,)], "b": ({name: secret},)}, "url": "http://u:pw12345@h"}
    shown = json.dumps(redact_mapping(plain))
    assert secret not in json.loads(shown).values()
    assert json.dumps(secret)[1:-1] not in shown
    assert "pw12345" not in shown


@given(secret=AWKWARD)
def test_secret_does_not_survive_in_a_command(secret: str) -> None:
    """Options, assignments and JSON give secrets away."""
    command = ["env", f"HF_TOKEN={secret}", f"MY_KEY={secret}", "vllm", "serve", "m", "--api-key", secret, secret]
    command += [f"--hf-token={secret}", "--hf-token", secret, "--x", json.dumps({"auth": [{"key": secret}]})]
    command += [f"--y={json.dumps([{'password': secret}])}", "--port", "1"]
    shown = redact_command(command)
    assert json.dumps(secret)[1:-1] not in " ".join(shown)
    assert len(shown) == len(command)
    assert shown[3:6] == ("vllm", "serve", "m")
    assert shown[-2:] == ("--port", "1")


def test_one_value_follows_most_options() -> None:
    """Only `--api-key` takes several; what follows another option's secret is not its own."""
    assert redact_command(["--hf-token", "x", "model"]) == ("--hf-token", HIDDEN, "model")
    assert redact_command(["--api-key", "--port", "1"]) == ("--api-key", "--port", "1")


FRAGMENTS = [
    "token",
    "key",
    "api_key",
    "--",
    "=",
    ":",
    " ",
    "'",
    '"',
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&",
    "?",
    "://",
    "@",
]
FRAGMENTS += [
    "Bearer",
    "hf_",
    "sk-",
    "a" * 14,
    "/",
    "x",
    "password",
    "PRIVATE KEY-----",
    "-----END",
    HIDDEN,
    "\n",
    "eyJ",
]
HOSTILE = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)


@given(st.text() | HOSTILE)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What was redacted once is not changed again, and it hardly grows."""
    once = redact_text(text)
    assert redact_text(once) == once
    assert len(once) <= 1.5 * len(text)


@given(st.lists(st.text() | HOSTILE))
def test_redacting_a_command_twice_changes_nothing(command: list[str]) -> None:
    """The same for command lines, whose length stays."""
    once = redact_command(command)
    assert redact_command(once) == once
    assert len(once) == len(command)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "model", "env"]), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.sampled_from([*NAMES, "model", "port"]), JSON_LIKE))
def test_redacting_a_mapping_twice_changes_nothing(mapping: dict[str, object]) -> None:
    """The same for mappings, whose keys stay."""
    once = redact_mapping(mapping)
    assert redact_mapping(once) == once
    assert once.keys() == mapping.keys()


@pytest.mark.parametrize(
    "text",
    [
        "Avg prompt throughput: 6.7 tokens/s, Running: 2 reqs",
        "max_num_batched_tokens=2048, time_per_output_token=0.02, eos_token='</s>', stop_token_ids: [1, 2]",
        "CPU KV cache size: 2,097,152 tokens",
        "--max-model-len 1024 --tokenizer-mode auto --tokenizer x --skip-tokenizer-init",
        'vllm:time_to_first_token_seconds_bucket{le="0.1"} 12.0',
        "vllm:prompt_tokens_total 12.0",
        "Your token is missing; give --api-key or set api_key",
        "vmon.toml line 3: key plugins.slack.url: expected a string",
        "secrets.py:44 in resolve, 'api_key': None, 'hf_token': True, password: required, token='' token=",
        "num_key_value_heads=8, ssl_keyfile=/k.pem, password_file=/run/p, PWD=/home/me",
        "http://127.0.0.1:8000/v1/models and me@example.org, std::token::x",
        "hf_overrides hf_hub_offline task-a-long-enough-name sk-learn",
    ],
)
def test_plain_text_is_unchanged(text: str) -> None:
    """Tokens that a model reads are no secrets, nor are places, empty values and plain words."""
    assert redact_text(text) is text or redact_text(text) == text


def test_recorded_logs_are_unchanged() -> None:
    """None of the lines that a real vLLM wrote holds a secret, and none is touched."""
    lines = [json.loads(row)["line"] for file in TRACES.glob("*/log.jsonl") for row in file.read_text().splitlines()]
    assert len(lines) > 1000
    assert [line for line in lines if redact_text(line) != line] == []


def test_shape_is_kept() -> None:
    """A reader still sees what it was and where it went."""
    assert redact_text("'api_key': ['abc', 'def'], 'port': 1") == "'api_key': [***], 'port': 1"
    assert redact_text("use hf_abcdefghijklmnop.") == "use hf_***."
    assert (
        redact_text("POST https://u:p@h/x?token=abc&n=1 (token: abc)")
        == "POST https://***@h/x?token=***&n=1 (token: ***)"
    )


@pytest.mark.parametrize("name", ["key", "KEY", "hf-token", "AUTH_HEADER", "s3.secretKey", "api_keys", "TOKEN_2"])
def test_secret_names(name: str) -> None:
    """Every style of writing a name is understood."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "tokenizer", "VLLM_X_TOKENS", "keys", "monkey", "author", "public_key", "TOKEN_FILE", "", "é"],
)
def test_innocent_names(name: str) -> None:
    """Names that only sound like secrets are kept."""
    assert not is_secret_name(name)


def test_mapping_keeps_what_hides_nothing() -> None:
    """Empty values, flags and references stay; numbers under a secret's name do not."""
    plain = {"api_key": None, "token": "", "auth": True, "password": {"env": "P"}, "secret": {"file": "/s"}, "n": 5}
    assert redact_mapping(plain) == plain
    assert redact_mapping({"password": 12345, "auth": {"env": "A", "x": "y"}}) == {"password": HIDDEN, "auth": HIDDEN}


def test_bottomless_nesting_is_cut() -> None:
    """A mapping deeper than anything real is hidden from there on; a command survives the same in JSON."""
    nested: dict[str, object] = {"leaf": 1}
    for _ in range(MAX_DEPTH + 5):
        nested = {"a": nested}
    assert HIDDEN in str(redact_mapping(nested))
    assert redact_command(["[" * 100_000]) == ("[" * 100_000,)


@given(secret=st.text(LETTERS + " &'\\n=,:]}", min_size=12, max_size=40).map(lambda text: f"Q{text}Q"))
def test_quoted_secret_does_not_survive(secret: str) -> None:
    """Quotes keep a secret together, whatever it is made of."""
    assert redact_text(f'{{"password": "{secret}", "port": 1}}') == f'{{"password": "{HIDDEN}", "port": 1}}'


@pytest.mark.parametrize("piece", ["token", "token=", "a://", "key_", "-", "'", "token='", "Bearer ", "token=&", "eyJ"])
def test_time_grows_with_length_only(piece: str) -> None:
    """No text, however odd, takes more than linear time: a megabyte is done in seconds."""
    begun = time.process_time()
    redact_text("token" + piece * (1_000_000 // len(piece)))
    assert time.process_time() - begun < 5
