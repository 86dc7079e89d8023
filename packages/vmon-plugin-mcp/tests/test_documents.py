"""The documentation: examples run, tables are complete, settings for clients are JSON that starts this command."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from vmon_core.cli.root import cli

README = Path(__file__).parents[1] / "README.md"
HOW_TO = Path(__file__).parents[3] / "docs/how-to/connect-an-agent.md"


def test_examples_run() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


@pytest.mark.skipif(not HOW_TO.exists(), reason="a source archive of this package has no pages of the project")
def test_settings_of_clients() -> None:
    """Each block is JSON of the usual shape, with a command line that vmon takes, or with the address and the token."""
    blocks = re.findall(r"^```json\n(.*?)^```$", HOW_TO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    servers = [json.loads(block)["mcpServers"]["vmon"] for block in blocks]
    assert len(servers) == 3
    for server in servers:
        if "command" in server:
            assert Path(server["command"]).name == "vmon"
            assert CliRunner().invoke(cli, [*server["args"], "--help"]).output.startswith("Usage: cli mcp")
        else:
            assert (server["url"], list(server["headers"])) == ("http://127.0.0.1:8765/mcp", ["Authorization"])
