"""The rules about the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules import serving
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.rule import Rule

TOOLS = "--enable-auto-tool-choice"
NGRAM = '{"method": "ngram", "num_speculative_tokens": %s}'


@pytest.mark.parametrize(
    ("rule", "words", "expected"),
    [
        (serving.tool_parser, [], {}),
        (serving.tool_parser, [TOOLS], {"serving.tool_parser": "failure"}),
        (serving.tool_parser, [TOOLS, "--tool-call-parser", "hermes"], {"serving.tool_parser": "ok"}),
        (serving.tool_parser, [TOOLS, "--tool-call-parser", "nosuch"], {"serving.tool_parser": "failure"}),
        (
            serving.tool_parser,
            [TOOLS, "--tool-call-parser", "mine", "--tool-parser-plugin", "mine.py"],
            {"serving.tool_parser": "not_evaluated"},
        ),
        (serving.reasoning_parser, ["--reasoning-parser", "nosuch"], {"serving.reasoning_parser": "failure"}),
        (serving.reasoning_parser, ["--reasoning-parser", "deepseek_r1"], {"serving.reasoning_parser": "ok"}),
        (serving.chat_template, ["--chat-template", "/no/such"], {"serving.chat_template": "failure"}),
        (serving.chat_template, ["--chat-template", "/t.jinja"], {"serving.chat_template": "ok"}),
        (serving.chat_template, ["--chat-template", "{{ messages }}"], {}),
        (serving.tls, ["--ssl-certfile", "/no/such"], {"serving.tls": "failure"}),
        (serving.tls, ["--ssl-certfile", "/t.jinja", "--ssl-keyfile", "/t.jinja"], {"serving.tls": "ok"}),
        (serving.tls, ["--ssl-keyfile", "/t.jinja"], {"serving.tls": "warning"}),
        (serving.lora, ["--enable-lora", "--lora-modules", "x=/no/such"], {"serving.lora": "failure"}),
        (serving.lora, ["--enable-lora", "--lora-modules", "x=/adapter"], {"serving.lora": "ok"}),
        (serving.lora, ["--enable-lora", "--lora-modules", "x=/empty"], {"serving.lora": "failure"}),
        (serving.lora, ["--enable-lora", "--lora-modules", "x=org/name"], {"serving.lora": "not_evaluated"}),
        (serving.lora, ["--lora-modules", "x=/adapter"], {"serving.lora": "failure"}),
        (serving.speculative, ["--speculative-config", '{"method": "ngram"}'], {"serving.speculative": "failure"}),
        (serving.speculative, ["--speculative-config", NGRAM % 0], {"serving.speculative": "failure"}),
        (serving.speculative, ["--speculative-config", NGRAM % 2], {"serving.speculative": "ok"}),
        (serving.speculative, ["--speculative-config", '{"model": "draft"}'], {}),
        (serving.connector, ["--kv-transfer-config.kv_connector", "NoSuch"], {"serving.connector": "failure"}),
        (serving.connector, ["--kv-transfer-config.kv_connector", "NixlConnector"], {"serving.connector": "ok"}),
        (
            serving.connector,
            ["--kv-transfer-config", '{"kv_connector": "Mine", "kv_connector_module_path": "mine"}'],
            {"serving.connector": "not_evaluated"},
        ),
        (serving.executor, ["--distributed-executor-backend", "ray"], {"serving.executor": "failure"}),
        (serving.executor, ["--distributed-executor-backend", "mp"], {}),
        (serving.exposed, ["--api-key", "x"], {"serving.exposed": "warning"}),
        (serving.exposed, ["--api-key", "x", "--host", "127.0.0.1"], {}),
        (serving.middleware, ["--middleware", "no_such.Thing"], {"serving.middleware": "failure"}),
        (serving.middleware, ["--middleware", "vllm.Thing"], {"serving.middleware": "ok"}),
        (serving.middleware, ["--middleware", "asyncio.Thing"], {"serving.middleware": "ok"}),
        (serving.classes, ["--worker-cls", "no_such.W"], {"serving.classes": "failure"}),
        (serving.classes, ["--scheduler-cls", "vllm.S"], {"serving.classes": "ok"}),
        (serving.classes, ["--logits-processors", "asyncio:L"], {"serving.classes": "ok"}),
        (serving.classes, ["--worker-extension-cls", "no_such.E"], {"serving.classes": "failure"}),
        (serving.classes, [], {}),
        (serving.headless, ["--headless"], {"serving.headless": "warning"}),
        (serving.headless, ["--api-server-count", "0"], {"serving.headless": "warning"}),
        (serving.headless, ["--api-server-count", "1"], {}),
        (serving.statistics, ["--disable-log-stats"], {"serving.statistics": "warning"}),
        (serving.statistics, [], {}),
    ],
)
def test_what_a_rule_says(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    rule: Rule,
    words: list[str],
    expected: dict[str, str],
) -> None:
    """Each good and bad way to say it."""
    write_tree(tmp_path, {"t.jinja": "", "adapter/adapter_config.json": "{}", "empty/other": ""})
    assert verdicts(rule, make_launch("m", *words)) == expected


def test_ray_next_to_vllm_is_found(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """In the same site-packages."""
    write_tree(tmp_path, {"venv/lib/python3.11/site-packages/ray/__init__.py": ""})
    launch = make_launch("m", "--distributed-executor-backend", "ray")
    assert verdicts(serving.executor, launch) == {"serving.executor": "ok"}


def test_an_executor_is_a_name_or_a_class(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """VLLM takes what it does not know for MODULE.CLASS."""
    flag = "--distributed-executor-backend"
    assert verdicts(serving.executor, make_launch("m", flag, "nosuch")) == {"serving.executor": "failure"}
    assert verdicts(serving.executor, make_launch("m", flag, "own.Executor")) == {}


def test_another_version_may_have_other_executors(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """Nobody recorded it."""
    launch = make_launch("m", "--distributed-executor-backend", "nosuch", version="0.99.0")
    assert verdicts(serving.executor, launch) == {}


@pytest.mark.parametrize(
    ("draft", "expected"), [("/no/such", {"serving.speculative": "failure"}), ("org/draft", {}), ("[ngram]", {})]
)
def test_a_draft_model_must_be_there(
    make_launch: MakeLaunch, verdicts: Verdicts, draft: str, expected: dict[str, str]
) -> None:
    """Or have a name that the hub could have."""
    words = ("--speculative-config", f'{{"model": "{draft}", "num_speculative_tokens": 2}}')
    assert verdicts(serving.speculative, make_launch("m", *words)) == expected


def test_middleware_may_come_from_elsewhere(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """From PYTHONPATH; what an editable installation has cannot be seen."""
    write_tree(tmp_path, {"mine/thing.py": ""})
    launch = make_launch("m", "--middleware", "thing.T", environment={"PYTHONPATH": "/mine"})
    assert verdicts(serving.middleware, launch) == {"serving.middleware": "ok"}
    write_tree(tmp_path, {"venv/lib/python3.11/site-packages/__editable__.x.pth": ""})
    launch = make_launch("m", "--middleware", "other.T")
    assert verdicts(serving.middleware, launch) == {"serving.middleware": "not_evaluated"}


def test_the_development_mode_is_open_to_everybody(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """A switch in the environment opens it."""
    launch = make_launch("m", environment={"VLLM_SERVER_DEV_MODE": "1"})
    assert verdicts(serving.exposed, launch) == {"serving.exposed": "warning"}


def test_another_version_may_have_other_parsers(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """Nobody recorded them."""
    launch = make_launch("m", "--reasoning-parser", "brand_new", version="0.99.0")
    assert verdicts(serving.reasoning_parser, launch) == {"serving.reasoning_parser": "not_evaluated"}
