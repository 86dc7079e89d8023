"""What all evidence has in common, and the register of its kinds.

Each class is one kind of observation. Collectors make them, the lifecycle folds them into facts, the journal keeps
them. They are a closed set on purpose: a plugin that sees something new says it with one of these, so that the state
machine stays a pure function over a known alphabet.

Times are Unix seconds (in a replay: seconds since launch). `None` always means "not known", never zero.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import attrs


class Source(StrEnum):
    """Where an observation came from; independent sources confirm each other."""

    PROCESS = "process"
    LOG = "log"
    HTTP = "http"
    METRIC = "metric"
    ROUND_TRIP = "round_trip"
    EXIT = "exit"
    ACTION = "action"
    DEVICE = "device"


class Role(StrEnum):
    """What a process does within a deployment."""

    MAIN = "main"
    API_SERVER = "api_server"
    ENGINE_CORE = "engine_core"
    WORKER = "worker"
    COORDINATOR = "coordinator"
    COMPILER = "compiler"
    HELPER = "helper"


_KINDS: dict[str, type[Evidence]] = {}


@attrs.frozen(kw_only=True)
class Evidence:
    """One observation; use a subclass.

    Attributes:
        time: when it was observed, Unix seconds.
        summary: one line for people, such as the log line it came from.
    """

    source: ClassVar[Source]

    time: float
    summary: str = ""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        """Remember each kind by name, so that the journal can read it back."""
        _KINDS[cls.__name__] = cls

    @property
    def kind(self) -> str:
        """The name of this kind of observation, as the journal stores it."""
        return type(self).__name__


def kinds() -> dict[str, type[Evidence]]:
    """Every kind of evidence by its name.

    >>> "ProcessGone" in kinds()
    True
    """
    return dict(_KINDS)
