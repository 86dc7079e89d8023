"""The rules: each looks at the readings of one device for one kind of trouble, and says what it sees with the figures.

What a device does not tell is no symptom. A figure that may slip once counts when two readings in a row show it.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import attrs

from vmon_core.device_health.readings import WINDOW_MINUTES
from vmon_core.evidence import Health, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vmon_core.device_health.readings import Readings, Series

THROTTLED_MINUTES = 6
"""Minutes of the last ten with a slowdown by the hardware from which a device is unhealthy.

gpud's hardware slowdown check: 0.6 events a minute over ten minutes.
"""

THROTTLED_RECENTLY = 2
"""Minutes for which a slowdown counts after its end, the present one included, so that a flicker is one symptom."""

CORRECTED_PER_MINUTE = 10.0
"""Corrected memory errors a minute over ten minutes from which a device is degraded.

DCGM's limit for single-bit errors (`DCGM_LIMIT_MAX_SBE_RATE`), which it calls provisional. Totals say nothing: a device
collects corrected errors over its years.
"""

REPLAYS_PER_MINUTE = 8.0
"""PCIe replays a minute from which a device is degraded (DCGM: `DCGM_LIMIT_MAX_PCIREPLAY_RATE`)."""

REPLAY_MINUTES = 2
"""Minutes over which replays are counted, the present one included."""

LINK_ERRORS = 1.0
"""Replays or recoveries of a link in ten minutes that count (DCGM: `DCGM_LIMIT_MAX_NVLINK_ERROR`)."""

CRC_PER_SECOND = 100.0
"""CRC errors of a link that count; below, the link repeats and nobody notices (`DCGM_LIMIT_MAX_NVLINK_CRC_ERROR`)."""

RETIRED_PAGES = 63.0
"""Retired pages from which a device is to be replaced (DCGM: `DCGM_LIMIT_MAX_RETIRED_PAGES`)."""

LOADED = 0.5
"""Utilization from which a PCIe link has to run at full speed; idle devices lower it to save power."""

CALM_SECONDS = 600.0
"""How long an event counts where the driver itself says that nothing needs to be done; the window of the rates."""

_FABRIC_UNREADY = {1.0: "not started", 2.0: "in progress"}

_DRIVER_WORDS = {
    Recovery.RESET_DEVICE: (Health.UNHEALTHY, "a reset"),
    Recovery.DRAIN_AND_RESET: (Health.DEGRADED, "a reset when its work is done"),
    Recovery.REBOOT_NODE: (Health.UNHEALTHY, "a reboot of the machine"),
    Recovery.CONTACT_SUPPORT: (Health.UNHEALTHY, "a repair"),
}
"""What the driver may ask for, and how well a device is for which it does."""

APPLICATION = frozenset({Recovery.NONE, Recovery.RESTART_APPLICATION, Recovery.UNKNOWN})
"""Recoveries that say nothing against the device itself."""


@attrs.frozen
class Symptom:
    """Something that speaks against a device.

    Attributes:
        code: stable and dotted, such as `ecc.uncorrected`; the event of its appearance carries it.
        health: how well a device can be that has it.
        reason: a sentence with the figures.
        recovery: what would help.
    """

    code: str
    health: Health
    reason: str
    recovery: Recovery = Recovery.NONE


def symptoms(readings: Readings, peers: Sequence[Readings] = ()) -> Iterator[Symptom]:
    """Look for everything.

    Args:
        readings: of the device.
        peers: of the others of the same kind and model.
    """
    rules = _WHEN_LOST if readings.lost else _RULES
    for rule in rules:
        yield from rule(readings)
    if not readings.lost:
        yield from _fewer_links(readings, peers)


def _lost(readings: Readings) -> Iterator[Symptom]:
    if readings.lost:
        yield Symptom("gpu.lost", Health.UNHEALTHY, "the driver cannot reach it any more", Recovery.REBOOT_NODE)


def _driver(readings: Readings) -> Iterator[Symptom]:
    if readings.recovery in _DRIVER_WORDS:
        health, what = _DRIVER_WORDS[readings.recovery]
        yield Symptom("driver.recovery", health, f"the driver asks for {what}", readings.recovery)


def _events(readings: Readings) -> Iterator[Symptom]:
    """Where the driver says that it needs nothing, it knows better than a table, and time heals the rest."""
    calm = readings.recovery is Recovery.NONE
    for noted in readings.events():
        event, age = noted.event, readings.now - noted.event.time
        if event.recovery in APPLICATION or (calm and age > CALM_SECONDS):
            continue
        often = f", {noted.count} times" if noted.count > 1 else ""
        reason = f"{event.summary or event.code} ({age:.0f} s ago{often})"
        if calm:
            yield Symptom(event.code, Health.DEGRADED, f"{reason}; the driver asks for nothing")
        else:
            yield Symptom(event.code, Health.UNHEALTHY, reason, event.recovery)


# --- heat, power and clocks ---


def _throttled(readings: Readings) -> Iterator[Symptom]:
    """Power caps and application clocks are settings; a slowdown by the hardware or by heat is a trouble."""
    for reason, minutes in _throttled_minutes(readings).items():
        if not (reason.startswith("hw_") or reason.endswith("thermal")):
            continue
        recent = any(minute > readings.now // 60 - THROTTLED_RECENTLY for minute in minutes)
        text = f"it slowed down ({reason}) in {len(minutes)} of the last {WINDOW_MINUTES} min"
        if reason.startswith("hw_") and len(minutes) >= THROTTLED_MINUTES:
            yield Symptom(f"throttle.{reason}", Health.UNHEALTHY, text, Recovery.CONTACT_SUPPORT)
        elif recent:
            yield Symptom(f"throttle.{reason}", Health.DEGRADED, text)


def _throttled_minutes(readings: Readings) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for name in ("gpu.throttled", "gpu.throttle.time"):
        for labels, series in readings.grown(name):
            reason = dict(labels).get("reason", "")
            found[reason] = found.get(reason, frozenset()) | series.active(readings.now)
    return {reason: minutes for reason, minutes in found.items() if minutes}


def _hot(readings: Readings) -> Iterator[Symptom]:
    """A single margin of zero is not believed: some H100 tell one now and then (gpud)."""
    margin = readings.one("gpu.temperature.margin")
    if margin is not None and margin.before is not None and margin.lasting <= 0:
        text = f"it is {-margin.value:.0f} °C above the temperature at which it slows itself down"
        yield Symptom("temperature.margin", Health.DEGRADED, text)


# --- memory ---


def _uncorrected(readings: Readings) -> Iterator[Symptom]:
    """What is counted since the driver was loaded is over with a reset; what is counted for ever is history."""
    for labels, series in readings.each("gpu.ecc.errors"):
        if dict(labels).get("type") != "uncorrected":
            continue
        grown = series.grown(readings.now)
        if grown:
            text = f"{grown:.0f} uncorrected memory errors in the last {WINDOW_MINUTES} min"
            yield Symptom("ecc.uncorrected", Health.UNHEALTHY, text, Recovery.RESET_DEVICE)
            return
        if dict(labels).get("scope") == "volatile" and series.value:
            text = f"{series.value:.0f} uncorrected memory errors since the driver was loaded"
            yield Symptom("ecc.uncorrected", Health.DEGRADED, text, Recovery.RESET_DEVICE)
            return


def _corrected(readings: Readings) -> Iterator[Symptom]:
    grown = [
        series.grown(readings.now)
        for labels, series in readings.grown("gpu.ecc.errors")
        if dict(labels).get("type") == "corrected"
    ]
    most = max(grown, default=0.0)  # the scopes count the same errors
    if most > CORRECTED_PER_MINUTE * WINDOW_MINUTES:
        text = f"{most:.0f} corrected memory errors in the last {WINDOW_MINUTES} min"
        yield Symptom("ecc.corrected", Health.DEGRADED, text)


def _rows(readings: Readings) -> Iterator[Symptom]:
    """NVIDIA's memory error management: pending rows need a reset, a failure to remap is a reason for a replacement."""
    failed, pending = readings.one("gpu.rows.failed"), readings.one("gpu.rows.pending")
    if failed is not None and failed.value:
        text = "a row of its memory could not be remapped"
        yield Symptom("rows.failed", Health.UNHEALTHY, text, Recovery.CONTACT_SUPPORT)
    if pending is not None and pending.value:
        text = "rows of its memory wait for a reset to be remapped"
        yield Symptom("rows.pending", Health.DEGRADED, text, Recovery.RESET_DEVICE)


def _retired(readings: Readings) -> Iterator[Symptom]:
    pages = sum(series.value for _, series in readings.each("gpu.pages.retired"))
    if pages >= RETIRED_PAGES:
        text = f"{pages:.0f} pages of its memory are retired (limit {RETIRED_PAGES:.0f})"
        yield Symptom("pages.retired", Health.DEGRADED, text, Recovery.CONTACT_SUPPORT)


# --- PCIe and links ---


def _downtrained(readings: Readings) -> Iterator[Symptom]:
    load = readings.one("gpu.utilization")
    if load is None or load.before is None or min(load.value, load.before) < LOADED:
        return
    for name, word in (("gpu.pcie.width", "lanes"), ("gpu.pcie.generation", "generation")):
        now, best = readings.one(name), readings.one(f"{name}.max")
        if now is not None and best is not None and now.before is not None and now.lasting < best.value:
            text = f"its PCIe link runs at {word} {now.value:.0f} of {best.value:.0f} under load"
            yield Symptom(f"pcie.{name.rpartition('.')[2]}", Health.DEGRADED, text)


def _replays(readings: Readings) -> Iterator[Symptom]:
    replays = readings.one("gpu.pcie.replays")
    grown = replays.grown(readings.now, REPLAY_MINUTES) if replays is not None else 0.0
    if grown > REPLAYS_PER_MINUTE * REPLAY_MINUTES:
        text = f"its PCIe link repeated {grown:.0f} transfers within {REPLAY_MINUTES} min"
        yield Symptom("pcie.replays", Health.DEGRADED, text)


def _links_down(readings: Readings) -> Iterator[Symptom]:
    """A link that never was up may be wired to nothing; one that was, broke."""
    broken = [
        dict(labels).get("link", "?") for labels, up in readings.each("gpu.link.up") if up.highest and not up.value
    ]
    if broken:
        text = f"link {', '.join(broken)} was up and is down"
        yield Symptom("link.down", Health.UNHEALTHY, text, Recovery.RESET_DEVICE)


def _link_errors(readings: Readings) -> Iterator[Symptom]:
    bad = [text for labels, series in readings.grown("gpu.link.errors") if (text := _erring(labels, series, readings))]
    if bad:
        yield Symptom("link.errors", Health.DEGRADED, "; ".join(bad))


def _erring(labels: Iterable[tuple[str, str]], series: Series, readings: Readings) -> str:
    told = dict(labels)
    kind = told.get("type", "")
    minutes = 1 if "crc" in kind else WINDOW_MINUTES
    limit = CRC_PER_SECOND * 60 if "crc" in kind else LINK_ERRORS
    grown = series.grown(readings.now, minutes)
    return f"{grown:.0f} {kind} errors on link {told.get('link', '')} in {minutes} min" if grown >= limit else ""


def _fewer_links(readings: Readings, peers: Sequence[Readings]) -> Iterator[Symptom]:
    """Compare with devices of the same kind and model; another model may be wired otherwise.

    A link that broke while it was looked at is a symptom of its own.
    """
    if any(True for _ in _links_down(readings)):
        return
    others = [peer.links_up for peer in peers if peer.links_up is not None]
    ours, usual = readings.links_up, median(others) if others else 0
    if ours is not None and ours < usual:
        text = f"{ours} of its links are up where the others of its model have {usual:.0f}"
        yield Symptom("link.fewer", Health.DEGRADED, text)


def _fabric(readings: Readings) -> Iterator[Symptom]:
    state = readings.one("gpu.fabric.state")
    if state is not None and state.value == state.before and state.value in _FABRIC_UNREADY:
        text = f"its NVLink fabric is not ready ({_FABRIC_UNREADY[state.value]}): does the fabric manager run?"
        yield Symptom("fabric.state", Health.DEGRADED, text)


_WHEN_LOST: tuple[Callable[[Readings], Iterator[Symptom]], ...] = (_lost, _events)

_RULES: tuple[Callable[[Readings], Iterator[Symptom]], ...] = (
    *(_driver, _events),
    *(_throttled, _hot),
    *(_uncorrected, _corrected, _rows, _retired),
    *(_downtrained, _replays, _links_down, _link_errors, _fabric),
)
