"""Command lines are read as vLLM 0.32.0 reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_preflight.command.parse import Parsed, parse
from vmon_plugin_preflight.command.problem import CommandProblem
from vmon_plugin_preflight.command.table import recorded


def read(*words: str) -> Parsed:
    """The words after `vllm serve`, parsed."""
    return parse(["serve", *words], "0.32.0", Path)


@pytest.mark.parametrize(
    ("words", "dest", "value"),
    [
        (["m"], "model_tag", "m"),
        (["--port", "1", "--model", "m"], "model_tag", "m"),
        (["--model=m"], "model_tag", "m"),
        (["m", "--max_model_len", "512"], "max_model_len", 512),
        (["m", "--max-model-len=1k"], "max_model_len", 1000),
        (["m", "--max-model-len", "1K"], "max_model_len", 1024),
        (["m", "--max-model-len", "auto"], "max_model_len", -1),
        (["m", "--max-model", "5"], "max_model_len", 5),
        (["m", "-tp", "2"], "tensor_parallel_size", 2),
        (["m", "-tp=2"], "tensor_parallel_size", 2),
        (["m", "-O3"], "optimization_level", "3"),
        (["m", "--no-enable-chunked-prefill"], "enable_chunked_prefill", False),
        (["m", "--enforce-eager"], "enforce_eager", True),
        (["m", "--logging-config.formatter", "json"], "logging_config", {"formatter": "json"}),
        (["m", "--hf-overrides", '{"a": 1}'], "hf_overrides", {"a": 1}),
        (["m", "--served-model-name", "a", "b"], "served_model_name", ["a", "b"]),
        (["m", "--lora-modules", "x=/y", '{"name": "z", "path": "/w"}'], "lora_modules", None),
        (["m", "--kv-transfer-config", '{"kv_connector": "A", "kv_buffer_size": 1k}'], "kv_transfer_config", None),
    ],
)
def test_a_word_is_read_as_vllm_reads_it(words: list[str], dest: str, value: Any) -> None:
    """Every spelling that vLLM takes gives the value that vLLM sees."""
    parsed = read(*words)
    assert (parsed.problem, parsed.unknown) == (None, ())
    found = parsed.arguments.values[dest]
    assert found == value or (value is None and found)


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["m", "--dtype", "float64"], "arguments.invalid_value", "--dtype auto|bfloat16"),
        (["m", "--max-model-len", "abc"], "arguments.invalid_value", "an integer such as 8192"),
        (["m", "--max-num-batched-tokens", "1.5K"], "arguments.invalid_value", "an integer"),
        (["m", "--port"], "arguments.invalid_value", "an integer"),
        (["m", "--kv-transfer-config", "{bad"], "arguments.invalid_value", "JSON"),
        (["m", "--lora-modules", "x"], "arguments.invalid_value", ""),
        (["m", "--enable", "1"], "arguments.ambiguous", "in full"),
        (["--model"], "arguments.invalid_value", "vllm serve MODEL"),
        (["--served-model-name", "a"], "arguments.model_missing", "vllm serve MODEL"),
        (["m", "--a.b"], "arguments.invalid_value", ""),
    ],
)
def test_what_vllm_refuses_is_a_problem_with_a_fix(words: list[str], code: str, part: str) -> None:
    """The parser's own refusals are told with a code, and what to write instead."""
    problem = read(*words).problem
    assert problem is not None
    assert problem.code == code
    assert part in problem.fix


def test_what_no_option_takes_is_left_over() -> None:
    """Unknown words stop nothing else from being read."""
    parsed = read("m", "--no-such-flag", "--port", "80")
    assert parsed.unknown == ("--no-such-flag",)
    assert parsed.arguments.get("port", int) == 80


def test_the_values_of_a_file_yield_to_the_command_line(tmp_path: Path) -> None:
    """`--config` brings options of every kind in, in front of those of the command line."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "model: m\nport: 1\nmax-model-len: 2k\nenforce-eager: true\nenable-chunked-prefill: false\n"
        "served-model-name: [a, b]\nhf-overrides: {x: 1}\n"
    )
    values = read("--config", str(file), "--port", "2").arguments.values
    assert values["port"] == 2
    assert (values["model"], values["max_model_len"], values["enforce_eager"]) == ("m", 2000, True)
    assert (values["enable_chunked_prefill"], values["served_model_name"]) == (False, ["a", "b"])
    assert values["hf_overrides"] == {"x": 1}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("c.yaml", None, "cannot be read"),
        ("c.toml", "", "only .yaml"),
        ("c.yaml", "- a\n", "no mapping"),
        ("c.yaml", "a: [\n", "no valid YAML"),
        ("c.yaml", "\x00", "no valid YAML"),
        ("c.yml", "port: 1\n", "names a model"),
    ],
)
def test_a_bad_configuration_file_is_a_problem(tmp_path: Path, name: str, text: str | None, part: str) -> None:
    """Missing, of another kind, broken, or without a model: each is told."""
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    problem = read("--config", str(file)).problem
    assert problem is not None
    assert part in problem.summary


def test_two_configuration_files_are_refused() -> None:
    """VLLM asserts that there is one."""
    problem = read("m", "--config", "a.yaml", "--config", "b.yaml").problem
    assert problem is not None
    assert problem.code == "arguments.config_file"


def test_another_version_is_not_judged_by_the_table() -> None:
    """The newest table stands in, and says that it is not the version's own."""
    parsed = parse(["serve", "m"], "0.99.0", Path)
    assert not parsed.arguments.known
    assert parsed.arguments.get("port", int) == 8000


FLAGS = sorted(flag for option in recorded("0.32.0").options.values() for flag in option.flags)
WORDS = st.one_of(st.text(max_size=12), st.sampled_from(FLAGS), st.sampled_from(["--a.b", "-O", "{}", "1k", "--", "-"]))


@given(st.lists(WORDS, max_size=8))
def test_no_words_break_it(words: list[str]) -> None:
    """Whatever stands on the command line, there is a result."""
    parsed = read(*words)
    assert parsed.problem is None or isinstance(parsed.problem, CommandProblem)
