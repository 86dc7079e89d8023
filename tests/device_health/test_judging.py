"""What is judged of a device, from what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.device_health import DeviceState, HealthWatch
from vmon_core.devices import METRICS
from vmon_core.evidence import Recovery
from vmon_core.records import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.evidence import DeviceEvent

WELL = {
    "gpu.temperature.margin": 40.0,
    "gpu.throttled{reason=hw_thermal}": 0.0,
    "gpu.throttled{reason=sw_power_cap}": 0.0,
    "gpu.utilization": 0.9,
    "gpu.pcie.width": 16.0,
    "gpu.pcie.width.max": 16.0,
    "gpu.pcie.generation": 5.0,
    "gpu.pcie.generation.max": 5.0,
    "gpu.pcie.replays": 3.0,
    "gpu.ecc.errors{scope=volatile,type=corrected}": 1e9,
    "gpu.ecc.errors{scope=volatile,type=uncorrected}": 0.0,
    "gpu.ecc.errors{scope=aggregate,type=uncorrected}": 7.0,
    "gpu.rows.pending": 0.0,
    "gpu.rows.failed": 0.0,
    "gpu.pages.retired{type=multiple_single_bit}": 2.0,
    "gpu.link.up{link=0}": 1.0,
    "gpu.link.up{link=1}": 0.0,
    "gpu.link.errors{link=0,type=crc}": 1e6,
    "gpu.link.errors{link=0,type=replay}": 12.0,
    "gpu.fabric.state": 3.0,
    "gpu.energy": 5e6,
}
"""A device with a history: old totals, and a link that was never up."""

# What changes against WELL, and what comes of it within two ticks: health, code, recovery.
FAULTS: dict[str, tuple[dict[str, float], str, str, str]] = {
    "hot": ({"gpu.temperature.margin": -1.0}, "degraded", "temperature.margin", "none"),
    "slowed by heat": ({"gpu.throttled{reason=hw_thermal}": 1.0}, "degraded", "throttle.hw_thermal", "none"),
    "new reason": ({"gpu.throttled{reason=sw_thermal}": 1.0}, "degraded", "throttle.sw_thermal", "none"),
    "corrected": (
        {"gpu.ecc.errors{scope=volatile,type=corrected}": 1e9 + 101},
        *("degraded", "ecc.corrected", "none"),
    ),
    "uncorrected": (
        {"gpu.ecc.errors{scope=volatile,type=uncorrected}": 1.0},
        *("unhealthy", "ecc.uncorrected", "reset_device"),
    ),
    "uncorrected for ever": (
        {"gpu.ecc.errors{scope=aggregate,type=uncorrected}": 8.0},
        *("unhealthy", "ecc.uncorrected", "reset_device"),
    ),
    "pending": ({"gpu.rows.pending": 1.0}, "degraded", "rows.pending", "reset_device"),
    "failed": ({"gpu.rows.failed": 1.0}, "unhealthy", "rows.failed", "contact_support"),
    "retired": (
        {"gpu.pages.retired{type=multiple_single_bit}": 63.0},
        *("degraded", "pages.retired", "contact_support"),
    ),
    "width": ({"gpu.pcie.width": 8.0}, "degraded", "pcie.width", "none"),
    "generation": ({"gpu.pcie.generation": 3.0}, "degraded", "pcie.generation", "none"),
    "replays": ({"gpu.pcie.replays": 20.0}, "degraded", "pcie.replays", "none"),
    "link": ({"gpu.link.up{link=0}": 0.0}, "unhealthy", "link.down", "reset_device"),
    "recovered": ({"gpu.link.errors{link=0,type=replay}": 13.0}, "degraded", "link.errors", "none"),
    "crc": ({"gpu.link.errors{link=0,type=crc}": 1e6 + 6000}, "degraded", "link.errors", "none"),
    "fabric": ({"gpu.fabric.state": 2.0}, "degraded", "fabric.state", "none"),
}


def test_unknown_is_not_bad(bench: Any) -> None:
    """A device that tells nothing is neither well nor ill, and has no figure."""
    bench.tick({"gpu.memory.used": 5.0, "gpu.utilization": 1.0})
    assert bench.verdict() == ("unknown", ("unknown",), "none")
    assert not bench.samples("gpu.health")
    assert not bench.events


def test_well(bench: Any) -> None:
    """Old totals, a link that was never up and a power cap say nothing against it."""
    bench.tick(WELL)
    bench.tick({**WELL, "gpu.throttled{reason=sw_power_cap}": 1.0})
    assert bench.verdict() == ("healthy", (), "none")
    assert [s.value for s in bench.samples("gpu.health")] == [0.0]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_shows_within_two_ticks(bench: Any, name: str) -> None:
    """Each fault changes the health, is an event once, and has a reason."""
    changed, health, code, recovery = FAULTS[name]
    bench.tick(WELL)
    bench.tick(WELL)
    events = []
    for _ in range(2):
        bench.tick({**WELL, **changed})
        events += bench.events
    assert bench.verdict() == (health, (code,), recovery)
    assert events == [code]
    assert bench.watch.judgement("0").reasons[0]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_over(bench: Any, name: str) -> None:
    """When figures are well again, so is the device: after ten minutes nothing is held against it any more."""
    bench.tick(WELL)
    bench.tick({**WELL, **FAULTS[name][0]})
    bench.tick({**WELL, **FAULTS[name][0]})
    last = {**WELL, **{k: v for k, v in FAULTS[name][0].items() if "errors" in k or k.endswith("replays")}}
    for _ in range(12):
        bench.tick(last, seconds=60.0)
    expected = "degraded" if name == "uncorrected" else "healthy"  # what the driver counted stands until a reset
    assert bench.verdict()[0] == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"gpu.temperature.margin": -3.0},
        {"gpu.pcie.width": 4.0},
        {"gpu.pcie.generation": 1.0},
        {"gpu.fabric.state": 1.0},
    ],
)
def test_slip_of_one_reading_is_nothing(bench: Any, changed: dict[str, float]) -> None:
    """Some H100 tell a margin of zero now and then, and links change their speed."""
    bench.tick(WELL)
    bench.tick({**WELL, **changed})
    assert bench.verdict()[0] == "healthy"
    bench.tick(WELL)
    assert bench.verdict()[0] == "healthy"


def test_first_reading_alone_proves_no_heat(bench: Any) -> None:
    """There are not two readings in a row yet."""
    bench.tick({**WELL, "gpu.temperature.margin": 0.0})
    assert bench.verdict()[0] == "healthy"


def test_idle_device_may_lower_its_link(bench: Any) -> None:
    """PCIe links of idle devices slow down to save power."""
    for _ in range(3):
        bench.tick({**WELL, "gpu.utilization": 0.1, "gpu.pcie.generation": 1.0, "gpu.pcie.width": 8.0})
    assert bench.verdict()[0] == "healthy"


def test_throttling_at_six_of_ten_minutes_is_unhealthy(bench: Any) -> None:
    """The rate of gpud: 0.6 a minute over ten minutes; one less is degraded."""
    for minute in range(6):
        bench.tick(WELL, seconds=30.0)
        bench.tick({**WELL, "gpu.throttled{reason=hw_slowdown}": 1.0}, seconds=30.0)
        assert bench.verdict()[0] == ("unhealthy" if minute == 5 else "degraded")
    assert bench.verdict()[2] == "contact_support"


def test_throttling_by_software_is_never_unhealthy(bench: Any) -> None:
    """The driver lowers the clocks before the hardware has to: nothing is broken."""
    for _ in range(12):
        bench.tick({**WELL, "gpu.throttled{reason=sw_thermal}": 1.0}, seconds=60.0)
    assert bench.verdict()[0] == "degraded"


def test_throttle_time_that_grows_is_throttling(bench: Any) -> None:
    """What happened between two looks is in the counter only."""
    bench.tick({**WELL, "gpu.throttle.time{reason=hw_thermal}": 7.0})
    assert bench.verdict()[0] == "healthy"
    bench.tick({**WELL, "gpu.throttle.time{reason=hw_thermal}": 7.2})
    assert bench.verdict()[1] == ("throttle.hw_thermal",)


def test_flicker_is_one_event(bench: Any) -> None:
    """A symptom that comes and goes each second is told once, and changes the health once."""
    told, events = 0, []
    for second in range(40):
        bench.tick({**WELL, "gpu.temperature.margin": -1.0 if second % 4 < 2 else 3.0})
        told, events = told + len(bench.judged), [*events, *bench.events]
    assert events == ["temperature.margin"]
    assert told == 2


def test_lost(bench: Any) -> None:
    """A lost device has no figures any more; that is enough to know."""
    bench.tick(WELL)
    bench.tick({}, lost=True)
    assert bench.verdict() == ("unhealthy", ("gpu.lost",), "reboot_node")
    assert bench.events == ["gpu.lost"]


def test_silent_device_becomes_unknown(bench: Any) -> None:
    """Old figures prove nothing."""
    bench.tick(WELL)
    bench.tick({}, seconds=59.0)
    assert bench.verdict()[0] == "healthy"
    bench.tick({}, seconds=2.0)
    assert bench.verdict()[0] == "unknown"


def test_told_on_change_and_once_a_minute(bench: Any) -> None:
    """A judgement that says the same is repeated once a minute."""
    told = []
    for _ in range(121):
        bench.tick(WELL)
        told += bench.judged
    assert len(told) == 3


# --- events, and the driver's word ---


def test_hardware_event_is_unhealthy_until_a_reset(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """Nothing but a reset is known to cure it; a reset shows in the energy counter, which begins anew."""
    bench.tick(WELL)
    bench.tick(WELL, events=[xid(95, Recovery.RESET_DEVICE, bench.now, summary="Xid 95")])
    assert bench.verdict() == ("unhealthy", ("xid.95",), "reset_device")
    assert not bench.events, "the caller has told of it already"
    bench.tick(WELL, seconds=3600.0)
    assert bench.verdict()[0] == "unhealthy"
    bench.tick({**WELL, "gpu.energy": 10.0}, seconds=120.0)
    assert bench.verdict()[0] == "healthy"


def test_reset_cures_no_broken_part(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """What a person has to repair stays."""
    bench.tick(WELL, events=[xid(64, Recovery.CONTACT_SUPPORT)])
    bench.tick({**WELL, "gpu.energy": 10.0})
    assert bench.verdict() == ("unhealthy", ("xid.64",), "contact_support")


@pytest.mark.parametrize("recovery", [Recovery.RESTART_APPLICATION, Recovery.NONE, Recovery.UNKNOWN])
def test_event_of_an_application_says_nothing(bench: Any, xid: Callable[..., DeviceEvent], recovery: Recovery) -> None:
    """A program that crashed makes no device ill; the event is counted all the same."""
    bench.tick(WELL, events=[xid(31, recovery, count=3)])
    assert bench.verdict()[0] == "healthy"
    (sample,) = bench.samples("gpu.events")
    assert (sample.value, sample.counter, dict(sample.labels)["code"]) == (3.0, True, "xid.31")


def test_driver_knows_better_than_a_table(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """Where it asks for nothing, a hardware event is a remark that ends after ten minutes."""
    bench.tick(WELL, events=[xid(95, Recovery.RESET_DEVICE, bench.now)], recovery=Recovery.NONE)
    assert bench.verdict() == ("degraded", ("xid.95",), "none")
    bench.tick(WELL, seconds=601.0, recovery=Recovery.NONE)
    bench.tick(WELL, seconds=61.0, recovery=Recovery.NONE)
    assert bench.verdict()[0] == "healthy"


@pytest.mark.parametrize(
    ("word", "health"),
    [
        (Recovery.RESET_DEVICE, "unhealthy"),
        (Recovery.DRAIN_AND_RESET, "degraded"),
        (Recovery.REBOOT_NODE, "unhealthy"),
        (Recovery.UNKNOWN, "healthy"),
    ],
)
def test_word_of_the_driver(bench: Any, word: Recovery, health: str) -> None:
    """What the driver asks for comes first; a word of it that is not known is none."""
    bench.tick(WELL, recovery=word)
    assert bench.verdict()[0] == health
    assert (bench.verdict()[2] == word.value) is (word is not Recovery.UNKNOWN)


def test_repeated_events_are_one_reason(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """A storm is counted, not listed."""
    bench.tick(WELL, events=[xid(95, Recovery.RESET_DEVICE, bench.now, count=500) for _ in range(3)])
    (reason,) = bench.watch.judgement("0").reasons
    assert "1500 times" in reason


def test_codes_of_events_are_bounded(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """However many codes there are, memory and metrics are not flooded."""
    bench.tick(WELL, events=[xid(code, Recovery.RESET_DEVICE, bench.now) for code in range(500)])
    counts = {dict(s.labels)["code"]: s.value for s in bench.samples("gpu.events")}
    assert len(counts) == 65
    assert counts["other"] == 436.0
    assert len(bench.watch.judgement("0").codes) == 64


def test_look_for_the_sake_of_events(bench: Any, xid: Callable[..., DeviceEvent]) -> None:
    """It judges, and says nothing of a measurement that was not made: by their pace silence is noticed."""
    bench.tick(WELL)
    event = xid(95, Recovery.RESET_DEVICE, bench.now)
    told = bench.watch.look(bench.now + 1, [DeviceState("0", "H100")], events=[event], measured=False)
    assert bench.verdict()[0] == "unhealthy"
    assert not [item for item in told if isinstance(item, Sample) and item.name == "gpu.health"]


# --- comparisons ---


def test_broken_link_is_told_once(bench: Any) -> None:
    """That it has fewer links than its like now is no news."""
    bench.models = {"0": "H100", "1": "H100"}
    bench.tick(WELL, gpu="1")
    bench.tick(WELL)
    bench.tick({**WELL, "gpu.link.up{link=0}": 0.0})
    assert bench.verdict()[1] == ("link.down",)


def test_fewer_links_than_its_like(bench: Any) -> None:
    """Only devices of one model are compared."""
    links = {f"gpu.link.up{{link={n}}}": 1.0 for n in range(18)}
    bench.models = {"0": "H100", "1": "H100", "2": "H100", "3": "A10"}
    for gpu in ("0", "1", "2", "3"):
        down = {"gpu.link.up{link=7}": 0.0} if gpu in "13" else {}
        bench.tick({**WELL, **links, **down}, gpu=gpu)
    bench.tick({})
    assert [bench.verdict(gpu)[1] for gpu in bench.models] == [(), ("link.fewer",), (), ()]


# --- whatever comes ---


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*METRICS, "gpu.nonsense"]),
            st.one_of(st.floats(), st.sampled_from([0.0, 1.0, -1.0, 1e300])),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_any_figures_give_a_judgement(ticks: list[dict[str, float]], lost: bool) -> None:  # noqa: FBT001 (hypothesis gives it)
    """Nothing that a driver may tell ends the watch, and nothing but figures makes a device ill."""
    watch = HealthWatch("nvidia")
    for number, figures in enumerate(ticks):
        now = 100.0 + number
        samples = [Sample(name, value, now, (("gpu", "0"), ("kind", "nvidia"))) for name, value in figures.items()]
        watch.look(now, [DeviceState("0", lost=lost)], samples)
        judgement = watch.judgement("0")
        assert judgement is not None
        assert judgement.health.value == "unhealthy" or not lost
        assert bool(judgement.reasons) is (judgement.health.value != "healthy")
