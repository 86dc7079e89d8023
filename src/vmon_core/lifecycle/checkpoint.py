"""Make checkpoints: immutable snapshots of a deployment at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.lifecycle.capture.arguments import merge_reports
from vmon_core.lifecycle.capture.environment import allowed
from vmon_core.lifecycle.capture.hardware import hardware
from vmon_core.lifecycle.capture.software import software
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Checkpoint
from vmon_core.redaction import redact_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.lifecycle.facts import Facts
    from vmon_core.records import Change, CompatibilityCheck


class CheckpointMaker:
    """Keeps what stays the same from one checkpoint to the next and makes each one.

    Args:
        target: the name of the deployment.

    Attributes:
        plugins: tells the versions and sources of the plugins that are in use, which come and go.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._arguments: dict[str, Any] = {}
        self._environment: dict[str, str] = {}
        self._hardware: dict[str, Any] = {}
        self._software: dict[str, str] = {}
        self._checks: tuple[CompatibilityCheck, ...] = ()
        self.plugins: Callable[[], Mapping[str, str]] = dict
        self._made = 0

    def describe(
        self,
        *,
        arguments: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        hardware: Mapping[str, Any] | None = None,
        software: Mapping[str, str] | None = None,
        checks: Iterable[CompatibilityCheck] = (),
    ) -> None:
        """Add to what is known of the deployment; secrets are redacted before anything is kept.

        What is found out later, such as hardware, may come from any thread.
        """
        self._arguments.update(redact_mapping(arguments or {}))
        self._environment.update(allowed(environment or {}))
        self._hardware = {**self._hardware, **redact_mapping(hardware or {})}
        self._software.update(software or {})
        self._checks += tuple(checks)

    def make(
        self,
        now: float,
        facts: Facts,
        change: Change | None,
        *,
        metrics: Mapping[str, float],
        findings: tuple[str, ...],
    ) -> Checkpoint:
        """Make the checkpoint of one moment; `change` is the transition that led to the present state."""
        self._made += 1
        return Checkpoint(
            id=f"{int(now * 1000):013d}-{self._made:05d}",
            time=now,
            target=self._target,
            state=change.state if change else LifecycleState.UNKNOWN,
            transition=change.transition if change else StateTransition.DISCOVERY,
            reason=change.reason if change else "",
            arguments=merge_reports(self._arguments, facts.reported),
            environment=self._environment,
            hardware={**hardware(), **self._hardware},
            software={**software(facts.reported), **self._software, **self.plugins()},
            metrics=metrics,
            findings=findings,
            evidence=tuple(e.summary or e.kind for e in change.evidence) if change else (),
            checks=self._checks,
        )
