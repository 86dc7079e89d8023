"""Watch a server that vmon did not launch."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from vmon_core.errors import VmonError
from vmon_core.evidence import ActionTaken
from vmon_core.feedback import Feedback
from vmon_core.journal import Journal
from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.monitor_methods import control_of
from vmon_core.records import Target

if TYPE_CHECKING:
    from vmon_core.config import Config
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.report import LifecycleReport
    from vmon_core.running import View

VERDICT_SECONDS = 2.3
"""How long `--once` looks at most: with its own start it answers within three seconds."""

PROGRESS_SECONDS = 1.2
"""How long it looks at counters: any engine that works finishes a step in that time."""

LOOK_SECONDS = 0.3
"""The pause between two looks of `--once`."""

HEALTHY, DEGRADED, FAILED, UNKNOWN = 0, 1, 2, 3
"""The exit codes of `vmon watch --once`."""

_DEGRADED_STATES = frozenset(
    {
        LifecycleState.SATURATED,
        LifecycleState.DEGRADED,
        LifecycleState.RECOMPILING,
        LifecycleState.STALLED,
        LifecycleState.PAUSED,
        LifecycleState.SLEEPING,
        LifecycleState.WAKING,
        LifecycleState.SCALING,
        LifecycleState.UPDATING_WEIGHTS,
        LifecycleState.DRAINING,
        LifecycleState.STOPPING,
    }
)


def exit_code(state: LifecycleState) -> int:
    """The exit code that a state means for a script.

    >>> exit_code(LifecycleState.SERVING), exit_code(LifecycleState.HUNG), exit_code(LifecycleState.UNREACHABLE)
    (0, 2, 3)
    """
    if state in (LifecycleState.IDLE, LifecycleState.SERVING):
        return HEALTHY
    if state in (LifecycleState.UNKNOWN, LifecycleState.UNREACHABLE):
        return UNKNOWN
    return DEGRADED if state in _DEGRADED_STATES or state.stage is Stage.STARTUP else FAILED


class Watcher:
    """Attaches to one server.

    Args:
        config: how.
        url: its address; None looks for servers on this machine.
        log: its log file, "" when there is none.
        name: how to call it, "" to take the URL.
    """

    def __init__(self, config: Config, *, url: str | None, log: str = "", name: str = "") -> None:
        self._config = config
        self._feedback = Feedback.from_config(config)
        self._host = make_host(config, self._feedback)
        target = target_at(url, self._host) if url else _only_local(self._host)
        self._target = attrs.evolve(target, name=name or target.name, log=log or target.log)

    def verdict(self) -> LifecycleReport:
        """Look for at most `VERDICT_SECONDS` and report what was seen."""
        monitor = VLLMMonitor(self._target, host=self._host, config=self._config, feedback=self._feedback)
        monitor.observe(ActionTaken(time=time.time(), action="attach", actor="operator"))
        with monitor:
            _wait_for_verdict(monitor)
        return monitor.get_lifecycle_report()

    def watch(self, view: View, seconds: float | None = None) -> int:
        """Watch until Ctrl-C, or for some seconds.

        Returns:
            The exit code that the last state means.
        """
        journal = Journal.from_config(self._config, self._feedback.say)
        monitor = VLLMMonitor(
            self._target, host=self._host, config=self._config, feedback=self._feedback, recorders=[journal]
        )
        view.attach(monitor, self._feedback)
        monitor.observe(ActionTaken(time=time.time(), action="attach", actor="operator"))
        done = threading.Event()
        before = {s: signal.signal(s, lambda *_: done.set()) for s in (signal.SIGINT, signal.SIGTERM)}
        deadline = time.monotonic() + seconds if seconds is not None else float("inf")
        try:
            with monitor, control_of(monitor):
                while not done.wait(view.pace) and time.monotonic() < deadline:
                    view.refresh()
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            view.close()
            journal.close()
        return exit_code(monitor.tracker.state)


def _wait_for_verdict(monitor: VLLMMonitor) -> None:
    """Look again and again until the state can be told, or the time is over."""
    monitor.loop.hurried = True
    end = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < end and not _is_settled(monitor):
        time.sleep(LOOK_SECONDS)
        if monitor.loop.scheduler is not None:
            monitor.loop.scheduler.urge()
        if monitor.tracker.facts.traffic.counted is not None:
            end = min(end, time.monotonic() + PROGRESS_SECONDS)


def _is_settled(monitor: VLLMMonitor) -> bool:
    """Whether more looks would tell nothing more; rest can only be told from progress by waiting."""
    return monitor.tracker.facts.ended or monitor.tracker.state in (LifecycleState.UNREACHABLE, LifecycleState.SERVING)


def target_at(url: str, host: PluginHost) -> Target:
    """The local server at this URL with its process and log, or just the URL."""
    address = _checked(url)
    local = next((t for t in host.hooks.targets() if t.url == address), None)
    return local or Target(name=urlsplit(address).netloc.rpartition("@")[2], url=address)


def _checked(url: str) -> str:
    address = url if "://" in url else f"http://{url}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https", "unix", "http+unix") or not (parts.netloc or parts.scheme == "unix"):
        msg = f"{url!r} is no address of a server: write it like http://127.0.0.1:8000"
        raise VmonError(msg)
    return address.rstrip("/")


def _only_local(host: PluginHost) -> Target:
    found = host.hooks.targets()
    if not found:
        msg = "no vLLM server runs on this machine: name its URL, as in `vmon watch http://host:8000`"
        raise VmonError(msg)
    if len(found) > 1:
        names = ", ".join(t.url for t in found)
        msg = f"several vLLM servers run here: {names}; say which one"
        raise VmonError(msg)
    return found[0]
