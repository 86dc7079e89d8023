"""The catalogue: every metric that we know, under one name of our own whatever the server calls it.

The data is in `catalogue.csv` and `renames.csv`. vLLM hides a deprecated name one minor version after `deprecated_in`
and removes it another one later (https://docs.vllm.ai/en/latest/usage/metrics/).
"""

from __future__ import annotations

import csv
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kind(StrEnum):
    """How a metric behaves; an info tells by its labels, its number means nothing."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


@attrs.frozen
class Metric:
    """A metric that we know.

    Attributes:
        name: our name, such as `vllm.requests.running`.
        kind: how it behaves.
        unit: such as `seconds`; "" for none.
        exposed: the name that current vLLM uses.
        meaning: one sentence.
    """

    name: str
    kind: Kind = attrs.field(converter=Kind)
    unit: str
    exposed: str
    meaning: str


@attrs.frozen
class Rename:
    """A name that vLLM once used.

    Attributes:
        old, current: the two names.
        deprecated_in: the version that deprecated the old one.
    """

    old: str
    current: str
    deprecated_in: str


@cache
def metrics() -> tuple[Metric, ...]:
    """The catalogue in its order."""
    return tuple(Metric(**row) for row in _rows("catalogue.csv"))


@cache
def renames() -> tuple[Rename, ...]:
    """The old names."""
    return tuple(Rename(**row) for row in _rows("renames.csv"))


def _rows(file: str) -> Iterator[dict[str, str]]:
    text = (resources.files(__package__) / file).read_text("utf-8")
    yield from csv.DictReader(text.splitlines())


def catalogue_markdown() -> str:
    """Render the catalogue as the page `docs/reference/metrics.md`."""
    known = ((f"`{m.name}`", m.kind, m.unit, f"`{m.exposed}`", m.meaning) for m in metrics())
    old = ((f"`{r.old}`", f"`{r.current}`", r.deprecated_in) for r in renames())
    return "\n".join(
        [
            "# vLLM metrics",
            "",
            "This page is generated from `metrics/catalogue.csv` of vmon-plugin-vllm. Labels are kept as the server",
            "gives them. Histograms are kept apart from plain samples; an info tells by its labels.",
            "",
            *_table(("name", "kind", "unit", "vLLM's name", "meaning"), known),
            "",
            "## Old names",
            "",
            "They are understood as well; where a server shows both, the current one counts. So are the prefixes",
            "`vllm_`, `ray_vllm:`, `ray_vllm_`, `kserve_vllm:` and `kserve_vllm_` in place of `vllm:`, and counters",
            "without `_total`.",
            "",
            *_table(("old", "current", "deprecated in"), old),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
