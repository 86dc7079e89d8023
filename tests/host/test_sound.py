"""Records that plugins hand in: those with something wrong in a field are refused, and cost nobody else anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.evidence import Probed
from vmon_core.host.sound import sound
from vmon_core.monitor import VLLMMonitor
from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Action, Finding, Frame, GateMode, Outcome, OutcomeStatus, Sample, Severity, Target

if TYPE_CHECKING:
    from vmon_core.host.plugin_host import PluginHost

FINDING: dict[str, Any] = {"code": "x.y", "severity": Severity.INFO, "summary": "s", "time": 1.0}
ACTION: dict[str, Any] = {"id": "1", "kind": "k", "target": "t", "reason": "r", "policy": "p", "time": 1.0}


class Pretender:
    """It says that it is a finding, and has nothing of one."""

    __class__ = Finding  # type: ignore[assignment]  # that is the point


GOOD = [
    Sample("a.b", 1, 2.0, (("x", "y"),)),
    Finding(**FINDING, entities=("a", "b")),
    Action(**ACTION, mode=GateMode.OBSERVE, parameters={"any": object()}),
    Outcome(action="1", status=OutcomeStatus.DONE, detail="", time=0.0),
    Frame(1.0, (Probed(time=1.0, path="/health", code=None, error="refused"),)),
]

BAD: list[tuple[Any, str]] = [
    (Sample("a.b", None, 2.0), "Sample.value must be float, not NoneType"),  # type: ignore[arg-type]
    (Sample("a.b", 1.0, 2.0, {"x": "y"}), "Sample.labels must be"),  # type: ignore[arg-type]
    (Sample("a.b", 1.0, 2.0, (("x", "y", "z"),)), "Sample.labels must be"),  # type: ignore[arg-type]
    (Finding(**{**FINDING, "severity": "warning"}), "Finding.severity must be Severity, not str"),
    (Finding(**FINDING, entities=["a"]), "Finding.entities must be"),  # type: ignore[arg-type]
    (Action(**ACTION, mode="auto"), "Action.mode must be"),  # type: ignore[arg-type]
    (Action(**ACTION, parameters=5), "Action.parameters must be"),  # type: ignore[arg-type]
    (Probed(time=1.0, path="/health", code="200"), "Probed.code must be"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("record", GOOD)
def test_good_record_is_taken(record: object) -> None:
    """It comes back as it is."""
    assert sound(record, type(record)) is record


@pytest.mark.parametrize(("record", "message"), BAD)
def test_bad_record_is_refused(record: object, message: str) -> None:
    """The message names the field, what belongs there, and what is there."""
    with pytest.raises(TypeError, match=message):
        sound(record, type(record))


def test_what_only_pretends_is_refused() -> None:
    """What an object says of its class is not enough."""
    with pytest.raises(TypeError, match="Pretender is no class of records"):
        sound(Pretender(), Finding)


class Careless:
    """All that it hands in has something wrong in it."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="careless", version="1.0")

    @hookimpl
    @every("1ms")
    def vmon_collect(self) -> Any:
        """Hand in labels that cannot key a series."""
        return [Sample("a.b", 1.0, 2.0, {"x": "y"})]  # type: ignore[arg-type]

    @hookimpl
    def vmon_analyze(self) -> Any:
        """Find something about what cannot be looked up."""
        return [Finding(**FINDING, entities=["a"])]  # type: ignore[arg-type]

    @hookimpl
    def vmon_guardrail(self) -> Any:
        """Propose in a mode that is none."""
        return [Action(**ACTION, mode="always")]  # type: ignore[arg-type]


def test_nobody_else_pays_for_them(host: PluginHost) -> None:
    """A turn of the pipeline goes on; the finding that says so is the only one."""
    host.register(Careless())
    monitor = VLLMMonitor(Target(name="t"), host=host)
    monitor.observe(Probed(time=1.0, path="/health", code=200))
    (finding,) = monitor.pipeline.findings.all
    assert "Finding.entities must be" in finding.summary
    assert {i.hook: i.health.failures for i in host.plugins[0].implementations if i.health.failures} == {
        "vmon_analyze": 1,
        "vmon_guardrail": 1,
    }


def test_pushed_record_is_refused(host: PluginHost) -> None:
    """The error comes back to the plugin that hands it in."""
    monitor = VLLMMonitor(Target(name="t"), host=host)
    api = monitor._host_api(host.register(Careless()))
    with pytest.raises(TypeError, match=r"Sample\.labels"):
        api.emit(samples=Careless().vmon_collect())
