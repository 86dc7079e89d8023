"""Predict whether a launch can work: ask the plugins that know, within a deadline, and put their answers in order."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.config import PredictedFailure
from vmon_core.diagnosing import answered, unknown
from vmon_core.errors import PluginError, VmonError
from vmon_core.host.guarded import guarded
from vmon_core.host.say import nobody
from vmon_core.plugin import LaunchRequest
from vmon_core.records import CheckVerdict, CompatibilityCheck, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmon_core.config import CheckConfig, Config
    from vmon_core.devices import Device
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.host.say import Say

DEVICES_SHARE = 0.4
"""The share of the time that the devices may take; a driver that sleeps must not leave nothing for the rest."""

SHOWN_FAILURES = 3
"""How many predicted failures are told before a start; `vmon check` tells all."""

EXIT_CODES = {
    CheckVerdict.OK: 0,
    CheckVerdict.WARNING: 1,
    CheckVerdict.FAILURE: 2,
    CheckVerdict.NOT_EVALUATED: 3,
}
"""What the exit code of `vmon check` says; mistakes in its use have another one."""

GRAVITY = (CheckVerdict.FAILURE, CheckVerdict.NOT_EVALUATED, CheckVerdict.WARNING, CheckVerdict.OK)
"""What counts most for the whole: a failure is certain, and what nobody could tell outweighs a warning."""

ORDER = (CheckVerdict.FAILURE, CheckVerdict.WARNING, CheckVerdict.NOT_EVALUATED, CheckVerdict.OK)
"""The order in which people want to read them."""


@attrs.frozen
class Prediction:
    """What is to be expected of a launch.

    Attributes:
        checks: what every check concluded, failures first.

    >>> warned = CompatibilityCheck(code="example.a", verdict=CheckVerdict.WARNING, summary="it is slow")
    >>> Prediction((warned,)).verdict, Prediction(()).verdict
    (<CheckVerdict.WARNING: 'warning'>, <CheckVerdict.NOT_EVALUATED: 'not_evaluated'>)
    """

    checks: tuple[CompatibilityCheck, ...]

    @property
    def verdict(self) -> CheckVerdict:
        """The verdict on the whole: that of the gravest check; without any check, nothing could be told."""
        found = {check.verdict for check in self.checks}
        return next((v for v in GRAVITY if v in found), CheckVerdict.NOT_EVALUATED)

    def of(self, verdict: CheckVerdict) -> tuple[CompatibilityCheck, ...]:
        """The checks with one verdict."""
        return tuple(check for check in self.checks if check.verdict is verdict)


def check_launch(  # noqa: PLR0913 (all but the command have defaults and are named)
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    config: Config | None = None,
    manifest: Path | None = None,
    network: bool = False,
    seconds: float = 5.0,
) -> Prediction:
    """Predict whether a launch can work, with every installed plugin; nothing is started.

    Args:
        command: the command line, such as `["vllm", "serve", "MODEL"]`.
        environment: of the new process, None for that of this one.
        config: which plugins are loaded; None reads the configuration file that is found, or takes the defaults.
        manifest: a Kubernetes manifest that is to be checked as well.
        network: whether the network may be asked.
        seconds: how long the checks may take at most, after the plugins are loaded.

    Returns:
        The prediction.

    >>> check_launch(["sh", "-c", "vllm serve $MODEL"]).verdict
    <CheckVerdict.NOT_EVALUATED: 'not_evaluated'>
    """
    from vmon_core.config import load_config  # noqa: PLC0415 (the file is read only when none is given)
    from vmon_core.monitor import make_host  # noqa: PLC0415 (who has a host needs no monitor)

    host = make_host(config or load_config(None), lenient=True)
    request = LaunchRequest(
        command=tuple(command),
        environment=dict(os.environ if environment is None else environment),
        directory=Path(tempfile.gettempdir()),
        network=network,
        manifest=manifest,
        patience=seconds,
    )
    return predict(host, request)


def predict(host: PluginHost, request: LaunchRequest) -> Prediction:
    """Ask the plugins of `host` about a launch.

    Args:
        host: the plugins.
        request: the launch; its `patience` is the deadline for all of them together.

    Returns:
        What they concluded. What was not told in time, or not at all, was not evaluated.
    """
    began = time.monotonic()
    devices, doubts = _devices(host, request.patience * DEVICES_SHARE)
    left = max(0.0, request.patience - (time.monotonic() - began))
    asked = attrs.evolve(request, patience=left)
    checks = answered(lambda: host.hooks.check(asked, devices), "checks", left)
    return Prediction(tuple(sorted([*checks, *doubts], key=lambda check: ORDER.index(check.verdict))))


def foretell(host: PluginHost, request: LaunchRequest, config: CheckConfig, say: Say) -> Prediction:
    """Predict before a start, and tell what fails in a few lines.

    Args:
        host: the plugins.
        request: the launch.
        config: says what a predicted failure does.
        say: is told of failures, and how many warnings there are.

    Returns:
        The prediction.

    Raises:
        VmonError: it will fail, and the configuration does not want it tried.
    """
    prediction = predict(host, request)
    failures = prediction.of(CheckVerdict.FAILURE)
    if failures and config.on_failure is PredictedFailure.REFUSE:
        reasons = "; ".join(f"{f.code}: {f.summary}" for f in failures)
        msg = f"this launch will fail, so it is refused ({reasons}); --no-check starts it all the same"
        raise VmonError(msg)
    for check in failures[:SHOWN_FAILURES]:
        fix = f"; fix: {check.fix}" if check.fix else ""
        say(Severity.WARNING, "check", f"predicted to fail, {check.code}: {check.summary}{fix}")
    others = len(failures[SHOWN_FAILURES:]) + len(prediction.of(CheckVerdict.WARNING))
    if others:
        text = f"{others} more checks failed or warn; `vmon check` with the same command shows them"
        say(Severity.INFO, "check", text)
    return prediction


def _devices(host: PluginHost, seconds: float) -> tuple[tuple[Device, ...], list[CompatibilityCheck]]:
    """The devices, and what speaks against knowing them all."""
    try:
        inventory = guarded(host.hooks.inventory, "asking for the devices", nobody, seconds)
    except PluginError as error:
        return (), [unknown("devices.unknown", str(error))]
    silent = [f"plugin {plugin} could not tell its devices: {why}" for plugin, why in inventory.silent.items()]
    return inventory.devices, [unknown("devices.unknown", why) for why in silent]
