"""The `[plugins.sandbox]` table."""

from __future__ import annotations

import sys

import attrs
from attrs.validators import deep_iterable, ge, gt, in_, le

from vmon_plugin_sandbox.granted import NAMES


@attrs.frozen(kw_only=True)
class SandboxConfig:
    """What code plugins may use and do.

    Attributes:
        os_hardening: `require` runs nothing without seccomp and Landlock, `prefer` takes what the system has, `off`
            leaves it to the interpreter alone.
        workers: processes, and threads that wait for them.
        seconds: that a run may take; a hundred times what a condition over a checkpoint takes.
        collector_seconds: the same for collectors, which do more.
        memory: bytes that a run may use.
        plugins: code plugins in all.
        per_owner: code plugins of one owner.
        shortest_interval: seconds; a collector may not ask to run more often.
        budget: seconds of the workers' time in each second; what does not fit is put off.
        functions: the host functions that code may call; see `vmon sandbox functions`.
        actions: the kinds of action that owners other than `operator` may propose; the gate rules on each as well.
    """

    os_hardening: str = attrs.field(
        default="require" if sys.platform == "linux" else "prefer", validator=in_(("require", "prefer", "off"))
    )
    workers: int = attrs.field(default=2, validator=ge(1))
    seconds: float = attrs.field(default=0.05, validator=[gt(0), le(1)])
    collector_seconds: float = attrs.field(default=0.1, validator=[gt(0), le(1)])
    memory: int = attrs.field(default=16_000_000, validator=ge(1_000_000))
    plugins: int = attrs.field(default=500, validator=ge(0))
    per_owner: int = attrs.field(default=50, validator=ge(0))
    shortest_interval: float = attrs.field(default=1.0, validator=ge(1))
    budget: float = attrs.field(default=0.5, validator=gt(0))
    functions: tuple[str, ...] = attrs.field(default=NAMES, validator=deep_iterable(in_(NAMES)))
    actions: tuple[str, ...] = ("notify",)
