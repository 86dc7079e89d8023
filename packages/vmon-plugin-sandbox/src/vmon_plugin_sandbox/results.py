"""Reads what code returned: each kind of plugin has an answer of its own, and says what it expects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import CodeKind
from vmon_core.records import Finding, Sample, Severity
from vmon_plugin_sandbox.words import label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmon_core.dynamic import CodePlugin
    from vmon_plugin_sandbox.engine.errors import SandboxRuntimeError

METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_SUFFIX = re.compile(r"[a-z0-9_.-]{1,64}")
MOST_SAMPLES = 200
MOST_FINDINGS = 20
_LABELS = 8

STATUS = {
    "info": Severity.INFO,
    "warning": Severity.WARNING,
    "error": Severity.ERROR,
    "critical": Severity.CRITICAL,
}
"""What an analyzer may answer besides `ok`."""


@attrs.frozen
class Choice:
    """An action that an intervention chose."""

    kind: str
    reason: str = ""


def read(plugin: CodePlugin, value: Any, now: float) -> Any:  # noqa: ANN401 (each kind has its own)
    """Make of an answer what the pipeline takes.

    Args:
        plugin: whose answer.
        value: plain data.
        now: Unix seconds.

    Returns:
        Samples of a collector, findings of an analyzer, True or False of a guardrail, a `Choice` or None of an
        intervention, a text of a lifecycle listener, rows of an exporter.

    Raises:
        SandboxRuntimeError: it is something else.
    """
    return _READERS[plugin.kind](plugin, value, now)


def _refused(message: str, help_: str, code: str = "result") -> SandboxRuntimeError:
    from vmon_plugin_sandbox.engine.errors import SandboxRuntimeError  # noqa: PLC0415 (loads the interpreter's client, 11 MB)

    return SandboxRuntimeError(message, help=help_, code=code)


# --- collectors ---

_COLLECTOR = "return a dict of numbers such as {'gpu_temp': 75}, or a list of {'name', 'value', 'unit', 'labels'}"


def _samples(_plugin: CodePlugin, value: Any, now: float) -> tuple[Sample, ...]:  # noqa: ANN401 (plain data)
    if value is None:
        return ()
    if not isinstance(value, dict | list):
        message = f"a collector returned {type(value).__name__}"
        raise _refused(message, _COLLECTOR)
    found = tuple(_of_dict(value, now) if isinstance(value, dict) else (_of_item(item, now) for item in value))
    if len(found) > MOST_SAMPLES:
        message = f"a collector returned {len(found)} values, {MOST_SAMPLES} are allowed"
        raise _refused(message, "return fewer, or make several plugins of it")
    return found


def _of_dict(value: Mapping[str, Any], now: float) -> Iterator[Sample]:
    for name, item in value.items():
        inner = {f"{name}.{key}": each for key, each in item.items()} if isinstance(item, dict) else {name: item}
        yield from (Sample(_metric(key), _number(key, each), now) for key, each in inner.items() if each is not None)


def _of_item(item: Any, now: float) -> Sample:  # noqa: ANN401 (plain data)
    if not isinstance(item, dict) or not {"name", "value"} <= set(item) <= {"name", "value", "unit", "labels"}:
        message = "an entry of a collector's list has the wrong keys"
        raise _refused(message, _COLLECTOR)
    labels = item.get("labels") or {}
    if not isinstance(labels, dict) or len(labels) > _LABELS:
        message = "labels are a dict of up to eight strings"
        raise _refused(message, _COLLECTOR)
    pairs = tuple(sorted((_metric(key), label(each, 128)) for key, each in labels.items()))
    name = _metric(item["name"])
    return Sample(name, _number(name, item["value"]), now, pairs, label(item.get("unit") or "", 32))


def _metric(name: Any) -> str:  # noqa: ANN401 (plain data)
    if not isinstance(name, str) or not METRIC.fullmatch(name):
        message = f"{label(name, 40)!r} is no name of a metric"
        raise _refused(message, "use letters, digits, and _ . : - after a letter")
    return name


def _number(name: str, value: Any) -> float:  # noqa: ANN401 (plain data)
    if not isinstance(value, int | float):
        message = f"the value of {name!r} is {type(value).__name__}, not a number"
        raise _refused(message, _COLLECTOR)
    return float(value)


# --- analyzers ---

_ANALYZER = "return {'status': 'ok'} or {'status': 'warning', 'summary': '…'}, or a list of those"


def _findings(plugin: CodePlugin, value: Any, now: float) -> tuple[Finding, ...]:  # noqa: ANN401 (plain data)
    items = value if isinstance(value, list) else [value] if value is not None else []
    if len(items) > MOST_FINDINGS:
        message = f"an analyzer returned {len(items)} findings, {MOST_FINDINGS} are allowed"
        raise _refused(message, "put several into one")
    return tuple(f for item in items if (f := _finding(plugin, item, now)) is not None)


def _finding(plugin: CodePlugin, item: Any, now: float) -> Finding | None:  # noqa: ANN401 (plain data)
    status = item.get("status") if isinstance(item, dict) else None
    if not isinstance(status, str) or status not in {"ok", *STATUS}:
        message = f"an analyzer returned the status {label(status, 40)!r}" if status else "there is no status"
        raise _refused(message, f"{_ANALYZER}; statuses: ok, {', '.join(STATUS)}")
    if status == "ok":
        return None
    return Finding(
        code=_code(plugin, item.get("code")),
        severity=STATUS[status],
        summary=label(item.get("summary") or _summary(plugin, item)),
        time=now,
        entities=_texts(item.get("entities")),
        evidence=_texts(item.get("evidence")),
        advice=label(item.get("advice") or ""),
    )


def _code(plugin: CodePlugin, suffix: Any) -> str:  # noqa: ANN401 (plain data)
    if suffix is None:
        return f"code.{plugin.name}"
    if not isinstance(suffix, str) or not _SUFFIX.fullmatch(suffix):
        message = f"the code {label(suffix, 40)!r} of a finding is none"
        raise _refused(message, "use lower case letters, digits, and _ . -")
    return f"code.{plugin.name}.{suffix}"


def _summary(plugin: CodePlugin, item: Mapping[str, Any]) -> str:
    """The figures that were returned, for an analyzer that writes no sentence."""
    others = ((k, v) for k, v in item.items() if k not in {"status", "code"} and not isinstance(v, dict | list))
    figures = ", ".join(f"{key}={value}" for key, value in others)
    return f"{plugin.description or plugin.name}: {item['status']}{f' ({figures})' if figures else ''}"


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 (plain data)
    items = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(label(item, 200) for item in items[:10])


# --- the others ---


def _verdict(_plugin: CodePlugin, value: Any, _now: float) -> bool:  # noqa: ANN401 (plain data)
    if not isinstance(value, bool):
        message = f"a guardrail returned {type(value).__name__}"
        raise _refused(message, "return True or False, such as `checkpoint.metrics.get('gpu_temp', 0) > 80`")
    return value


def _choice(plugin: CodePlugin, value: Any, _now: float) -> Choice | None:  # noqa: ANN401 (plain data)
    if value is None:
        return None
    item = {"action": value} if isinstance(value, str) else value
    if not isinstance(item, dict) or not set(item) <= {"action", "reason"} or not isinstance(item.get("action"), str):
        message = f"an intervention returned {type(value).__name__}"
        raise _refused(message, "return None, the kind of an action, or {'action': kind, 'reason': text}")
    if item["action"] not in plugin.actions:
        message = f"{label(item['action'], 40)!r} is not among the actions of this plugin"
        raise _refused(message, f"available: {', '.join(plugin.actions)}", "grant")
    return Choice(item["action"], label(item.get("reason") or ""))


def _message(_plugin: CodePlugin, value: Any, _now: float) -> str:  # noqa: ANN401 (plain data)
    if value is not None and not isinstance(value, str):
        message = f"a lifecycle listener returned {type(value).__name__}"
        raise _refused(message, "return a text to be told, or None")
    return label(value or "")


def _rows(_plugin: CodePlugin, value: Any, _now: float) -> tuple[dict[str, Any], ...]:  # noqa: ANN401 (plain data)
    rows = [] if value is None else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        message = "an exporter returned no rows"
        raise _refused(message, "return a list of dicts: those of `samples` that are kept, renamed as you like")
    return tuple(rows)


_READERS: dict[CodeKind, Callable[[CodePlugin, Any, float], Any]] = {
    CodeKind.COLLECTOR: _samples,
    CodeKind.ANALYZER: _findings,
    CodeKind.GUARDRAIL: _verdict,
    CodeKind.INTERVENTION: _choice,
    CodeKind.LIFECYCLE: _message,
    CodeKind.EXPORTER: _rows,
}
