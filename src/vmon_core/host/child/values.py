"""Which hooks work in a child process, and how their arguments and results become plain data and records again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from vmon_core.devices import Device
from vmon_core.evidence import Evidence, kinds
from vmon_core.host.child.contract import HELLO, Greeting, HostFacts, Order
from vmon_core.host.child.windows import News
from vmon_core.host.failures import RemoteError
from vmon_core.plugin import LaunchRequest
from vmon_core.records import (
    Action,
    Change,
    Checkpoint,
    CompatibilityCheck,
    Finding,
    Frame,
    Outcome,
    Sample,
    Target,
    Tick,
    Verdict,
)

if TYPE_CHECKING:
    import cattrs

ITEMS_LIMIT = 100_000
"""The most items of one result, as for collectors in vmon's own process."""

REFUSED = frozenset({"vmon_commands", "vmon_launch", "vmon_adopt", "vmon_recording", "vmon_code_plugins"})
"""Hooks that take or return live objects of vmon's own process."""

_ARGUMENTS: Mapping[str, Any] = {
    "tick": Tick,
    "launch": LaunchRequest,
    "devices": tuple[Device, ...],
    "target": Target,
    "code": str,
    "change": Change,
    "checkpoint": Checkpoint,
    "action": Action,
    "frame": Frame,
    "state": Mapping[str, Any],
    "window": News,
    "host": HostFacts,
    "order": Order,
}
"""How each argument crosses; what is not live crosses as it is."""

_ITEMS: Mapping[str, Any] = {
    "vmon_targets": Target,
    "vmon_devices": Device,
    "vmon_check": CompatibilityCheck,
    "vmon_diagnose": CompatibilityCheck,
    "vmon_analyze": Finding,
    "vmon_guardrail": Action,
}
"""The hooks that return many of one kind."""

_SINGLE: Mapping[str, Any] = {
    "vmon_review": Verdict | None,
    "vmon_intervene": Outcome,
    "vmon_facts": Mapping[str, str],
    "vmon_explain": str | None,
    "vmon_state": Mapping[str, Any] | None,
    HELLO: Greeting,
}
"""The hooks that return one thing; those that are named nowhere return nothing."""


@cache
def _converter() -> cattrs.Converter:
    import cattrs  # noqa: PLC0415 (costs 5 MB, and most monitors have no plugin in a child process)
    from cattrs.gen import make_dict_unstructure_fn  # noqa: PLC0415 (as above)

    converter = cattrs.Converter(detailed_validation=False)

    def write(kind: type[Evidence]) -> Any:  # noqa: ANN401 (a function that cattrs makes)
        fields = make_dict_unstructure_fn(kind, converter)
        return lambda value: {"kind": value.kind, **fields(value)}

    def is_evidence(kind: Any) -> bool:  # noqa: ANN401 (whatever an annotation may be)
        return isinstance(kind, type) and issubclass(kind, Evidence) and kind is not Evidence

    converter.register_unstructure_hook_factory(is_evidence, write)

    def is_base(kind: Any) -> bool:  # noqa: ANN401 (as above)
        return kind is Evidence

    converter.register_unstructure_hook_func(is_base, lambda value: converter.unstructure(value, type(value)))
    converter.register_structure_hook_func(is_base, lambda data, _: converter.structure(data, kinds()[data["kind"]]))
    converter.register_unstructure_hook(Sample, _row)
    converter.register_structure_hook(Sample, lambda data, _: _from_row(data))
    return converter


def _row(sample: Sample) -> tuple[object, ...]:
    """A sample without the names of its attributes: there are a thousand of them in one answer."""
    return sample.name, sample.value, sample.time, sample.labels, sample.unit, sample.counter


def _from_row(row: Any) -> Sample:  # noqa: ANN401 (as it was sent)
    name, value, time, labels, unit, counter = row
    pairs = tuple((str(key), str(text)) for key, text in labels)
    return Sample(str(name), float(value), float(time), pairs, str(unit), bool(counter))


def plain(value: object, kind: Any = None) -> Any:  # noqa: ANN401 (plain data of any shape)
    """Make plain data of records."""
    return _converter().unstructure(value, kind)


def record(data: object, kind: Any) -> Any:  # noqa: ANN401 (an instance of `kind`)
    """Make a record of plain data.

    Raises:
        RemoteError: it is none.
    """
    try:
        return _converter().structure(data, kind)
    except Exception as error:  # noqa: BLE001 (cattrs lets anything out that a constructor or enumeration raises)
        msg = f"it sent something that is no {getattr(kind, '__name__', kind)}: {type(error).__name__}: {error}"
        raise RemoteError(msg) from None


# --- arguments ---


def plain_argument(name: str, value: object) -> Any:  # noqa: ANN401 (as above)
    """Write one argument of a hook."""
    return plain(value, _ARGUMENTS[name])


def argument(name: str, data: object) -> Any:  # noqa: ANN401 (a record)
    """Read one argument of a hook."""
    return record(data, _ARGUMENTS[name])


# --- results ---


def plain_result(hook: str, value: Any) -> Any:  # noqa: ANN401 (whatever a plugin returned)
    """Check what an implementation returned, lazy generators included, and write it.

    Raises:
        TypeError: it is not what the hook returns.
        ValueError: there is too much of it.
    """
    if hook == "vmon_collect":
        items = _listed(value, (Evidence, Sample))
        return [plain([i for i in items if isinstance(i, kind)], list[kind]) for kind in (Evidence, Sample)]  # type: ignore[valid-type]  # one of two classes
    if hook in _ITEMS:
        return plain(_listed(value, (_ITEMS[hook],)))
    if hook in _SINGLE:
        return plain(value)
    if value is not None:
        msg = f"it returned {type(value).__name__} where nothing is expected"
        raise TypeError(msg)
    return None


def _listed(value: Iterable[object] | None, expected: tuple[type, ...]) -> list[Any]:
    items = list(islice(value or (), ITEMS_LIMIT + 1))
    if len(items) > ITEMS_LIMIT:
        msg = f"it returned more than {ITEMS_LIMIT} items"
        raise ValueError(msg)
    for item in items:
        if not isinstance(item, expected):
            names = " or ".join(kind.__name__ for kind in expected)
            msg = f"it returned {type(item).__name__} where {names} is expected"
            raise TypeError(msg)
    return items


def nothing(hook: str, absent: str) -> Any:  # noqa: ANN401 (what the hook returns)
    """What a plugin that cannot work here returns.

    Args:
        hook: which hook.
        absent: the library that it lacks.

    Raises:
        RemoteError: somebody wants it to do something.
    """
    if hook == "vmon_intervene":
        msg = f"{absent} is not on this machine"
        raise RemoteError(msg)
    if hook == "vmon_facts":
        return {}
    return [] if hook in _ITEMS or hook == "vmon_collect" else None


def result(hook: str, data: Any) -> Any:  # noqa: ANN401 (plain data; what the hook returns)
    """Read what an implementation returned.

    Raises:
        RemoteError: it is not what the hook returns.
    """
    if hook == "vmon_collect":
        evidence, samples = record(data, tuple[list[Evidence], list[Sample]])
        return [*evidence, *samples]
    if hook in _ITEMS:
        kind = _ITEMS[hook]
        return [record(item, kind) for item in record(data, list[Any])]
    return record(data, _SINGLE[hook]) if hook in _SINGLE else None
