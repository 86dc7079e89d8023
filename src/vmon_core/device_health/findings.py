"""Findings about devices, for the `vmon_analyze` hook of a vendor's plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.device_health.silence import silence
from vmon_core.evidence import Health, Recovery
from vmon_core.records import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.evidence import DeviceEvent, DeviceJudged
    from vmon_core.pipeline.window import Window

EVENT_SECONDS = 600.0
"""How long an event that says nothing against the device stays a finding: as long as a window looks back."""

JUDGED_SECONDS = 150.0
"""How long a judgement counts; each is told once a minute, so two and a half of them have to be missing."""


@attrs.frozen
class _Subject:
    """What findings of one kind have in common."""

    code: str
    severity: Severity
    advice: str = ""


_INSPECT = "Move the work to another device and have this one inspected; a restart on the same device would fail again."
_COOL = "Look at the air flow, the fans and the room; a power limit below the default gives less heat."
_LINK = "Tensor parallel work across this link is slow or hangs: keep it off this device until it was reset."

_SUBJECTS = {
    "gpu.lost": _Subject("gpu.lost", Severity.CRITICAL, "Its work is lost: move it. " + _INSPECT),
    "xid": _Subject("gpu.xid", Severity.ERROR, _INSPECT),
    "driver.recovery": _Subject("gpu.recovery", Severity.ERROR, "Do what the driver asks for when the work allows it."),
    "driver": _Subject("gpu.driver", Severity.WARNING),
    "throttle": _Subject("gpu.throttled", Severity.WARNING, _COOL),
    "temperature": _Subject("gpu.overheating", Severity.WARNING, _COOL),
    "ecc.uncorrected": _Subject("gpu.ecc", Severity.ERROR, "Results since then may be wrong. " + _INSPECT),
    "ecc": _Subject("gpu.ecc", Severity.WARNING, "Watch whether the rate grows: a memory chip may be about to fail."),
    "rows.failed": _Subject("gpu.memory_rows", Severity.ERROR, _INSPECT),
    "rows": _Subject("gpu.memory_rows", Severity.WARNING, "Reset the device when its work allows it."),
    "pages": _Subject("gpu.memory_rows", Severity.WARNING, _INSPECT),
    "pcie": _Subject("gpu.pcie", Severity.WARNING, "Reseat the card or the riser; look at the slot's settings."),
    "link.down": _Subject("gpu.link", Severity.ERROR, _LINK),
    "link": _Subject("gpu.link", Severity.WARNING, _LINK),
    "fabric": _Subject(
        "gpu.fabric", Severity.ERROR, "CUDA cannot start: look at the fabric manager's service and log."
    ),
}
"""What a symptom or an event is a finding of, by its code or the code's first word."""

_OTHER = _Subject("gpu.event", Severity.WARNING)

_SILENT = "gpu.silent"

CODES = frozenset({_OTHER.code, _SILENT, *(subject.code for subject in _SUBJECTS.values())})
"""The codes of all findings that are made here."""


def device_findings(window: Window, kind: str) -> Iterable[Finding]:
    """Say what is wrong with the devices of one kind at this moment.

    Args:
        window: the recent past; judgements and events are in its facts.
        kind: the vendor's short name, as in `Device.kind`.

    Returns:
        A finding for each device and kind of trouble, one for events that only the application suffers from, and
        `gpu.silent` when the vendor's plugin has stopped to tell anything, as when the driver hangs.
    """
    quiet = silence(window, kind)
    if quiet is not None:
        yield _silent(kind, quiet, window.now)
        return
    for name, judged in window.facts.devices.items():
        fresh = window.now - judged.time <= JUDGED_SECONDS
        if fresh and name.startswith(f"{kind}:") and judged.health in {Health.DEGRADED, Health.UNHEALTHY}:
            yield from _of_device(judged, window.now)
    yield from _of_events(window, kind)


def _silent(kind: str, quiet: float, now: float) -> Finding:
    return Finding(
        code=_SILENT,
        severity=Severity.WARNING,
        summary=f"nothing is heard of {kind} devices for {quiet:.0f} s: how they are is not known",
        time=now,
        entities=(kind,),
        advice="The driver may hang: look at `vmon plugins info` and the kernel log; a call that hangs in the kernel "
        "ends with a reboot only.",
    )


def _of_device(judged: DeviceJudged, now: float) -> Iterator[Finding]:
    """Bring together what belongs together: one finding for each kind of trouble, with all its reasons."""
    reasons: dict[_Subject, list[str]] = {}
    for code, reason in zip(judged.codes, judged.reasons, strict=False):
        reasons.setdefault(_subject(code), []).append(reason)
    by_code: dict[str, tuple[_Subject, list[str]]] = {}
    for subject, lines in sorted(reasons.items(), key=lambda item: -item[0].severity):
        by_code.setdefault(subject.code, (subject, []))[1].extend(lines)
    for subject, lines in by_code.values():
        yield Finding(
            code=subject.code,
            severity=subject.severity,
            summary=f"{judged.device} is {judged.health}: {lines[0]}",
            time=now,
            entities=(judged.device,),
            evidence=tuple(lines),
            advice=_advice(subject, judged.recovery),
        )


def _of_events(window: Window, kind: str) -> Iterator[Finding]:
    """Events that say nothing against a device, each told once: they say whose fault an application's end was."""
    vendors = {name.partition(":")[0] for name in window.facts.devices} or {kind}
    for event in window.facts.device_events:
        ours = event.device.startswith(f"{kind}:") or (not event.device and kind in vendors)
        if ours and window.now - event.time <= EVENT_SECONDS and _stands_alone(window, event):
            yield Finding(
                code=_subject(event.code).code,
                severity=Severity.INFO if event.recovery is Recovery.RESTART_APPLICATION else Severity.WARNING,
                summary=f"{event.device or kind}: {event.summary or event.code}",
                time=window.now,
                entities=(event.device or kind, event.code),
                advice=_advice(_OTHER, event.recovery),
            )


def _stands_alone(window: Window, event: DeviceEvent) -> bool:
    """Whether no judgement speaks of it; the events of symptoms are findings through the judgement only."""
    judged = window.facts.devices.get(event.device)
    told = judged is not None and event.code in judged.codes
    return not told and (not event.device or event.recovery in {Recovery.RESTART_APPLICATION, Recovery.UNKNOWN})


def _subject(code: str) -> _Subject:
    return _SUBJECTS.get(code) or _SUBJECTS.get(code.partition(".")[0]) or _OTHER


_HELP = {
    Recovery.RESTART_APPLICATION: "The device is well: restart what used it.",
    Recovery.RESET_DEVICE: "A reset of the device helps.",
    Recovery.DRAIN_AND_RESET: "Let its work end, then reset the device.",
    Recovery.REBOOT_NODE: "A reboot of the machine helps.",
    Recovery.CONTACT_SUPPORT: "No restart helps: have it repaired or replaced.",
}


def _advice(subject: _Subject, recovery: Recovery) -> str:
    return " ".join(filter(None, (subject.advice, _HELP.get(recovery, ""))))
