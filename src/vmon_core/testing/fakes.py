"""Stand-ins for what hooks are called with: a tick, a window, a checkpoint, and the host.

They need no clock, no thread and no server. Times start at `NOW`, so that a test can write them as small differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.errors import VmonError
from vmon_core.host.settings import settings
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.window import Window
from vmon_core.records import Checkpoint, Frame, Sample, Severity, Target, Tick

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmon_core.evidence import Evidence

NOW = 1_800_000_000.0
"""The time of the stand-ins where none is given: a round number of Unix seconds, in January 2027."""

NOBODY = Target(name="nobody")
"""A deployment without a process, a URL or a log: there is nothing to be known of it."""


def make_tick(
    time: float = NOW, target: Target = NOBODY, state: LifecycleState = LifecycleState.UNKNOWN, *, urgent: bool = False
) -> Tick:
    """Make what `vmon_collect` is called with.

    Args:
        time: Unix seconds.
        target: whom to look at.
        state: the state that it is in.
        urgent: a fresh look is wanted even if nothing would be due.

    Returns:
        The tick.

    >>> make_tick().target.name
    'nobody'
    """
    return Tick(time, target, state, urgent)


def make_window(
    *content: Sample | Evidence,
    state: LifecycleState = LifecycleState.UNKNOWN,
    target: Target = NOBODY,
    now: float = NOW,
) -> Window:
    """Make what `vmon_analyze` is called with.

    Args:
        content: samples and evidence in the order in which they came in.
        state: the state that the target is in, since the time of the oldest content.
        target: whose past it is.
        now: Unix seconds of the newest frame; content that is newer moves it on.

    Returns:
        The window; `add` takes in more.

    >>> make_window(Sample("room.temperature", 31.0, NOW)).latest("room.temperature")
    31.0
    """
    window = Window(target, Facts())
    window.state = state
    window.since = min([now, *(item.time for item in content)])
    for item in content:
        window.add(Frame(item.time, samples=(item,)) if isinstance(item, Sample) else Frame(item.time, (item,)))
    window.now = max(window.now, now)
    return window


def make_checkpoint(state: LifecycleState = LifecycleState.UNKNOWN, **fields: Any) -> Checkpoint:  # noqa: ANN401 (each field has its own type)
    """Make what `vmon_guardrail` and `vmon_review` are called with.

    Args:
        state: the state that the deployment is in.
        fields: any other field of `Checkpoint`.

    Returns:
        The checkpoint; of what is not given, nothing is known.

    >>> make_checkpoint(LifecycleState.SERVING, metrics={"vllm.requests.waiting": 7.0}).metrics
    {'vllm.requests.waiting': 7.0}
    """
    known = {"id": "0", "time": NOW, "target": NOBODY.name, "transition": StateTransition.DISCOVERY, **fields}
    return Checkpoint(state=state, **known)


@attrs.frozen
class Said:
    """One message of a plugin."""

    level: Severity
    text: str
    context: Mapping[str, Any]


class FakeHost:
    """What `vmon_start` is called with; it writes down what the plugin does with it.

    Args:
        data_dir: a folder for the plugin's own files, such as pytest's `tmp_path`.
        targets: who is watched.
        config: each plugin's configuration object, by the plugin's name.

    Attributes:
        evidence, samples: what was emitted, oldest first.
        said: the messages, oldest first.
    """

    def __init__(
        self, data_dir: Path, targets: Iterable[Target] = (NOBODY,), config: Mapping[str, Any] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.targets = tuple(targets)
        self.evidence: list[Evidence] = []
        self.samples: list[Sample] = []
        self.said: list[Said] = []
        self._config = dict(config or {})

    def configure(self, name: str, kind: type | None, table: Mapping[str, Any] | None = None) -> None:
        """Set a plugin's configuration as the real host does.

        Args:
            name: the plugin's name.
            kind: its attrs class, None for a plugin that takes no configuration.
            table: its `[plugins.NAME]` table; None leaves all at their defaults.

        Raises:
            ValueError: the table does not fit; the message names each key.
        """
        self._config[name] = settings(kind, table or {}) if kind is not None else None

    def config(self, name: str) -> Any:  # noqa: ANN401 (each plugin has its own class)
        """Return what was set for this plugin.

        Raises:
            VmonError: nothing was; the real host knows only plugins that are loaded.
        """
        if name not in self._config:
            msg = f"no plugin {name!r} is configured; call configure({name!r}, …) first"
            raise VmonError(msg)
        return self._config[name]

    def emit(self, evidence: Iterable[Evidence] = (), samples: Iterable[Sample] = ()) -> None:
        """Keep what was emitted."""
        self.evidence += evidence
        self.samples += samples

    def say(self, level: Severity, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values, any of them)
        """Keep what was said."""
        self.said.append(Said(level, text, context))
