"""The rules about values that argparse lets pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules import values
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.rule import Rule

INVALID = {"arguments.invalid_value": "failure"}


@pytest.mark.parametrize(
    ("rule", "words", "expected"),
    [
        (values.optimization, ["-O9"], INVALID),
        (values.optimization, ["-O3"], {}),
        (values.optimization, [], {}),
        (values.active, ["--max-num-seqs", "8", "--max-num-active-seqs", "9"], {"arguments.out_of_range": "failure"}),
        (values.active, ["--max-num-seqs", "8", "--max-num-active-seqs", "8"], {}),
        (values.length, ["--max-model-len", "0"], INVALID),
        (values.length, ["--max-model-len", "-1"], {}),
        (values.objects, ["--hf-overrides", "{bad"], INVALID),
        (values.objects, ["--hf-overrides", '{"a": 1}'], {}),
        (values.keys, ["--logging-config.formatters", "json"], INVALID),
        (values.keys, ["--logging-config", "[]"], INVALID),
        (values.keys, ["--logging-config.formatter", "json"], {}),
        (values.config_file, ["--config=x.yaml"], {"arguments.config_file": "warning"}),
        (values.config_file, [], {}),
    ],
)
def test_what_a_rule_says(
    make_launch: MakeLaunch, verdicts: Verdicts, rule: Rule, words: list[str], expected: dict[str, str]
) -> None:
    """Each good and bad way to say it."""
    assert verdicts(rule, make_launch("m", *words)) == expected


def test_a_name_must_be_in_its_registry(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """The source tells; a vLLM without it proves nothing."""
    bad = ("m", "--tokenizer-mode", "nosuch")
    assert verdicts(values.registered, make_launch(*bad)) == {}
    write_tree(tmp_path / "venv/lib/python3.11/site-packages/vllm", {"tokenizers/registry.py": 'M = {"hf": 1}\n'})
    assert verdicts(values.registered, make_launch("m", "--tokenizer-mode", "hf")) == {}
    assert verdicts(values.registered, make_launch(*bad)) == INVALID


def test_a_wrong_key_is_answered_with_the_right_one(make_launch: MakeLaunch) -> None:
    """The nearest of those that there are."""
    (check,) = values.keys.run(make_launch("m", "--logging-config.formatters", "json"))
    assert check.fix == "--logging-config.formatter"
