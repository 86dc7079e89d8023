"""The catalogue is complete, consistent and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmon_plugin_vllm.metrics.catalogue import Kind, catalogue_markdown, metrics, renames
from vmon_plugin_vllm.metrics.exposition import ExpositionParser

ROOT = Path(__file__).parents[4]
RECORDED = sorted((ROOT / "tests" / "traces").glob("*/metrics-*.txt"))
KINDS = {"gauge": {Kind.GAUGE, Kind.INFO}, "counter": {Kind.COUNTER}, "histogram": {Kind.HISTOGRAM}}


def test_names_are_unique_and_dotted() -> None:
    """Each of our names and each of vLLM's is there once, in the agreed form."""
    names, exposed = ([getattr(metric, field) for metric in metrics()] for field in ("name", "exposed"))
    assert len(set(names)) == len(names)
    assert len(set(exposed)) == len(exposed)
    assert all(re.fullmatch(r"vllm(\.[a-z][a-z0-9_]*){2}", name) for name in names)


def test_every_metric_is_explained_in_one_sentence() -> None:
    """No metric without a meaning; seconds, bytes and shares carry their unit."""
    assert all(metric.meaning.endswith(".") and "|" not in metric.meaning for metric in metrics())
    for suffix, unit in (("_seconds", "seconds"), ("_usage_perc", "ratio"), ("_bytes", "bytes")):
        assert {metric.unit for metric in metrics() if metric.exposed.endswith(suffix)} == {unit}


def test_renames_lead_to_current_names() -> None:
    """An old name is not a current one, and leads to one."""
    current = {metric.exposed for metric in metrics()}
    assert all(rename.current in current and rename.old not in current for rename in renames())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recorded_metric_is_in_the_catalogue(path: Path) -> None:
    """Whatever a recorded server exposes, but for creation times, is known, with the right kind."""
    known = {metric.exposed.removesuffix("_total"): metric for metric in metrics()}
    for family in ExpositionParser().parse(path.read_bytes()).layout.families:
        if family.name.endswith("_created"):
            continue
        if family.type == "summary":
            assert f"{family.name}_sum" in known
        else:
            assert known[family.name.removesuffix("_total")].kind in KINDS[family.type]


def test_reference_page_is_current() -> None:
    """The page in the documentation is what the catalogue says; write it again with `catalogue_markdown()`."""
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8") == catalogue_markdown()
