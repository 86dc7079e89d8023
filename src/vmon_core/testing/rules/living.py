"""Rules for a plugin's life: it starts, collects, stops, and leaves nothing behind; then all of that once more."""

from __future__ import annotations

import json
import math
import re
import time
from typing import TYPE_CHECKING, Any

from vmon_core.evidence import Evidence
from vmon_core.host.scheduler import DEFAULT
from vmon_core.records import Sample, Target, Tick
from vmon_core.testing.fakes import NOBODY
from vmon_core.testing.leaks import Holdings, left_behind
from vmon_core.testing.subject import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.testing.subject import Subject

LOST = Target(name="lost", url="http://127.0.0.1:1", pid=(1 << 22) + 1, started=1.0, log="/nonexistent/vllm.log")
"""A deployment that is gone: a port where nobody listens, a pid beyond the kernel's limit (2^22), no log."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_UNIT = re.compile(r"|[a-z%][a-z0-9_/%]*")

READING_AGE = 60.0
"""Seconds by which a sample's time may differ from its tick's: more is another clock, such as a monotonic one."""


def lives_twice(subject: Subject) -> None:
    """It starts, collects and stops in time, twice, with nobody to watch and with a target that is gone."""
    seen: dict[str, tuple[str, bool]] = {}
    for target in (NOBODY, LOST):
        before, host = Holdings.now(), subject.host(target)
        subject.call("lives_twice", "vmon_start", host=host)
        collected = [item for _ in range(2) for item in _collect(subject, target)]
        subject.call("lives_twice", "vmon_stop")
        _check_items([*collected, *host.samples, *host.evidence], seen)
        left = ", ".join(left_behind(before))
        require(not left, "leaves_nothing", f"after vmon_stop there is still: {left}")


def _collect(subject: Subject, target: Target) -> list[object]:
    """Look at the target once, as the scheduler does."""
    function = subject.hooks.get("vmon_collect")
    schedule = getattr(function, "vmon_schedule", DEFAULT)
    rule = "survives_lost_targets" if target is LOST else "collects_in_time"
    tick = Tick(time.time(), target)
    found = subject.call(rule, "vmon_collect", deadline=schedule.timeout, tick=tick) or ()
    items = list(found) if hasattr(found, "__iter__") else [found]
    for item in items:
        wrong = f"vmon_collect returns {type(item).__name__}, not samples and evidence"
        require(isinstance(item, Sample | Evidence), "collects_records", wrong)
    return items


def _check_items(items: Iterable[object], seen: dict[str, tuple[str, bool]]) -> None:
    for item in items:
        if isinstance(item, Sample):
            _check_sample(item)
            first = seen.setdefault(item.name, (item.unit, item.counter))
            require(first == (item.unit, item.counter), "measures_steadily", f"{item.name} changes its unit or kind")


def _check_sample(sample: Sample) -> None:
    rule, name = "measures_soundly", sample.name
    require(_NAME.fullmatch(name), rule, f"{name!r} is no metric name such as room.temperature")
    require(_UNIT.fullmatch(sample.unit), rule, f"{name}: {sample.unit!r} is no unit such as bytes or seconds")
    value: object = sample.value
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    require(number, rule, f"{name} is {value!r}; what is not known is left out")
    require(sample.labels == tuple(sorted(sample.labels)), rule, f"{name}: its labels {sample.labels} are not sorted")
    age = abs(time.time() - sample.time)
    require(age < READING_AGE, rule, f"{name} has the time {sample.time:g}, which is not about now in Unix seconds")


def hands_over(subject: Subject) -> None:
    """The state that it hands to its next version is plain data, and comes through unchanged."""
    rule, hooks = "hands_over", subject.hooks
    require(("vmon_state" in hooks) == ("vmon_restore" in hooks), rule, "vmon_state and vmon_restore belong together")
    state = subject.call(rule, "vmon_state")
    if state is None:
        return
    copy = _plain_copy(state)
    require(copy == state, rule, f"its state {state!r} is no plain data; JSON makes {copy!r} of it")
    subject.call(rule, "vmon_restore", state=copy)
    again = subject.call(rule, "vmon_state")
    require(again == state, rule, f"it was handed {state!r} and would hand on {again!r}")


def _plain_copy(state: object) -> Any:  # noqa: ANN401 (what JSON makes of it)
    try:
        return json.loads(json.dumps(state))
    except (TypeError, ValueError) as error:
        return error
