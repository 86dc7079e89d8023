"""Bring a server that vmon launched or adopted to its end: pass signals on, escalate in time, verify the clean-up.

A vLLM that is still starting loses the first SIGTERM, and one that stops can hang for ever (traces `sigterm_load`,
`drain_timeout`), so one signal is never enough.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import ActionTaken, CleanupVerified
from vmon_core.lifecycle.ending import DRAIN_MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.evidence import Evidence
    from vmon_core.plugin import Server

SETTLE_STEP = 0.1
"""Seconds between two looks for processes that are about to end."""


@attrs.frozen(kw_only=True)
class StopPlan:
    """When to go further; all in seconds.

    Attributes:
        second_term_after: a first SIGTERM that was not obeyed is repeated after this time.
        kill_after: after this much more, every process of the server's session is killed.
        leftovers_after: how long processes may outlive the main one before they count as left behind.
        gpu_memory_after: how long their GPU memory may outlive the last of them.
    """

    second_term_after: float = 5.0
    kill_after: float = 10.0
    leftovers_after: float = 15.0
    gpu_memory_after: float = 10.0

    def deadline(self, sent: int, asked_at: float, drain: float) -> float:
        """When the next step is due.

        Args:
            sent: how many signals were sent so far, at least one.
            asked_at: when the first one was sent.
            drain: the seconds that the server takes to finish its requests; it may use them in full.
        """
        if drain:
            return asked_at + drain + DRAIN_MARGIN
        return asked_at + self.second_term_after + (self.kill_after if sent > 1 else 0.0)


class Supervisor:
    """Stops one server.

    Args:
        server: the server.
        emit: takes evidence of what was done.
        plan: when to go further.
        drain: tells how many seconds the server drains for, 0 when it does not.
        gpu_memory: waits until its processes hold no GPU memory any more, and tells how many bytes they still do, None
            where nobody knows; it is given a function that pauses for some seconds.
        clock: tells the time in Unix seconds.
    """

    def __init__(  # noqa: PLR0913 (all but the first two have defaults)
        self,
        server: Server,
        emit: Callable[[Evidence], None],
        plan: StopPlan | None = None,
        *,
        drain: Callable[[], float] = lambda: 0.0,
        gpu_memory: Callable[[Callable[[float], object]], int | None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._emit = emit
        self._plan = plan or StopPlan()
        self._drain = drain
        self._gpu_memory = gpu_memory
        self._clock = clock
        self._asked_at: float | None = None
        self._sent = 0
        self._killed = False

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked_at is not None

    def ask_to_stop(self, signum: int = signal.SIGTERM, *, actor: str = "operator") -> None:
        """Ask for a stop; asked again it goes one step further at once: the signal again, then SIGKILL.

        Args:
            signum: the signal to pass on.
            actor: who wants it.
        """
        if self._sent > 1:
            self._kill(actor)
            return
        self._send(signum, actor)

    def escalate(self) -> None:
        """Go one step further when the time for it has come; call it often."""
        if self._asked_at is None or self._killed:
            return
        if self._clock() < self._plan.deadline(self._sent, self._asked_at, self._drain()):
            return
        if self._sent > 1:
            self._kill("vmon")
        else:
            self._send(signal.SIGTERM, "vmon")

    def _send(self, signum: int, actor: str) -> None:
        name = signal.Signals(signum).name
        self._asked_at = self._asked_at if self._asked_at is not None else self._clock()
        self._sent += 1
        self._emit(ActionTaken(time=self._clock(), action=name, actor=actor, summary=f"{actor} sent {name}"))
        self._server.send(signum)

    def _kill(self, actor: str) -> None:
        self._killed = True
        self._emit(
            ActionTaken(time=self._clock(), action="SIGKILL", actor=actor, summary=f"{actor} killed the session")
        )
        self._server.kill()

    def clean_up(self, *, wait: Callable[[float], object] = time.sleep) -> CleanupVerified:
        """After the main process has ended: give the others their time, end what will not end, and verify.

        Args:
            wait: pauses for some seconds.

        Returns:
            What is left, looked up; it was emitted as evidence as well.
        """
        found = self._settled(wait)
        if found.processes and self.stopping:
            self._kill("vmon")
            found = self._settled(wait)
        if not found.clean and not found.processes:
            found = self._server.clean_up(remove=True)
        if not found.processes:
            found = attrs.evolve(found, gpu_bytes=self._gpu_memory(wait))
        self._emit(found)
        return found

    def _settled(self, wait: Callable[[float], object]) -> CleanupVerified:
        """Look again and again until nothing lives any more, at most for `leftovers_after` seconds."""
        end = self._clock() + self._plan.leftovers_after
        found = self._server.clean_up()
        while found.processes and self._clock() < end:
            wait(SETTLE_STEP)
            found = self._server.clean_up()
        return found
