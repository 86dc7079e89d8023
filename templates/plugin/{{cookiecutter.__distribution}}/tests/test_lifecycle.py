"""What is announced."""

from __future__ import annotations

import pytest
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Change
from vmon_core.testing import FakeHost

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import NAME, {{ cookiecutter.__class }}Plugin


@pytest.mark.parametrize(("state", "messages"), [(LifecycleState.HUNG, 1), (LifecycleState.IDLE, 0)])
def test_only_chosen_states_are_announced(vmon_host: FakeHost, state: LifecycleState, messages: int) -> None:
    """What the user has set decides."""
    vmon_host.configure(NAME, {{ cookiecutter.__class }}Config, {"announce": ["HUNG"]})
    plugin = {{ cookiecutter.__class }}Plugin()
    plugin.vmon_start(vmon_host)
    plugin.vmon_lifecycle(
        Change(
            time=1.0,
            origin=LifecycleState.SERVING,
            state=state,
            transition=StateTransition.DISCOVERY,
            reason="a test",
        )
    )
    assert len(vmon_host.said) == messages
