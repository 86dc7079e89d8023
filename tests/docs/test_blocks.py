"""The code in the documentation: Python runs, commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from vmon_core.cli.root import cli
from vmon_core.config import load_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/**/*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str, info: str) -> list[tuple[int, str]]:
    """The code of each block whose opening fence says just `info`, with the line where it begins."""
    found = (m for m in FENCE.finditer(text) if m["info"].strip() == info)
    return [(text.count("\n", 0, m.start("code")), m["code"]) for m in found]


def page_names(path: Path) -> str:
    """What a test run calls a page."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_names)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one page share their names, as a reader who types them in would have it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "documentation"}
    for line, code in blocks(page.read_text(encoding="utf-8"), "python"):
        padded = "\n" * line + code  # a traceback names the page's own line
        exec(compile(padded, str(page), "exec"), names)  # noqa: S102 (our own documentation)


@pytest.mark.parametrize("page", PAGES, ids=page_names)
def test_commands_exist(page: Path) -> None:
    """Every `$ vmon …` names a command that there is, with options that it has."""
    for _, code in blocks(page.read_text(encoding="utf-8"), "console"):
        for line in code.splitlines():
            if line.startswith("$ vmon "):
                check_command(shlex.split(line, comments=True)[2:])


@pytest.mark.parametrize("page", PAGES, ids=page_names)
def test_configuration_is_accepted(page: Path, tmp_path: Path) -> None:
    """Every block of TOML is a configuration file that vmon takes."""
    for _, code in blocks(page.read_text(encoding="utf-8"), "toml"):
        file = tmp_path / "vmon.toml"
        file.write_text(code, encoding="utf-8")
        load_config(file)


def check_command(words: list[str]) -> None:
    """Walk down the groups that `words` name and look up each option on the way."""
    command: click.Command = cli
    own = words[: words.index("--")] if "--" in words else words
    while own:
        word = own.pop(0)
        known = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
        if word.startswith("-"):
            assert word in {*known, "--help", "-h"}, f"{command.name} has no option {word}"
            takes_value = word in known and not getattr(known[word], "is_flag", False)
            own = own[1:] if takes_value else own
        elif isinstance(command, click.Group):
            with click.Context(command) as context:
                found = command.get_command(context, word)  # one of a plugin is found when it is asked for
            assert found is not None, f"there is no command {word!r}"
            command = found


@pytest.mark.parametrize("words", [["nonsense"], ["watch", "--nonsense"], ["config", "nonsense"]])
def test_a_wrong_command_is_noticed(words: list[str]) -> None:
    """The check can fail."""
    with pytest.raises(AssertionError):
        check_command(words)


@pytest.mark.parametrize(
    "words", [["--config", "FILE", "config", "show"], ["run", "--name", "x", "--", "vllm", "--any"]]
)
def test_a_right_command_passes(words: list[str]) -> None:
    """Options with values, groups, and commands of others after `--` are understood."""
    check_command(words)


def test_blocks_are_found() -> None:
    """Only what is marked as plain Python runs."""
    text = "a\n```python\nx = 1\n```\n```python no-run\ny\n```\n```console\n$ vmon\n```\n"
    assert blocks(text, "python") == [(2, "x = 1\n")]
