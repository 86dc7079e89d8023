"""All recorded runs of a real vLLM give their expected outcome, and the same one every time."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.config import Config
from vmon_core.monitor import make_host
from vmon_core.replaying import replay_recording
from vmon_core.report import change_dict, finding_dict

if TYPE_CHECKING:
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.records import Change, Finding
    from vmon_core.report import LifecycleReport

ROOT = Path(__file__).parent / "traces"
NAMES = sorted(path.parent.name for path in ROOT.glob("*/expected.json"))


class Collected:
    """A printer that keeps what it is shown."""

    def __init__(self) -> None:
        self.output: list[dict[str, Any]] = []

    def change(self, change: Change) -> None:
        """Keep a transition."""
        self.output.append(change_dict(change))

    def finding(self, finding: Finding) -> None:
        """Keep a finding."""
        self.output.append(finding_dict(finding))


@pytest.fixture(scope="module")
def host() -> PluginHost:
    """The installed plugins."""
    return make_host(Config())


def replayed(name: str, host: PluginHost) -> tuple[LifecycleReport, list[dict[str, Any]]]:
    """Replay a recording."""
    printer = Collected()
    return replay_recording(ROOT / name, host, printer), printer.output


def test_all_recordings_are_here() -> None:
    """No recording got lost."""
    assert len(NAMES) == 49


@pytest.mark.parametrize("name", NAMES)
def test_outcome_is_as_expected(name: str, host: PluginHost) -> None:
    """Final state, root cause, states visited and never visited, and findings are those of expected.json."""
    expected = json.loads((ROOT / name / "expected.json").read_text())
    report, _ = replayed(name, host)
    final = expected["final"]
    assert report.state.value in (final if isinstance(final, list) else [final])
    assert _matches(report, expected["failure"])
    visited = [change.state.value for change in report.changes]
    assert _in_order(expected.get("visits", []), visited)
    assert not expected.get("visits_any") or set(expected["visits_any"]) & set(visited)
    assert not set(expected["never"]) & set(visited)
    assert set(expected.get("findings", [])) <= {finding.code for finding in report.findings}


def _matches(report: LifecycleReport, codes: list[str] | None) -> bool:
    if codes is None or report.failure is None:
        return (codes is None) == (report.failure is None)
    return report.failure.code in codes


def _in_order(wanted: list[str], visited: list[str]) -> bool:
    rest = iter(visited)
    return all(state in rest for state in wanted)


@pytest.mark.parametrize("name", NAMES)
def test_phases_partition_the_start(name: str, host: PluginHost) -> None:
    """Where the time of the start went adds up exactly, from the launch on."""
    report, _ = replayed(name, host)
    assert report.phases[0].start == 0.0
    assert all(a.end == b.start for a, b in pairwise(report.phases))


@pytest.mark.parametrize("name", NAMES)
def test_same_input_same_output(name: str, host: PluginHost) -> None:
    """Two replays print the same bytes."""
    first, second = (json.dumps(replayed(name, host)[1]) for _ in range(2))
    assert first == second


def test_damaged_rows_are_passed_over(tmp_path: Path, host: PluginHost) -> None:
    """Rows that are cut, of another type, or without a time cost only themselves."""
    for file in (ROOT / "kill_worker").iterdir():
        text = file.read_bytes()
        if file.suffix == ".jsonl":
            text = (
                b'{"t": 1, "ev\n[1]\n{"t": "x"}\n{"no": 1}\n\xff\xfe\n{"t": 2}\n{"t": NaN}\n'
                + b'{"t":' * 10_000
                + b"\n"
                + text
            )
        (tmp_path / file.name).write_bytes(text)
    report = replay_recording(tmp_path, host, Collected())
    assert report.failure is not None
    assert report.failure.code == "worker.died"
