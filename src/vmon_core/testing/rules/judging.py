"""Rules for what a plugin makes of the data: nothing of nothing, and records of the right kind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import InvalidVersion, Version

from vmon_core.devices import Device
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.plugin import LaunchRequest
from vmon_core.records import Action, Change, CompatibilityCheck, Frame, Target, Verdict
from vmon_core.testing.fakes import NOBODY, NOW, make_checkpoint, make_window
from vmon_core.testing.rules.living import LOST
from vmon_core.testing.subject import require

if TYPE_CHECKING:
    from vmon_core.testing.subject import Subject

_ACTION = Action(id="0", kind="contract", target=NOBODY.name, reason="none", policy="contract", time=NOW)
_CHANGE = Change(
    time=NOW,
    origin=LifecycleState.UNKNOWN,
    state=LifecycleState.SERVING,
    transition=StateTransition.DISCOVERY,
    reason="a change for the contract",
)


def makes_nothing_of_nothing(subject: Subject) -> None:
    """It finds and proposes nothing where nothing is known, and takes an empty frame and a first change."""
    rule = "makes_nothing_of_nothing"
    found = list(subject.call(rule, "vmon_analyze", window=make_window()) or ())
    require(not found, rule, f"vmon_analyze finds {found} where nothing is known")
    proposed = list(subject.call(rule, "vmon_guardrail", checkpoint=make_checkpoint()) or ())
    require(not proposed, rule, f"vmon_guardrail proposes {proposed} where nothing is known")
    verdict = subject.call(rule, "vmon_review", action=_ACTION, checkpoint=make_checkpoint())
    require(verdict is None or isinstance(verdict, Verdict), rule, f"vmon_review returns {verdict!r}, no verdict")
    for check in _checks(subject, rule):
        require(isinstance(check, CompatibilityCheck), rule, f"it returns {type(check).__name__}, not checks")
    subject.call(rule, "vmon_lifecycle", change=_CHANGE)
    subject.call(rule, "vmon_export", frame=Frame(NOW))


def knows_what_is_its_own(subject: Subject) -> None:
    """It takes over no server and opens no recording that is not there, and finds targets and facts that are such."""
    rule = "knows_what_is_its_own"
    for device in subject.call(rule, "vmon_devices") or ():
        require(isinstance(device, Device), rule, f"vmon_devices returns {type(device).__name__}, not devices")
    require(subject.call(rule, "vmon_explain", code="") is None, rule, "vmon_explain explains a code that is none")
    for target in subject.call(rule, "vmon_targets") or ():
        require(isinstance(target, Target), rule, f"vmon_targets returns {type(target).__name__}, not targets")
    require(
        subject.declines(rule, "vmon_adopt", target=LOST), rule, "vmon_adopt takes over a process that does not exist"
    )
    with tempfile.TemporaryDirectory() as empty:
        declined = subject.declines(rule, "vmon_recording", path=Path(empty))
    require(declined, rule, "vmon_recording opens an empty folder")
    for fact, value in (subject.call(rule, "vmon_facts") or {}).items():
        require(_is_version(value), rule, f"vmon_facts: {fact} is {value!r}, which cannot be compared as a version")


def _checks(subject: Subject, rule: str) -> list[object]:
    """What it says of a launch that names no model, and of a deployment that is gone."""
    with tempfile.TemporaryDirectory() as empty:
        launch = LaunchRequest(command=("vllm", "serve"), environment={}, directory=Path(empty))
        predicted = subject.call(rule, "vmon_check", launch=launch, devices=()) or ()
        return [*predicted, *(subject.call(rule, "vmon_diagnose", target=LOST, devices=()) or ())]


def _is_version(value: object) -> bool:
    try:
        Version(str(value))
    except InvalidVersion:
        return False
    return True


def adds_commands(subject: Subject) -> None:
    """Its commands have a help text, and take no name of the core's own."""
    from vmon_core.cli.root import COMMANDS  # noqa: PLC0415 (the command line is not needed otherwise)

    rule, group = "adds_commands", click.Group()
    subject.call(rule, "vmon_commands", cli=group)
    for name, command in group.commands.items():
        require(name not in COMMANDS, rule, f"vmon {name} is a command of the core")
        require(command.get_short_help_str(), rule, f"vmon {name} has no help text; give its function a docstring")
