"""Jobs on the pipeline's thread: done between two turns, handed back to who asked, harmless to the pipeline."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import VmonError
from vmon_core.evidence import ActionTaken
from vmon_core.host.dispatch import Abandoned
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.monitor import VLLMMonitor
from vmon_core.pipeline.jobs import QUEUED_JOBS, Jobs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def monitor() -> Iterator[VLLMMonitor]:
    """A monitor that runs, without plugins."""
    with VLLMMonitor(host=PluginHost()) as running:
        yield running


def test_job_runs_on_the_pipelines_thread(monitor: VLLMMonitor) -> None:
    """Its result is handed back to the thread that asked."""
    assert monitor.between_ticks(lambda: threading.current_thread().name) == "vmon-pipeline"


def test_job_does_not_wait_for_the_interval() -> None:
    """A pipeline that sleeps is woken: a second job is through long before the first interval is over."""
    with VLLMMonitor(host=PluginHost()) as monitor:
        monitor.loop._interval = 3600.0
        assert [monitor.between_ticks(lambda: 1), monitor.between_ticks(lambda: 2)] == [1, 2]


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("late"), SystemExit(3)])
def test_what_a_job_raises_is_its_askers(monitor: VLLMMonitor, error: BaseException) -> None:
    """The pipeline goes on, and takes the next job and the next evidence."""

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        monitor.between_ticks(fail)
    assert monitor.between_ticks(lambda: "fine") == "fine"
    monitor.observe(ActionTaken(time=1.0, action="launch"))
    assert monitor.between_ticks(lambda: monitor.tracker.state) is not LifecycleState.UNKNOWN


def test_without_a_running_pipeline_it_is_done_at_once() -> None:
    """A monitor that was not started does it in the caller's thread."""
    assert VLLMMonitor(host=PluginHost()).between_ticks(threading.current_thread) is threading.current_thread()


def test_job_that_was_not_begun_in_time_is_never_done() -> None:
    """Its asker has been told so, and may have done something else meanwhile."""
    jobs, done = Jobs(), []
    with pytest.raises(VmonError, match="held up"):
        jobs.ask(lambda: done.append(1), lambda: None, 0.01)
    jobs.run()
    assert not done


def test_too_many_jobs_are_refused() -> None:
    """Memory does not grow with jobs that nobody does."""
    jobs = Jobs()
    for _ in range(QUEUED_JOBS):
        with pytest.raises(VmonError, match="held up"):
            jobs.ask(lambda: None, lambda: None, 0.0)
    with pytest.raises(VmonError, match="too busy"):
        jobs.ask(lambda: None, lambda: None, 0.0)


def test_job_in_an_abandoned_thread_ends_the_thread() -> None:
    """When the watchdog gave up on the thread, the asker hears of it and the thread unwinds."""
    jobs = Jobs()

    def abandoned() -> None:
        raise Abandoned

    def run() -> None:
        with pytest.raises(Abandoned):
            jobs.run()

    with pytest.raises(Abandoned):
        jobs.ask(abandoned, run, 5.0)
