"""The catalogue: what is emitted is in it, and what is in it is emitted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmon_core.records import Target, Tick
from vmon_plugin_system.collector import Collector
from vmon_plugin_system.config import SystemConfig
from vmon_plugin_system.metrics import CATALOGUE, sample

OPTIONAL = {"system.cpu.pressure", "system.disk.read", "system.disk.written", "process.io.read", "process.io.written"}
"""What some test machines do not have: PSI, disks, the right to read a process' I/O."""


def test_every_metric_is_emitted_and_no_other() -> None:
    """On this machine, for this very process."""
    collector = Collector(Target(name="t", pid=os.getpid()), SystemConfig(interval=0.001), str(Path.cwd()))
    collector.collect(Tick(0.0, Target(name="t", pid=os.getpid())))
    sum(range(2_000_000))  # let processor time pass: use is a comparison
    samples = collector.collect(Tick(1.0, Target(name="t", pid=os.getpid())))
    emitted = {s.name for s in samples}
    assert emitted <= CATALOGUE.keys()
    assert CATALOGUE.keys() - emitted <= OPTIONAL
    for found in samples:
        metric = CATALOGUE[found.name]
        assert tuple(name for name, _ in found.labels) == metric.labels
        assert (found.unit, found.counter) == (metric.unit, metric.counter)
        assert found.value >= 0
        assert metric.unit != "ratio" or found.value <= 1


def test_only_metrics_of_the_catalogue_can_be_made() -> None:
    """A name that is mistyped does not reach a dashboard."""
    with pytest.raises(KeyError):
        sample("system.memory.free", 1, 0.0)


def test_labels_are_sorted() -> None:
    """Labels key a series, so their order must not matter."""
    assert sample("process.threads", 1, 0.0, pid="7", name="x").labels == (("name", "x"), ("pid", "7"))


def test_units_are_known() -> None:
    """Units are words that a reader knows."""
    assert {metric.unit for metric in CATALOGUE.values()} == {"", "bytes", "ratio", "seconds"}
