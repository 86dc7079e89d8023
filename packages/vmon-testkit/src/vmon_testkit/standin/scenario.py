"""What goes wrong, and when: the catalogue of faults, `--fault` texts and scenario files."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vmon_testkit.standin.phases import PHASES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Value = float | str


class ScenarioError(ValueError):
    """A fault or scenario that makes no sense; the message says what was expected."""


@attrs.frozen
class FaultKind:
    """A fault that the stand-in knows.

    Attributes:
        summary: what it does to the server.
        parameters: names and default values; the type of the default is the type of the parameter.
        choices: the allowed values of text parameters.
        required: parameters without a default.
        startup: it shapes the start and cannot be injected into a running server.
    """

    summary: str
    parameters: Mapping[str, Value] = attrs.field(factory=dict)
    choices: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    required: frozenset[str] = frozenset()
    startup: bool = False


FAULTS: dict[str, FaultKind] = {
    "slow_start": FaultKind(
        "phases take the given seconds, such as loading_weights=5",
        parameters=dict.fromkeys(PHASES, 0.0),
        startup=True,
    ),
    "stuck_start": FaultKind(
        "a phase never ends",
        parameters={"phase": ""},
        choices={"phase": PHASES},
        required=frozenset({"phase"}),
        startup=True,
    ),
    "fail_start": FaultKind(
        "the start fails with the lines and the exit code of a real one",
        parameters={"cause": ""},
        choices={"cause": ("kv_too_small", "bad_arg", "port_in_use", "weights_corrupt")},
        required=frozenset({"cause"}),
        startup=True,
    ),
    "oom_text": FaultKind(
        "the start fails because memory ran out while the weights were loaded",
        parameters={"device": "cuda"},
        choices={"device": ("cuda", "cpu")},
        startup=True,
    ),
    "no_log_stats": FaultKind("as --disable-log-stats: no vllm: series, no stats line", startup=True),
    "lost_first_term": FaultKind("the first SIGTERM during the start is swallowed", startup=True),
    "drain": FaultKind("as --shutdown-timeout", parameters={"seconds": 60.0}, startup=True),
    "hang": FaultKind("the engine stops stepping and answering; /health stays 200", parameters={"after_requests": 0.0}),
    "frozen_gauges": FaultKind("counters move, gauges keep their last value"),
    "livelock": FaultKind("steps advance, no token is delivered"),
    "engine_death": FaultKind("SIGKILL of an engine core", parameters={"engine": 0.0}),
    "worker_death": FaultKind("SIGKILL of a worker", parameters={"engine": 0.0, "rank": 0.0}),
    "preemptions": FaultKind("a running request goes back to the queue now and then", parameters={"every_steps": 5.0}),
    "nan": FaultKind("finished requests count as corrupted (adds vllm:corrupted_requests_total)"),
    "renamed_metrics": FaultKind(
        "metric names of an older release, or of Ray Serve",
        parameters={"dialect": "old"},
        choices={"dialect": ("old", "underscore", "ray")},
    ),
    "auth_metrics": FaultKind("/metrics answers 401"),
    "slow_scrape": FaultKind("/metrics takes its time", parameters={"seconds": 5.0}),
    "huge_metrics": FaultKind("/metrics is valid and huge", parameters={"megabytes": 100.0}),
    "html_metrics": FaultKind("/metrics is an HTML page with status 200"),
    "endless_metrics": FaultKind("/metrics never ends"),
    "truncated_metrics": FaultKind("/metrics breaks off in the middle of a line"),
    "stuck_stop": FaultKind("closes the port on SIGTERM, then never exits"),
    "leftover": FaultKind("exits on SIGTERM and leaves the engine behind"),
}
"""Every fault by name."""


@attrs.frozen
class Fault:
    """One fault, set to happen.

    Attributes:
        name: a key of `FAULTS`.
        parameters: all parameters of that kind, defaults filled in; `slow_start` holds only what was given.
        at: seconds from `since`.
        lasts: seconds until it goes away by itself, or None: it stays.
        since: "ready" or "launch".
    """

    name: str
    parameters: Mapping[str, Value] = attrs.field(factory=dict)
    at: float = 0.0
    lasts: float | None = None
    since: str = "ready"


@attrs.frozen
class Scenario:
    """A scenario file: settings of the server, and faults in any order."""

    faults: tuple[Fault, ...] = ()
    startup_seconds: float | None = None
    tokens_per_second: float | None = None
    stats_interval: float | None = None


_SETTINGS = ("startup_seconds", "tokens_per_second", "stats_interval")


def make_fault(name: str, given: Mapping[str, Any]) -> Fault:
    """Check a fault and fill in its defaults.

    Args:
        name: of the kind.
        given: its parameters, with `at`, `for` and `since` among them; numbers may come as text.

    Raises:
        ScenarioError: with the nearest right spelling where there is one.

    >>> make_fault("hang", {"at": "2", "for": 1.5})
    Fault(name='hang', parameters={'after_requests': 0.0}, at=2.0, lasts=1.5, since='ready')
    """
    kind = FAULTS.get(name)
    if kind is None:
        raise ScenarioError(_unknown("fault", name, FAULTS))
    parameters = dict(given)
    at = _number(name, "at", parameters.pop("at", 0.0))
    lasts = _number(name, "for", parameters.pop("for")) if "for" in parameters else None
    since = _choice(name, "since", parameters.pop("since", "ready"), ("ready", "launch"))
    return Fault(name, _parameters(name, kind, parameters), at, lasts, since)


def parse_fault(text: str) -> Fault:
    """Read the `NAME[:key=value,…]` of the command line.

    >>> parse_fault("slow_scrape:seconds=3").parameters
    {'seconds': 3.0}
    """
    name, _, rest = text.partition(":")
    pairs = [item.partition("=") for item in rest.split(",") if item]
    if missing := [key for key, equals, _ in pairs if not equals]:
        message = f"fault {name}: expected key=value, got {missing[0]!r}"
        raise ScenarioError(message)
    return make_fault(name, {key.strip(): value.strip() for key, _, value in pairs})


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: the file, the key and what was expected.
    """
    try:
        return _scenario(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        message = f"{path}: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ScenarioError) as error:
        message = f"{path}: {error}"
    raise ScenarioError(message)


def _scenario(data: dict[str, Any]) -> Scenario:
    entries = data.pop("fault", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "name" in entry for entry in entries):
        message = "fault: expected [[fault]] tables, each with a name"
        raise ScenarioError(message)
    for key in data:
        if key not in _SETTINGS:
            raise ScenarioError(_unknown("key", key, (*_SETTINGS, "fault")))
    settings = {key: _number("scenario", key, value) for key, value in data.items()}
    faults = tuple(make_fault(str(entry.pop("name")), entry) for entry in entries)
    return Scenario(faults=faults, **settings)


def _parameters(name: str, kind: FaultKind, given: Mapping[str, Any]) -> dict[str, Value]:
    for key in given:
        if key not in kind.parameters:
            raise ScenarioError(f"fault {name}: " + _unknown("parameter", key, kind.parameters))
    if missing := sorted(kind.required - given.keys()):
        message = f"fault {name}: {missing[0]} is needed, one of {', '.join(kind.choices[missing[0]])}"
        raise ScenarioError(message)
    checked = {key: _value(name, kind, key, value) for key, value in given.items()}
    return checked if name == "slow_start" else dict(kind.parameters) | checked


def _value(name: str, kind: FaultKind, key: str, value: object) -> Value:
    if key in kind.choices:
        return _choice(name, key, value, kind.choices[key])
    return _number(name, key, value)


def _number(name: str, key: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        message = f"{name}: {key} must be a number, 0 or more, not {value!r}"
        raise ScenarioError(message)
    return number


def _choice(name: str, key: str, value: object, choices: tuple[str, ...]) -> str:
    if value not in choices:
        message = f"fault {name}: {key} must be one of {', '.join(choices)}, not {value!r}"
        raise ScenarioError(message)
    return str(value)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {name!r}; {hint}"
