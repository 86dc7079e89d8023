"""One GPU or MIG instance as NVML knows it: asked with care, since what it can tell differs by model and driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIELDS = "nvmlDeviceGetFieldValues"

_SETTLED = frozenset(
    {pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH}
)
"""Answers that will not be another one tomorrow: nobody asks again."""

_LOST = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED})
"""Answers that say that the GPU cannot be reached."""

_UNINITIALIZED = frozenset({pynvml.NVML_ERROR_UNINITIALIZED, pynvml.NVML_ERROR_DRIVER_NOT_LOADED})
"""Answers that say that the driver has gone."""


def short_pci(address: str) -> str:
    """A PCI address as Linux writes it; NVML's domain has eight digits.

    >>> short_pci("00000000:3B:00.0")
    '0000:3b:00.0'
    """
    domain, _, rest = address.lower().partition(":")
    return f"{int(domain or '0', 16):04x}:{rest}"


def address_of(info: Any) -> str:  # noqa: ANN401 (a structure of NVML's, or None)
    """The PCI address in what NVML tells of a place on the bus; "" where that is nothing, or rubbish."""
    try:
        return short_pci(info.busId) if info is not None else ""
    except ValueError:  # among them text that is none
        return ""


class LostError(Exception):
    """The GPU cannot be reached."""


class GoneError(Exception):
    """The driver was unloaded or replaced: NVML has to be opened anew."""

    def __init__(self) -> None:
        super().__init__("NVIDIA's driver was unloaded or replaced")


class Gpu:
    """A GPU, or with `instance` a MIG instance of one.

    Args:
        index: its number as the driver counts.
        handle: NVML's; None until it is reached.
        instance: the number of the MIG instance among those of its GPU, as `nvidia-smi -L` counts.

    Attributes:
        lost: it could not be reached when it was asked last.
        parts: its MIG instances.
        facts: what about it never changes, kept by whoever asked first.
    """

    def __init__(self, index: int, handle: Any = None, instance: int | None = None) -> None:  # noqa: ANN401 (a pointer)
        self.index = index
        self.instance = instance
        self.handle = handle
        self.lost = False
        self.parts: tuple[Gpu, ...] = ()
        self.facts: dict[str, Any] = {}
        self._lacking: set[tuple[Any, ...]] = set()

    @property
    def label(self) -> str:
        """Its number as metrics call it: `3`, or `3.1` for an instance."""
        return str(self.index) if self.instance is None else f"{self.index}.{self.instance}"

    def reach(self) -> None:
        """Get a handle, where there is none yet; only the driver's own word makes it lost, others leave it unknown.

        Raises:
            GoneError: the driver has gone.
        """
        if self.handle is not None:
            return
        try:
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(self.index)
        except pynvml.NVMLError as error:
            if error.value in _UNINITIALIZED:
                raise GoneError from None
            self.lost = error.value in _LOST
            return
        self.lost = False

    def ask(self, function: str, *arguments: Any) -> Any:  # noqa: ANN401 (whatever NVML returns)
        """Call a function of `pynvml` with this handle.

        Args:
            function: its name; one that the driver or `pynvml` lacks is normal.
            *arguments: what follows the handle.

        Returns:
            What it returned; None when the GPU cannot tell. What it does not support is asked once only.

        Raises:
            LostError: the GPU cannot be reached.
            GoneError: the driver has gone.
        """
        call = getattr(pynvml, function, None)
        return self._asked((function, *arguments), call and (lambda: call(self.handle, *arguments)))

    def ask_into(self, function: str, structure: Any) -> Any:  # noqa: ANN401 (as above)
        """Call a function that fills a structure, which the caller has passed through `byref`."""
        call = getattr(pynvml, function, None)
        return self._asked((function,), call and (lambda: call(self.handle, structure)))

    def ask_fields(self, keys: Sequence[tuple[int, int]]) -> bytes | None:
        """Read field values by one call.

        Args:
            keys: the number and the scope of each.

        Returns:
            As many `nvmlFieldValue_t`, of which each says for itself whether there is a value.

        Raises:
            LostError: the GPU cannot be reached.
            GoneError: the driver has gone.
        """
        values = self._asked((_FIELDS,), lambda: pynvml.nvmlDeviceGetFieldValues(self.handle, keys))
        return None if values is None else bytes(values)

    @property
    def lacks_fields(self) -> bool:
        """Whether it has no field values at all."""
        return (_FIELDS,) in self._lacking

    def _asked(self, key: tuple[Any, ...], call: Callable[[], Any] | None) -> Any:  # noqa: ANN401 (as above)
        if key in self._lacking or self.handle is None:
            return None
        if call is None:
            self._lacking.add(key)
            return None
        try:
            found = call()
        except pynvml.NVMLError as error:
            return self._understand(error.value, key)
        except pynvml.NVMLLibraryMismatchError:  # an older driver, told in another way
            return self._understand(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, key)
        except UnicodeDecodeError:  # rubbish where a text should be
            return None
        self.lost = False
        return found

    def once(self, function: str, *arguments: Any) -> Any:  # noqa: ANN401 (as above)
        """Ask for what never changes, once."""
        key = " ".join(map(str, (function, *arguments)))
        if key not in self.facts:
            found = self.ask(function, *arguments)
            if found is None:
                return None
            self.facts[key] = found
        return self.facts[key]

    def _understand(self, code: int, key: tuple[Any, ...]) -> None:
        """Take an error as what it means; of one that passes nothing is kept."""
        if code in _LOST:
            self.lost = True
            raise LostError(self.label)
        if code in _UNINITIALIZED:
            raise GoneError
        if code in _SETTLED:
            self._lacking.add(key)
