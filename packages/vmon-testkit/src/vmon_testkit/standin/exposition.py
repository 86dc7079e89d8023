"""Render /metrics from a recorded scrape: same names, labels, order and help, with live values put in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_testkit.standin.counters import Snapshot

_SAMPLE = re.compile(r"(?P<name>[^{ ]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COMMON = frozenset({"engine", "model_name"})

DIALECTS: dict[str, tuple[tuple[str, str], ...]] = {
    "old": (
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        ("vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries"),
        ("vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits"),
        ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
    ),
    "underscore": (("vllm:", "vllm_"),),
    "ray": (("vllm:", "ray_vllm_"),),
}
"""Replacements that turn the recorded names into those of an older release or of Ray Serve."""


@attrs.frozen
class Sample:
    """One line of the recording that a value is put into.

    Attributes:
        head: name and labels as printed.
        key: what `Snapshot.values` calls it: the name, and the labels that tell its series apart.
        default: the recorded value.
    """

    head: str
    key: str
    default: str


@attrs.frozen
class Family:
    """A HELP line, a TYPE line and the samples below them."""

    name: str
    header: str
    samples: tuple[Sample, ...]

    @property
    def per_engine(self) -> bool:
        """Whether every engine has these samples."""
        return bool(self.samples) and 'engine="0"' in self.samples[0].head


@attrs.frozen
class ServerValues:
    """What the API server adds to the numbers of its engines.

    Attributes:
        values: of the API server itself, by key.
        created: the value of every `_created` series.
        extra: lines to add to a family, by its name.
        labels: texts to put in place of recorded ones, such as `model_name="tiny"`.
    """

    values: Mapping[str, float]
    created: float
    extra: Mapping[str, Sequence[str]]
    labels: Mapping[str, str]


def read_template(*, corrupted: bool = False) -> tuple[Family, ...]:
    """The recorded scrape.

    Args:
        corrupted: include `vllm:corrupted_requests`, which vLLM exports with VLLM_COMPUTE_NANS_IN_LOGITS=1.
    """
    folder = resources.files("vmon_testkit.standin") / "data"
    text = (folder / "metrics.prom").read_text(encoding="utf-8")
    if corrupted:
        text += (folder / "corrupted.prom").read_text(encoding="utf-8")
    return tuple(map(_family, re.findall(r"# HELP .*\n(?:(?!# HELP ).*\n)*", text)))


def bucket_bounds(families: Sequence[Family]) -> dict[str, tuple[float, ...]]:
    """The upper bounds of each histogram's buckets, the last one infinite.

    >>> bucket_bounds(read_template())["vllm:request_params_n"]
    (1.0, 2.0, 5.0, 10.0, 20.0, inf)
    """
    bounds: dict[str, tuple[float, ...]] = {}
    for family in families:
        uppers = [sample.key.partition("|")[2] for sample in family.samples if "_bucket|" in sample.key]
        if uppers:
            bounds[family.name] = tuple(map(float, uppers))
    return bounds


def render(
    families: Sequence[Family],
    snapshots: Sequence[Snapshot],
    server: ServerValues,
) -> str:
    """The text of a scrape.

    Args:
        families: of `read_template`.
        snapshots: the values of each engine; none leaves the vllm: families out, as --disable-log-stats does.
        server: everything that does not come from an engine.
    """
    flat = [flatten(snapshot) for snapshot in snapshots]
    lines: list[str] = []
    for family in families:
        if family.name.startswith("vllm:") and not flat:
            continue
        lines.append(family.header)
        for engine in range(len(flat) if family.per_engine else 1):
            values = {**flat[engine], **server.values} if family.per_engine else server.values
            lines += _lines(family, values, engine, server.created)
        lines += server.extra.get(family.name, ())
    text = "\n".join(lines) + "\n"
    for recorded, label in server.labels.items():
        text = text.replace(recorded, label)
    return text


def translate(text: str, dialect: str) -> str:
    """Rename the metrics of a scrape.

    >>> translate("vllm:num_requests_running 1.0", "ray")
    'ray_vllm_num_requests_running 1.0'
    """
    for recorded, other in DIALECTS[dialect]:
        text = text.replace(recorded, other)
    return text


def flatten(snapshot: Snapshot) -> dict[str, float]:
    """The values of a snapshot by the keys of the samples, histograms made cumulative."""
    values = dict(snapshot.values)
    for name, histogram in snapshot.histograms.items():
        cumulative = list(accumulate(histogram.counts))
        for bound, count in zip(histogram.bounds, cumulative, strict=True):
            values[f"{name}_bucket|{bound}"] = count
        values[f"{name}_count"] = cumulative[-1]
        values[f"{name}_sum"] = histogram.total
    return values


def number(value: float) -> str:
    """A value as prometheus_client prints it.

    >>> number(3.0), number(0.25), number(2129543168.0)
    ('3.0', '0.25', '2.129543168e+09')
    """
    text = repr(float(value))
    dot = text.find(".")
    if value > 0 and dot > 6:  # noqa: PLR2004 (the library's own bound for the exponent form)
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+0{dot - 1}"
    return text


def _lines(family: Family, values: Mapping[str, float], engine: int, created: float) -> Iterator[str]:
    for sample in family.samples:
        head = sample.head if engine == 0 else sample.head.replace('engine="0"', f'engine="{engine}"')
        value = created if family.name.endswith("_created") else values.get(sample.key)
        yield f"{head} {sample.default if value is None else number(value)}"


def _family(block: str) -> Family:
    help_line, type_line, *samples = block.splitlines()
    return Family(help_line.split()[2], f"{help_line}\n{type_line}", tuple(map(_sample, samples)))


def _sample(line: str) -> Sample:
    match = _SAMPLE.fullmatch(line)
    assert match is not None, line  # noqa: S101 (the template ships with this package and a test reads it)
    labels = [value for label, value in _LABEL.findall(match["labels"] or "") if label not in _COMMON]
    name = match["name"]
    key = f"{name}|{_bound(name, labels)}" if labels else name
    return Sample(line[: match.start("value") - 1], key, match["value"])


def _bound(name: str, labels: Sequence[str]) -> str:
    return str(float(labels[0])) if name.endswith("_bucket") else ",".join(labels)
