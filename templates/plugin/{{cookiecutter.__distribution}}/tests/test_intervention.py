"""What is done."""

from __future__ import annotations

from vmon_core.records import Action, OutcomeStatus
from vmon_core.testing import FakeHost

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import NAME, NOTE, {{ cookiecutter.__class }}Plugin

ACTION = Action(id="1", kind=NOTE, target="vllm", reason="a test", policy="test", time=1.0)


def test_action_is_noted(vmon_host: FakeHost) -> None:
    """In the file that the user has set."""
    vmon_host.configure(NAME, {{ cookiecutter.__class }}Config, {"file_name": "notes.txt"})
    plugin = {{ cookiecutter.__class }}Plugin()
    plugin.vmon_start(vmon_host)
    assert plugin.vmon_intervene(ACTION).status is OutcomeStatus.DONE
    assert (vmon_host.data_dir / "notes.txt").read_text(encoding="utf-8") == "1.000 vllm: a test\n"


def test_nothing_is_done_before_the_start() -> None:
    """There is no folder yet."""
    assert {{ cookiecutter.__class }}Plugin().vmon_intervene(ACTION).status is OutcomeStatus.FAILED
