"""Carry out power actions: within the GPU's own bounds, and undone only where what is set is still ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.records import Outcome, OutcomeStatus
from vmon_plugin_nvidia.power.ledger import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.records import Action
    from vmon_plugin_nvidia.power.ledger import Ledger

POWER = "power limit"
CLOCKS = "clocks"

MILLI = 1000
"""NVML counts milliwatts."""


class Refused(Exception):  # noqa: N818 (an answer, not an error)
    """An action is not carried out; the text says why."""


class Needless(Exception):  # noqa: N818 (as above)
    """There is nothing to do; the text says why."""


class PowerActions:
    """Carries out the actions of `ACTIONS`, whose parameter `gpu` is the GPU's number.

    Args:
        nvml: the module `pynvml`, initialised.
        ledger: where changes are noted.
    """

    def __init__(self, nvml: Any, ledger: Ledger) -> None:  # noqa: ANN401 (a module)
        self._nvml = nvml
        self._ledger = ledger
        self._steps: Mapping[str, Callable[[_Gpu, Mapping[str, Any]], str]] = {
            "nvidia.set_power_limit": self._set_power_limit,
            "nvidia.restore_power_limit": self._restore_power_limit,
            "nvidia.lock_clocks": self._lock_clocks,
            "nvidia.reset_clocks": self._reset_clocks,
        }

    def carry_out(self, action: Action) -> Outcome:
        """Do it, and say what came of it; whatever goes wrong is an outcome."""
        status = OutcomeStatus.FAILED
        try:
            gpu = _Gpu(self._nvml, _whole(action.parameters, "gpu"))
            detail, status = self._steps[action.kind](gpu, action.parameters), OutcomeStatus.DONE
        except Needless as answer:
            detail, status = str(answer), OutcomeStatus.SKIPPED
        except Refused as answer:
            detail = str(answer)
        except self._nvml.NVMLError_NoPermission:
            detail = "the driver does not permit it: power limits and clocks can be changed by root only"
        except self._nvml.NVMLError as error:
            detail = f"the driver refuses: {error}"
        except OSError as error:
            detail = f"what is set now could not be noted, so nothing was changed: {error}"
        return Outcome(action=action.id, status=status, detail=detail, time=action.time)

    def _set_power_limit(self, gpu: _Gpu, parameters: Mapping[str, Any]) -> str:
        limit = round(_number(parameters, "watts") * MILLI)
        least, most = self._nvml.nvmlDeviceGetPowerManagementLimitConstraints(gpu.handle)
        if not least <= limit <= most:
            msg = f"{limit / MILLI:g} W is outside what {gpu.name} permits, {least / MILLI:g} to {most / MILLI:g} W"
            raise Refused(msg)
        now = self._nvml.nvmlDeviceGetPowerManagementLimit(gpu.handle)
        if now == limit:
            msg = f"the power limit of {gpu.name} is {limit / MILLI:g} W already"
            raise Needless(msg)
        known = self._ledger.find(gpu.uuid, POWER)
        before = known.before if known is not None and known.ours == (now,) else (now,)
        setting = Setting((limit,), before)
        self._change(gpu, POWER, setting, lambda: self._nvml.nvmlDeviceSetPowerManagementLimit(gpu.handle, limit))
        return f"the power limit of {gpu.name} was set from {now / MILLI:g} to {limit / MILLI:g} W"

    def _restore_power_limit(self, gpu: _Gpu, _: Mapping[str, Any]) -> str:
        known = self._ledger.find(gpu.uuid, POWER)
        now = self._nvml.nvmlDeviceGetPowerManagementLimit(gpu.handle)
        if known is None or known.before is None:
            msg = f"vmon has not changed the power limit of {gpu.name}"
            raise Needless(msg)
        if known.ours != (now,):
            self._ledger.keep(gpu.uuid, POWER, None)
            msg = f"the power limit of {gpu.name} is {now / MILLI:g} W, which somebody else has set: it is left alone"
            raise Needless(msg)
        (before,) = known.before
        self._nvml.nvmlDeviceSetPowerManagementLimit(gpu.handle, before)
        self._ledger.keep(gpu.uuid, POWER, None)
        return f"the power limit of {gpu.name} is {before / MILLI:g} W again"

    def _lock_clocks(self, gpu: _Gpu, parameters: Mapping[str, Any]) -> str:
        least, most = _whole(parameters, "min_mhz"), _whole(parameters, "max_mhz")
        top = self._nvml.nvmlDeviceGetMaxClockInfo(gpu.handle, self._nvml.NVML_CLOCK_GRAPHICS)
        if not 0 < least <= most <= top:
            msg = f"{least} to {most} MHz is no range within what {gpu.name} permits, 1 to {top} MHz"
            raise Refused(msg)
        setting = Setting((least, most))
        self._change(gpu, CLOCKS, setting, lambda: self._nvml.nvmlDeviceSetGpuLockedClocks(gpu.handle, least, most))
        return f"the clocks of {gpu.name} are held between {least} and {most} MHz"

    def _reset_clocks(self, gpu: _Gpu, _: Mapping[str, Any]) -> str:
        """No driver tells locked clocks, so ours are those that we locked."""
        if self._ledger.find(gpu.uuid, CLOCKS) is None:
            msg = f"vmon has not locked the clocks of {gpu.name}"
            raise Needless(msg)
        self._nvml.nvmlDeviceResetGpuLockedClocks(gpu.handle)
        self._ledger.keep(gpu.uuid, CLOCKS, None)
        return f"the clocks of {gpu.name} are free again"

    def _change(self, gpu: _Gpu, what: str, setting: Setting, act: Callable[[], object]) -> None:
        """Note a change and make it, in this order: whoever ends in between finds a note too many, never a lost one."""
        known = self._ledger.find(gpu.uuid, what)
        self._ledger.keep(gpu.uuid, what, setting)
        try:
            act()
        except self._nvml.NVMLError:
            self._ledger.keep(gpu.uuid, what, known)
            raise


class _Gpu:
    """The GPU that an action is about."""

    def __init__(self, nvml: Any, index: int) -> None:  # noqa: ANN401 (a module)
        count = nvml.nvmlDeviceGetCount()
        if not 0 <= index < count:
            msg = f"there is no GPU {index}: this machine has {count}"
            raise Refused(msg)
        self.name = f"nvidia:{index}"
        self.handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self.uuid: str = nvml.nvmlDeviceGetUUID(self.handle)


def _number(parameters: Mapping[str, Any], name: str) -> float:
    value = parameters.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return value
    msg = f"the parameter {name!r} must be a number, not {value!r}" if value is not None else _missing(name)
    raise Refused(msg)


def _whole(parameters: Mapping[str, Any], name: str) -> int:
    value = _number(parameters, name)
    if value == int(value):
        return int(value)
    msg = f"the parameter {name!r} must be a whole number, not {value!r}"
    raise Refused(msg)


def _missing(name: str) -> str:
    return f"the parameter {name!r} is missing"
