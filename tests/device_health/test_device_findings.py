"""Findings about devices: which, when, and when not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.device_health import SilenceWatch, device_findings
from vmon_core.device_health.findings import CODES
from vmon_core.evidence import DeviceEvent, DeviceJudged, Evidence, Health, Recovery
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.fold import KEPT_DEVICE_EVENTS, KEPT_DEVICES, fold
from vmon_core.records import Finding, Sample, Severity
from vmon_core.testing.fakes import NOW, make_window

if TYPE_CHECKING:
    from vmon_core.pipeline.window import Window


def past(*content: Sample | Evidence, now: float = NOW) -> Window:
    """A window whose facts know the evidence, as the pipeline's do."""
    window = make_window(*content, now=now)
    for item in content:
        if isinstance(item, Evidence):
            window.facts = fold(window.facts, item)
    return window


def judged(health: Health, codes: tuple[str, ...], device: str = "nvidia:0", time: float = NOW) -> DeviceJudged:
    """A judgement with a reason for each code."""
    return DeviceJudged(
        time=time, device=device, health=health, codes=codes, reasons=tuple(f"because {c}" for c in codes)
    )


def found(window: Window, kind: str = "nvidia") -> dict[str, Finding]:
    """The findings by their code and what they are about."""
    findings = {f"{f.code} {f.entities[0]}": f for f in device_findings(window, kind)}
    assert {f.code for f in findings.values()} <= CODES  # those that are explained
    return findings


@pytest.mark.parametrize(
    ("code", "expected", "severity"),
    [
        ("gpu.lost", "gpu.lost", Severity.CRITICAL),
        ("xid.79", "gpu.xid", Severity.ERROR),
        ("throttle.hw_thermal", "gpu.throttled", Severity.WARNING),
        ("temperature.margin", "gpu.overheating", Severity.WARNING),
        ("ecc.corrected", "gpu.ecc", Severity.WARNING),
        ("ecc.uncorrected", "gpu.ecc", Severity.ERROR),
        ("rows.pending", "gpu.memory_rows", Severity.WARNING),
        ("rows.failed", "gpu.memory_rows", Severity.ERROR),
        ("pcie.width", "gpu.pcie", Severity.WARNING),
        ("link.down", "gpu.link", Severity.ERROR),
        ("link.errors", "gpu.link", Severity.WARNING),
        ("driver.recovery", "gpu.recovery", Severity.ERROR),
        ("something.else", "gpu.event", Severity.WARNING),
    ],
)
def test_each_symptom_is_a_finding(code: str, expected: str, severity: Severity) -> None:
    """The code is stable, and the summary names device and reason."""
    finding = found(past(judged(Health.DEGRADED, (code,))))[f"{expected} nvidia:0"]
    assert finding.severity is severity
    assert finding.summary == f"nvidia:0 is degraded: because {code}"


def test_what_belongs_together_is_one_finding() -> None:
    """Corrected and uncorrected errors are one trouble, told by the worse of them."""
    findings = found(past(judged(Health.UNHEALTHY, ("ecc.corrected", "ecc.uncorrected", "rows.pending"))))
    assert sorted(findings) == ["gpu.ecc nvidia:0", "gpu.memory_rows nvidia:0"]
    assert findings["gpu.ecc nvidia:0"].severity is Severity.ERROR
    assert findings["gpu.ecc nvidia:0"].evidence == ("because ecc.uncorrected", "because ecc.corrected")


@pytest.mark.parametrize("health", [Health.HEALTHY, Health.UNKNOWN])
def test_unknown_is_no_finding(health: Health) -> None:
    """Cannot tell is never bad."""
    assert not found(past(judged(health, ("unknown",))))


def test_other_kinds_are_others() -> None:
    """Each vendor's analyzer speaks of its own devices."""
    assert not found(past(judged(Health.UNHEALTHY, ("gpu.lost",), "amd:0")))


def test_old_judgement_is_forgotten() -> None:
    """A device that nobody judges any more, such as a removed instance, is no finding for ever."""
    assert not found(past(judged(Health.UNHEALTHY, ("gpu.lost",), time=NOW - 151), now=NOW))


def test_event_of_an_application_is_information() -> None:
    """It says that the device is well, for ten minutes."""
    event = DeviceEvent(
        time=NOW, device="nvidia:0", code="xid.31", recovery=Recovery.RESTART_APPLICATION, summary="Xid 31"
    )
    (finding,) = found(past(event)).values()
    assert (finding.code, finding.severity, finding.entities) == ("gpu.xid", Severity.INFO, ("nvidia:0", "xid.31"))
    assert "The device is well" in finding.advice
    assert not found(past(event, now=NOW + 601))


def test_event_of_a_symptom_is_told_by_the_judgement_only() -> None:
    """The event says when it began; whether it holds, the judgement says."""
    event = DeviceEvent(time=NOW, device="nvidia:0", code="link.down", recovery=Recovery.RESET_DEVICE)
    assert not found(past(event))


def test_event_of_an_unknown_device_is_a_finding() -> None:
    """Nobody judges a device that is not known; the event must not get lost."""
    event = DeviceEvent(time=NOW, device="", code="xid.79", recovery=Recovery.REBOOT_NODE, summary="Xid 79")
    assert list(found(past(event))) == ["gpu.xid nvidia"]


def test_event_about_nobody_is_no_finding_of_another_vendor() -> None:
    """Both vendors' plugins may be installed; only NVIDIA's GPUs are there."""
    event = DeviceEvent(time=NOW, device="", code="gpu.missing", recovery=Recovery.UNKNOWN, summary="one is gone")
    window = past(event, judged(Health.HEALTHY, ()))
    assert list(found(window)) == ["gpu.event nvidia"]
    assert found(window, "amd") == {}


# --- silence ---


def health(*times: float) -> list[Sample]:
    """Samples of a well device."""
    return [Sample("gpu.health", 0.0, time, (("gpu", "0"), ("kind", "nvidia"))) for time in times]


@pytest.mark.parametrize(
    ("times", "silent"),
    [
        ((5, 4, 3), False),
        ((5.2, 4.2, 3.2), True),  # at one look a second
        ((40, 30, 20), False),
        ((51, 41, 31), True),  # at one look in ten seconds
        ((95, 5, 4, 3.2), True),  # an earlier silence is no pace
        ((59,), False),
        ((60, 59), False),
        ((61,), True),  # nobody knows the pace
    ],
)
def test_silence_is_told_by_the_pace_of_before(times: tuple[float, ...], silent: bool) -> None:  # noqa: FBT001 (pytest gives it)
    """A plugin that looks rarely may be quiet for longer; a single look tells no pace."""
    window = past(*health(*(NOW - ago for ago in times)), now=NOW)
    assert list(found(window)) == (["gpu.silent nvidia"] if silent else [])


def test_silence_ends_all_other_findings() -> None:
    """What was true before the silence is not known to be true now."""
    content = (judged(Health.UNHEALTHY, ("gpu.lost",), time=NOW - 60), *health(NOW - 62, NOW - 61, NOW - 60))
    assert list(found(past(*content, now=NOW))) == ["gpu.silent nvidia"]


def test_nobody_who_never_spoke_is_silent() -> None:
    """A machine without devices of this kind."""
    assert not found(past(now=NOW))


def test_silence_is_an_event_once_and_makes_health_unknown() -> None:
    """Each silence anew; devices of other kinds are not concerned."""
    watch = SilenceWatch("nvidia")
    told = (judged(Health.HEALTHY, ()), judged(Health.HEALTHY, (), "amd:0"))
    assert watch.look(past(*told, *health(NOW - 3, NOW - 2, NOW - 1))) == []
    event, unknown = watch.look(past(*told, *health(NOW - 7, NOW - 6, NOW - 5)))
    assert isinstance(event, DeviceEvent)
    assert (event.device, event.code) == ("nvidia", "driver.silent")
    assert isinstance(unknown, DeviceJudged)
    assert (unknown.device, unknown.health) == ("nvidia:0", Health.UNKNOWN)
    assert watch.look(past(*told, *health(NOW - 8, NOW - 7, NOW - 6))) == []
    assert watch.look(past(*told, *health(NOW - 2, NOW - 1, NOW))) == []
    assert len(watch.look(past(*told, *health(NOW - 7, NOW - 6, NOW - 5)))) == 2


def test_facts_are_bounded() -> None:
    """A plugin that makes up devices and codes does not fill the memory; the latest of each code is kept."""
    facts = Facts()
    for n in range(1000):
        facts = fold(facts, judged(Health.HEALTHY, (), f"nvidia:{n}"))
        facts = fold(facts, DeviceEvent(time=NOW, device="nvidia:0", code=f"xid.{n}"))
        facts = fold(facts, DeviceEvent(time=NOW + n, device="nvidia:0", code="xid.0"))
    assert len(facts.devices) == KEPT_DEVICES
    assert len(facts.device_events) == KEPT_DEVICE_EVENTS
    assert facts.device_events[-1].time == NOW + 999
