"""The README: its example runs, and its configuration is the default one."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

import attrs

from vmon_core.config import load_config
from vmon_core.config.model import GateConfig
from vmon_core.device_health.findings import CODES
from vmon_core.devices import METRICS
from vmon_core.records import GateMode
from vmon_plugin_nvidia.config import NVIDIAConfig
from vmon_plugin_nvidia.events.catalogue import load
from vmon_plugin_nvidia.power import ACTIONS
from vmon_plugin_nvidia.readings import CATALOGUE

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_configuration_shows_the_defaults() -> None:
    """The TOML in the README is the configuration without one."""
    (block,) = (block for block in BLOCKS if block.startswith("[plugins.nvidia]"))
    assert tomllib.loads(block)["plugins"]["nvidia"] == attrs.asdict(NVIDIAConfig())


def test_table_of_xids_is_taken(tmp_path: Path) -> None:
    """The entry in the README takes the place of ours."""
    (block,) = (block for block in BLOCKS if block.startswith("[xid]"))
    (tmp_path / "xids.toml").write_text(block)
    assert load(str(tmp_path / "xids.toml")).find(63).text == "We reset at once."


def test_example_allows_one_action(tmp_path: Path) -> None:
    """The others stay where the gate is by default."""
    (block,) = (block for block in BLOCKS if block.startswith("[gate]"))
    (tmp_path / "vmon.toml").write_text(block)
    config = load_config(tmp_path / "vmon.toml")
    (guardrail,) = config.guardrails
    assert config.gate == GateConfig(kinds={guardrail.intervention: GateMode.AUTO})
    assert guardrail.finding in CODES


def test_every_action_is_told() -> None:
    """With what it may cost."""
    told = re.findall(r"^\| `(nvidia\.\w+)` \|.*\| (\w+) \|$", TEXT, re.MULTILINE)
    assert dict(told) == {kind: risk.value for kind, risk in ACTIONS.items()}


def test_every_figure_is_canonical() -> None:
    """No metric of our own invention."""
    assert {reading.metric for reading in CATALOGUE} <= METRICS.keys()
