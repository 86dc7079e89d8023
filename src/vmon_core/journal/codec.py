"""Records and evidence as JSON, and back; what a newer vmon wrote and this one does not know is skipped and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vmon_core.evidence import Evidence, kinds
from vmon_core.feedback import Message
from vmon_core.records import Action, Change, Checkpoint, Finding, Outcome, Target, Verdict

if TYPE_CHECKING:
    import cattrs

Record = Change | Checkpoint | Finding | Action | Verdict | Outcome | Message
"""What the journal keeps as an event."""

EVENT_KINDS: Mapping[str, type[Record]] = {
    "transition": Change,
    "checkpoint": Checkpoint,
    "finding": Finding,
    "action": Action,
    "verdict": Verdict,
    "outcome": Outcome,
    "message": Message,
}
"""Each kind of event by the name that the journal stores."""

_KIND = "kind"
_T = TypeVar("_T")


def to_json(data: object) -> str:
    """Write data compactly, in ASCII; records become objects, and what JSON does not know is written as its text."""
    return json.dumps(data, separators=(",", ":"), default=_plain)


def kind_of(record: Record) -> str:
    """The name that the journal stores for a record's class."""
    return next(name for name, kind in EVENT_KINDS.items() if isinstance(record, kind))


def dump(record: Record | Target) -> str:
    """Write a record; fields at their default are left out."""
    return to_json(_brief(record))


def dump_evidence(evidence: Evidence) -> dict[str, Any]:
    """Write an observation as plain data, with its kind and all its fields."""
    return {_KIND: evidence.kind, **{name: getattr(evidence, name) for name, _ in _fields(type(evidence))}}


def _plain(value: object) -> object:
    """What JSON asks about: nested records, mappings that are no dictionaries, and anything else as text."""
    if isinstance(value, Evidence):
        return {_KIND: value.kind, **_brief(value)}
    if attrs.has(type(value)):
        return _brief(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


def _brief(record: object) -> dict[str, Any]:
    """The fields of a record that are not at their default."""
    values = ((name, getattr(record, name), default) for name, default in _fields(type(record)))
    return {name: value for name, value, default in values if value != default}


_KNOWN_FIELDS: dict[type, tuple[tuple[str, object], ...]] = {}


def _fields(kind: type) -> tuple[tuple[str, object], ...]:
    """The names of a record's fields, each with its default; looked up once for each class."""
    if kind not in _KNOWN_FIELDS:
        _KNOWN_FIELDS[kind] = tuple((field.name, _default(field)) for field in attrs.fields(kind))
    return _KNOWN_FIELDS[kind]


def _default(field: attrs.Attribute[Any]) -> object:
    return field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type, union-attr]  # attrs types Factory as a function


class Reader:
    """Reads what was written.

    Attributes:
        skipped: how many records and observations were of no known kind or shape.
    """

    def __init__(self) -> None:
        self.skipped = 0

    @cached_property
    def _converter(self) -> cattrs.Converter:
        import cattrs  # noqa: PLC0415 (costs 5 MB, and a monitor only writes)

        converter = cattrs.Converter(detailed_validation=False)
        converter.register_structure_hook_func(
            lambda kind: kind == tuple[Evidence, ...], lambda data, _: self.all_evidence(data)
        )
        return converter

    def record(self, kind: str, text: str) -> Record | None:
        """Read an event; None when it cannot be understood."""
        known: Any = EVENT_KINDS.get(kind)  # one of many classes: more than a type variable can say
        return self._structured(text, known)

    def target(self, text: str) -> Target | None:
        """Read a target; None when it cannot be understood."""
        return self._structured(text, Target)

    def all_evidence(self, data: list[dict[str, Any]]) -> tuple[Evidence, ...]:
        """Read observations, in order; those that cannot be understood are left out."""
        return tuple(e for d in data if (e := self._evidence(d)) is not None)

    def _evidence(self, data: Mapping[str, Any]) -> Evidence | None:
        return self._structure(data, kinds().get(str(data.get(_KIND))))

    def _structured(self, text: str, kind: type[_T] | None) -> _T | None:
        try:
            data = json.loads(text)
        except ValueError:
            data = None  # no record is made of nothing
        return self._structure(data, kind)

    def _structure(self, data: object, kind: type[_T] | None) -> _T | None:
        if kind is not None:
            try:
                return self._converter.structure(data, kind)
            except Exception:  # noqa: BLE001, S110 (cattrs lets anything out that a constructor or enumeration raises)
                pass
        self.skipped += 1
        return None
