"""`vmon sandbox`, as an operator types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from vmon_core.cli.root import cli

if TYPE_CHECKING:
    from pathlib import Path


def test_status_counts_the_plugins_by_how_they_fare(tmp_path: Path) -> None:
    """Those of the journal, while no monitor runs; with what confines the workers."""
    config = tmp_path / "vmon.toml"
    config.write_text(f'[monitor]\ndata_dir = "{tmp_path / "state"}"\n')
    vmon = ["--config", str(config)]
    code = ["--type", "collector", "-e", "return {'one': 1}"]
    made = CliRunner().invoke(cli, [*vmon, "plugins", "create", "one", *code])
    assert made.exit_code == 0, made.output
    shown = CliRunner().invoke(cli, [*vmon, "sandbox", "status", "--json"])
    status = json.loads(shown.stdout)
    assert status["code_plugins"] == {"active": 1, "quarantined": 0, "disabled": 0}
    assert status["layers"]["process"] is True
    assert "code plugins\n  active            1\n" in CliRunner().invoke(cli, [*vmon, "sandbox", "status"]).output
