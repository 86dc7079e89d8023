"""Records and evidence as JSON, and back; what a newer vmon wrote and this one does not know is skipped and counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import cattrs

from vmon_core.evidence import Evidence, kinds
from vmon_core.feedback import Message
from vmon_core.records import Action, Change, Checkpoint, Finding, Outcome, Target, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

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


_KIND = "kind"
_T = TypeVar("_T")


def to_json(data: object) -> str:
    """Write plain data compactly, in ASCII; what JSON does not know is written as its text."""
    return json.dumps(data, separators=(",", ":"), default=str)


def kind_of(record: Record) -> str:
    """The name that the journal stores for a record's class."""
    return next(name for name, kind in EVENT_KINDS.items() if isinstance(record, kind))


def dump(record: Record | Target) -> str:
    """Write a record; fields at their default are left out."""
    return to_json(_BRIEF.unstructure(record))


def dump_evidence(evidence: Evidence) -> dict[str, Any]:
    """Write an observation as plain data, with its kind and all its fields."""
    return {_KIND: evidence.kind, **_COMPLETE.unstructure(evidence)}


class Reader:
    """Reads what was written.

    Attributes:
        skipped: how many records and observations were of no known kind or shape.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._converter = cattrs.Converter(detailed_validation=False)
        self._converter.register_structure_hook_func(
            lambda kind: kind == tuple[Evidence, ...], lambda data, _: self.all_evidence(data)
        )

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


def _make_writer(*, omit_if_default: bool) -> cattrs.Converter:
    converter = cattrs.Converter(omit_if_default=omit_if_default)
    converter.register_unstructure_hook_func(
        lambda kind: kind is Evidence, lambda e: {_KIND: e.kind, **converter.unstructure(e, type(e))}
    )
    return converter


_BRIEF = _make_writer(omit_if_default=True)
_COMPLETE = _make_writer(omit_if_default=False)
