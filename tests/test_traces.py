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

KILLED = "when it was killed and not led to its end by its own work"

CAUSES: dict[str, tuple[str, str, str]] = {
    "bad_arg": ("config", "This version of vLLM does not know --no-such-flag 1.", ""),
    "bad_config_json": ("config", "The file /srv/models/tiny-badjson/config.json is no valid JSON.", ""),
    "bad_value": (
        "config",
        "vLLM refuses its setting CacheConfig.gpu_memory_utilization: Input should be less than or equal to 1.",
        "",
    ),
    "cgroup_oom_serve2": ("transient", "The worker process VllmWorker-0 died without a word.", KILLED),
    "corrupt_truncated": (
        "config",
        "A weight file is cut short or damaged: incomplete metadata, file not fully covered.",
        "",
    ),
    "kill_enginecore": ("transient", "The engine core died without a word.", KILLED),
    "kill_main": ("transient", "the main process was ended by signal 9", KILLED),
    "kill_worker": ("transient", "The worker process VllmWorker-0 died without a word.", KILLED),
    "kill_worker_load": (
        "transient",
        "A worker ended during its start; where no error of its own stands above, it was killed.",
        KILLED,
    ),
    "kill_worker_tp2": ("transient", "The worker process VllmWorker-1 died without a word.", KILLED),
    "kv_over_ram": ("capacity", "The KV cache is to have 100.0 GiB, and NUMA node 0 has 14.13 GiB free.", ""),
    "mml_beyond_kv": (
        "capacity",
        "One request of 4000000 tokens needs 1.91 GiB of KV cache, and there are 1.0 GiB.",
        "",
    ),
    "no_model_path": (
        "config",
        "There is no folder /srv/models/does-not-exist, so vLLM took it for a name on the hub, where it cannot be one.",
        "",
    ),
    "no_weights": ("config", "There are no weights in /srv/models/tiny-noweights.", ""),
    "port_in_use": ("transient", "Another process listens on the port already.", "once the port is free"),
    "pp2": (
        "bug",
        "vLLM contradicts itself: the worker found that this does not hold: self.intermediate_tensors is not None.",
        "",
    ),
    "rlimit_as_small": (
        "capacity",
        "The process may not have more threads or address space: a limit is too low.",
        "",
    ),
    "sleep_wake": ("config", "Sleep mode was asked for, and this platform cannot sleep.", ""),
    "tp2_default_bind": ("config", "2 CPU workers want a NUMA node of their own, and there are fewer.", ""),
    "tp3_heads4": (
        "config",
        "The model's 4 attention heads cannot be divided among 3 tensor-parallel ranks.",
        "",
    ),
    "unknown_arch": (
        "config",
        "The installed transformers does not know the model type nosuch of config.json.",
        "",
    ),
}
"""Each recording that fails: what has to change, the real cause, and when the same command may work."""


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


@pytest.mark.parametrize("name", NAMES)
def test_real_cause_is_explained(name: str, host: PluginHost) -> None:
    """The explanation names the real cause with its figures, what has to change, and whether to try again."""
    failure = replayed(name, host)[0].failure
    assert (failure is not None) == (name in CAUSES)
    if failure is not None:
        assert (failure.category, failure.explanation or failure.cause, failure.again) == CAUSES[name]
        assert failure.restart_helps == bool(failure.again)
        assert failure.advice


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
