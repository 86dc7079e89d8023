"""What is proposed."""

from __future__ import annotations

import pytest
from vmon_core.testing import make_checkpoint

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import WATCHED, {{ cookiecutter.__class }}Plugin

LIMIT = {{ cookiecutter.__class }}Config().act_above


@pytest.mark.parametrize(("value", "proposals"), [(LIMIT, 0), (LIMIT + 1, 1)])
def test_action_is_proposed_above_the_limit(value: float, proposals: int) -> None:
    """Only what is above the limit needs one."""
    checkpoint = make_checkpoint(metrics={WATCHED: value})
    assert len(list({{ cookiecutter.__class }}Plugin().vmon_guardrail(checkpoint))) == proposals


def test_action_says_why() -> None:
    """Somebody may have to approve it."""
    checkpoint = make_checkpoint(metrics={WATCHED: LIMIT + 1})
    (action,) = {{ cookiecutter.__class }}Plugin().vmon_guardrail(checkpoint)
    assert WATCHED in action.reason
