"""One GPU as `amdsmi` knows it: asked with care, since what it can tell differs by model, driver and version."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """Error codes of the library (`amdsmi_status_t`, the same in ROCm 6.3 and 7.0) that mean something to us."""

    NOT_SUPPORTED = 2
    NOT_YET_IMPLEMENTED = 3
    FAIL_LOAD_SYMBOL = 5
    DRM_ERROR = 6
    NO_PERM = 10
    IO = 12
    FILE_ERROR = 14
    NOT_FOUND = 31
    NOT_INIT = 32
    DRIVER_NOT_LOADED = 34
    NO_DATA = 40
    FILE_NOT_FOUND = 52


_SETTLED = frozenset({Status.NOT_SUPPORTED, Status.NOT_YET_IMPLEMENTED, Status.FAIL_LOAD_SYMBOL})
"""Answers that will not be another one tomorrow: nobody asks again."""

_UNREACHABLE = frozenset({Status.DRM_ERROR, Status.IO, Status.FILE_ERROR, Status.NOT_FOUND, Status.FILE_NOT_FOUND})
"""Answers of a device whose files are gone or cannot be read, as after it fell off the bus."""

_GONE = frozenset({Status.NOT_INIT, Status.DRIVER_NOT_LOADED})

MISSED = 2
"""Readings in a row without any answer after which a GPU is lost; a reset takes one."""


class GoneError(Exception):
    """The driver was unloaded: the library has to be opened anew."""


class Gpu:
    """A GPU, or a partition of one, which the driver counts like a GPU.

    Args:
        smi: the module `amdsmi`.
        index: its number as the driver counts.
        handle: the library's.

    Attributes:
        facts: what about it never changes, kept by whoever asked first.
    """

    def __init__(self, smi: Any, index: int, handle: Any) -> None:  # noqa: ANN401 (a module without types, a pointer)
        self.index = index
        self.handle = handle
        self.facts: dict[str, Any] = {}
        self._smi = smi
        self._lacking: set[str] = set()
        self._answered = False
        self._unreachable = False
        self._missed = 0

    @property
    def label(self) -> str:
        """Its number as metrics call it."""
        return str(self.index)

    @property
    def lost(self) -> bool:
        """Whether the driver lists it and has not reached it for some readings."""
        return self._missed >= MISSED

    def begin(self) -> None:
        """Begin a reading."""
        self._answered = self._unreachable = False

    def end(self) -> None:
        """End a reading: one in which nothing answered and something could not be reached counts against it."""
        self._missed = self._missed + 1 if self._unreachable and not self._answered else 0

    def ask(self, function: str, *arguments: str) -> Any:  # noqa: ANN401 (whatever the library returns)
        """Call a function of `amdsmi` with this handle.

        Args:
            function: its name; one that this version lacks is normal.
            *arguments: members of the module's enumerations, such as `AmdSmiClkType.GFX`.

        Returns:
            What it returned; None when it cannot tell. What is not supported is asked for once only.

        Raises:
            GoneError: the driver has gone.
        """
        key = " ".join((function, *arguments))
        if key in self._lacking:
            return None
        try:
            call = getattr(self._smi, function)
            found = call(self.handle, *(self._member(argument) for argument in arguments))
        except AttributeError:
            self._lacking.add(key)
            return None
        except Exception as error:  # noqa: BLE001 (beside its own, the binding lets out what its parsing raises)
            self._understand(getattr(error, "err_code", None), key)
            return None
        self._answered = True
        return found

    def once(self, function: str) -> Any:  # noqa: ANN401 (as above)
        """Ask for what never changes, until it is told."""
        if function not in self.facts:
            found = self.ask(function)
            if found is None:
                return None
            self.facts[function] = found
        return self.facts[function]

    def _member(self, path: str) -> Any:  # noqa: ANN401 (a member of an enumeration)
        enumeration, _, member = path.partition(".")
        return getattr(getattr(self._smi, enumeration), member)

    def _understand(self, code: int | None, key: str) -> None:
        """Take an error as what it means; of one that passes nothing is kept."""
        if code in _GONE:
            raise GoneError
        if code in _SETTLED:
            self._answered = True
            self._lacking.add(key)
        elif code in _UNREACHABLE:
            self._unreachable = True
