"""The one intervention of the core: `notify`, which tells people and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, Risk, hookimpl
from vmon_core.records import Action, Outcome, OutcomeStatus, Severity

if TYPE_CHECKING:
    from vmon_core.feedback import Feedback


class NotifyPlugin:
    """Owns the action kind `notify`.

    Args:
        feedback: where the message goes.
    """

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="notify",
            version=metadata.version("vmon-core"),
            summary="Tells people about a violated guardrail; changes nothing",
            actions={"notify": Risk.NONE},
        )

    @hookimpl
    def vmon_intervene(self, action: Action) -> Outcome:
        """Send the reason of the action as a feedback message."""
        text = str(action.parameters.get("text", action.reason))
        self._feedback.say(Severity.WARNING, "notify", text, target=action.target, policy=action.policy)
        return Outcome(action=action.id, status=OutcomeStatus.DONE, detail="people were told", time=action.time)
