"""What was done to a deployment, and what was looked up afterwards."""

from __future__ import annotations

import attrs

from vmon_core.evidence.base import Evidence, Source


@attrs.frozen(kw_only=True)
class ActionTaken(Evidence):
    """Something was done to the deployment by vmon or by the person who runs it.

    Attributes:
        action: launch, attach, adopt, or a signal's name such as SIGTERM.
        actor: operator, vmon, clean-up.
    """

    source = Source.ACTION
    action: str
    actor: str = "operator"


@attrs.frozen(kw_only=True)
class CleanupVerified(Evidence):
    """What was left behind after the end, looked up rather than assumed; None: could not be measured.

    Attributes:
        processes: pids of the deployment's session that still live.
        port_free: whether the port can be bound again.
        shared_memory: names under /dev/shm that the deployment provably left.
        suspected: other names that appeared in its life; another program may have made them, so they decide nothing.
        gpu_bytes: GPU memory still held by its processes.
    """

    source = Source.ACTION
    processes: tuple[int, ...] = ()
    port_free: bool | None = None
    shared_memory: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    gpu_bytes: int | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing measurable was left."""
        return not self.processes and not self.shared_memory and self.port_free is not False and not self.gpu_bytes
