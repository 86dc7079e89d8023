"""The granted functions: what they read, and what they say when there is nothing."""

from __future__ import annotations

import pytest

from vmon_core.devices import METRICS
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.window import Window
from vmon_core.records import Checkpoint, Frame, Sample, Target
from vmon_plugin_sandbox import granted
from vmon_plugin_sandbox.functions import Functions, NoDataError
from vmon_plugin_sandbox.gpus import EXAMPLE, FIGURES
from vmon_plugin_sandbox.view import View


def view(*samples: Sample, time: float = 100.0) -> View:
    """A moment after these samples."""
    window = Window(Target(name="t"), Facts())
    for sample in samples:
        window.add(Frame(sample.time, samples=(sample,)))
    checkpoint = Checkpoint(
        id="1",
        time=time,
        target="t",
        state=LifecycleState.SERVING,
        transition=StateTransition.LOAD,
        metrics=window.flat(),
    )
    return View(checkpoint, window)


def gpu(figure: str, index: str, value: float, *, kind: str = "nvidia", time: float = 100.0, **labels: str) -> Sample:
    """One figure of one GPU."""
    told = {"gpu": index, "kind": kind, **labels}
    return Sample(f"gpu.{figure}", value, time, tuple(sorted(told.items())))


def test_the_hottest_gpu_comes_first() -> None:
    """And each has its own figures; what is missing is None."""
    found = Functions(
        view(gpu("temperature", "0", 60), gpu("temperature", "1", 90), gpu("memory.used", "0", 5))
    ).collect_gpu_metrics()
    assert (found["temperature"], found["gpu"], found["utilization"]) == (90, "1", None)
    assert [each["memory_used_bytes"] for each in found["gpus"]] == [5, None]


def test_gpus_of_two_vendors_are_two_gpus() -> None:
    """NVIDIA's 0 and AMD's 0 do not share figures; an instance is a GPU of its own, and 10 comes behind 2."""
    found = Functions(
        view(
            *(gpu("temperature", index, 50) for index in ("10", "2", "2.1")),
            gpu("temperature", "0", 60, kind="amd"),
            gpu("power", "0", 500, kind="nvidia"),
        )
    ).collect_gpu_metrics()
    assert (found["kind"], found["gpu"], found["power_watts"]) == ("amd", "0", None)
    assert [(each["kind"], each["gpu"]) for each in found["gpus"]] == [
        ("amd", "0"),
        *(("nvidia", label) for label in ("0", "2", "2.1", "10")),
    ]


def test_one_reason_is_enough_to_be_throttled() -> None:
    """Of several series the highest value counts."""
    found = Functions(
        view(gpu("throttled", "0", 0, reason="power"), gpu("throttled", "0", 1, reason="thermal"))
    ).collect_gpu_metrics()
    assert found["throttled"] == 1


def test_every_figure_is_described_and_has_an_example() -> None:
    """Who writes code finds each name in the function's text, and each in a trial."""
    keys = {"gpu", "kind", *FIGURES}
    (described,) = (f.summary for f in granted.ALL if f.name == "collect_gpu_metrics")
    assert keys == set(EXAMPLE)
    assert all(key in described for key in keys)
    assert set(FIGURES.values()) <= set(METRICS)


def test_old_figures_are_no_data() -> None:
    """A GPU that fell off the bus has no temperature."""
    functions = Functions(view(gpu("temperature", "0", 60, time=10.0)))
    with pytest.raises(NoDataError):
        functions.collect_gpu_metrics()
    assert functions.no_data


def test_a_trial_gets_examples() -> None:
    """It says so."""
    functions = Functions(view(), trial=True)
    assert functions.collect_gpu_metrics()["temperature"] == 65.0
    assert functions.examples


def test_metrics_and_rates() -> None:
    """Missing is None, not zero."""
    functions = Functions(view(*(Sample("tokens", n * 10.0, 90.0 + n, counter=True) for n in range(11))))
    assert functions.get_metric("tokens") == 100
    assert functions.metric_rate("tokens", 10) == 10
    assert (functions.get_metric("x"), functions.metric_rate("x")) == (None, None)
    assert (functions.get_state(), functions.now(), functions.list_metrics("tok")) == ("SERVING", 100.0, ["tokens"])


def test_each_granted_function_is_there() -> None:
    """Under its name, and its example runs."""
    for function in granted.ALL:
        assert function.signature.startswith(f"{function.name}(")
        assert function.name in Functions(view()).of(granted.NAMES)
