"""The stand-ins for what hooks are called with."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from vmon_core.errors import VmonError
from vmon_core.evidence import Probed
from vmon_core.host_api import HostApi
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Sample, Severity, Target
from vmon_core.testing import FakeHost, Said, make_checkpoint, make_tick, make_window
from vmon_core.testing.fakes import NOW


@attrs.frozen
class RoomConfig:
    """What is too warm."""

    too_warm: float = 27.0


def test_tick_is_for_nobody_unless_told() -> None:
    """Its time and target can be given."""
    assert make_tick().target == Target(name="nobody")
    assert make_tick(5.0, Target(name="x"), urgent=True).urgent


def test_window_holds_samples_and_evidence() -> None:
    """Both kinds are found again, and the window has the state and the age that the test gave."""
    probe = Probed(time=NOW - 5, path="/health", code=200)
    window = make_window(probe, Sample("a.b", 2.0, NOW - 1), state=LifecycleState.SERVING)
    assert window.latest("a.b") == 2.0
    assert list(window.evidence(Probed)) == [probe]
    assert (window.state, window.since, window.now) == (LifecycleState.SERVING, NOW - 5, NOW)


def test_window_moves_on_with_its_content() -> None:
    """A sample that is newer than the given time is no sample of the future."""
    assert make_window(Sample("a.b", 2.0, 9.0), now=3.0).now == 9.0


def test_empty_window_knows_nothing() -> None:
    """Missing is not zero."""
    assert make_window().latest("a.b") is None


def test_checkpoint_takes_any_field() -> None:
    """What is not given is unknown."""
    checkpoint = make_checkpoint(LifecycleState.HUNG, findings=("a.b",), target="gpu-1")
    assert (checkpoint.state, checkpoint.findings, checkpoint.target) == (LifecycleState.HUNG, ("a.b",), "gpu-1")
    assert make_checkpoint().metrics == {}


def test_host_writes_down_what_a_plugin_does(vmon_host: FakeHost, tmp_path: Path) -> None:
    """Evidence, samples and messages, each in order."""
    sample = Sample("a.b", 1.0, NOW)
    vmon_host.emit(samples=[sample])
    vmon_host.say(Severity.WARNING, "too warm", degrees=31)
    assert (vmon_host.samples, vmon_host.evidence) == ([sample], [])
    assert vmon_host.said == [Said(Severity.WARNING, "too warm", {"degrees": 31})]
    assert vmon_host.data_dir == tmp_path


def test_host_configures_as_the_real_one_does(vmon_host: FakeHost) -> None:
    """A table becomes the plugin's own class; nonsense is refused; a plugin that was not configured is unknown."""
    vmon_host.configure("room", RoomConfig, {"too_warm": 30})
    assert vmon_host.config("room") == RoomConfig(30.0)
    with pytest.raises(ValueError, match="too_cold"):
        vmon_host.configure("room", RoomConfig, {"too_cold": 1})
    with pytest.raises(VmonError, match="no plugin 'fan' is configured"):
        vmon_host.config("fan")


def test_fake_host_has_all_that_the_real_one_has() -> None:
    """A hook that works with the one works with the other."""
    real = {name for name in vars(HostApi) if not name.startswith("_")}
    assert real <= set(dir(FakeHost(Path())))
