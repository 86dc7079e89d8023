"""What code sees of a moment: copies in plain data, without secrets."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Change, Checkpoint
from vmon_core.redaction import redact_mapping, redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.pipeline.window import Window
    from vmon_core.records import Frame

STUBS = """\
from typing import Any
Rows = list[dict[str, Any]]
class Checkpoint:
    id: str
    time: float
    target: str
    state: str
    transition: str
    reason: str
    arguments: dict[str, Any]
    environment: dict[str, str]
    hardware: dict[str, Any]
    software: dict[str, str]
    metrics: dict[str, float]
    findings: list[str]
    evidence: list[str]
class Change:
    time: float
    origin: str
    state: str
    transition: str
    reason: str
"""
"""Declares the inputs for the type check."""

_EXAMPLE = Checkpoint(
    id="example", time=0.0, target="example", state=LifecycleState.SERVING, transition=StateTransition.LOAD
)
_ROWS = ({"name": "example.metric", "value": 1.0, "time": 0.0, "labels": {}, "unit": ""},)


class View:
    """One moment.

    Args:
        checkpoint: the moment; None takes an example.
        window: what came before it.
    """

    def __init__(self, checkpoint: Checkpoint | None = None, window: Window | None = None) -> None:
        self.checkpoint = checkpoint or _EXAMPLE
        self.window = window

    @property
    def metrics(self) -> Mapping[str, float]:
        """The latest value of each series."""
        return self.checkpoint.metrics

    @cached_property
    def fields(self) -> dict[str, object]:
        """The checkpoint's fields; made once for all code that sees this moment."""
        moment = self.checkpoint
        return {
            "id": moment.id,
            "time": moment.time,
            "target": redact_text(moment.target),
            "reason": redact_text(moment.reason),
            "state": moment.state.value,
            "transition": moment.transition.value,
            "metrics": dict(moment.metrics),
            "findings": list(moment.findings),
            "evidence": [redact_text(each) for each in moment.evidence],
            **{name: _plain(getattr(moment, name)) for name in ("arguments", "environment", "hardware", "software")},
        }


def change_fields(change: Change) -> dict[str, object]:
    """A transition as code sees it."""
    return {
        "time": change.time,
        "origin": change.origin.value,
        "state": change.state.value,
        "transition": change.transition.value,
        "reason": redact_text(change.reason),
    }


def frame_rows(frame: Frame) -> list[dict[str, object]]:
    """The samples of a frame as rows."""
    return [
        {"name": s.name, "value": s.value, "time": s.time, "labels": dict(s.labels), "unit": s.unit}
        for s in frame.samples
    ]


def example_event(kind: str) -> object:
    """What a trial is called with besides the checkpoint."""
    if kind == "lifecycle":
        return change_fields(
            Change(
                time=0.0,
                origin=LifecycleState.IDLE,
                state=LifecycleState.SERVING,
                transition=StateTransition.LOAD,
                reason="an example",
            )
        )
    return list(_ROWS) if kind == "exporter" else None


def _plain(mapping: Mapping[str, Any]) -> Any:  # noqa: ANN401 (plain data)
    """Plain data whatever a plugin put in."""
    return json.loads(json.dumps(redact_mapping(mapping), default=str))
