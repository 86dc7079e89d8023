"""What `vllm serve` takes, as recorded from real versions; `tools/record_vllm_arguments.py` writes the tables."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

import attrs

VERSIONS = ("0.32.0",)
"""The recorded versions, oldest first."""


@attrs.frozen(kw_only=True)
class Option:
    """One argument.

    Attributes:
        dest: the name of its value.
        flags: its option strings; none for a positional one.
        action: `store`, `store_true`, `boolean` (with a `--no-` form), `append`, or `lora`.
        kind: how a value is read, a key of `readers.READERS`; "" for a plain string.
        nargs, const, choices, default: as argparse has them.
        group: the configuration class that it belongs to.
        bounds: the limits of a number: `gt`, `ge`, `lt`, `le`.
        keys: the fields that a JSON value may have; empty when that is open.
    """

    dest: str
    flags: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    action: str = "store"
    kind: str = ""
    nargs: str | int | None = None
    const: Any = None
    choices: tuple[Any, ...] = attrs.field(default=(), converter=tuple)
    default: Any = None
    group: str = ""
    bounds: Mapping[str, float] = attrs.field(factory=dict)
    keys: tuple[str, ...] = attrs.field(default=(), converter=tuple)


@attrs.frozen(kw_only=True)
class Table:
    """What one version takes.

    Attributes:
        version: of vLLM.
        options: its arguments by dest.
        environment: the variables that it reads.
        numbers: those of them that it reads as numbers.
        tool_parsers, reasoning_parsers, kv_connectors: the names that are built in.
    """

    version: str
    options: Mapping[str, Option]
    environment: frozenset[str]
    numbers: frozenset[str]
    tool_parsers: tuple[str, ...]
    reasoning_parsers: tuple[str, ...]
    kv_connectors: tuple[str, ...]


@functools.cache
def recorded(version: str = "") -> Table:
    """The table of a version.

    Args:
        version: such as `0.32.0`.

    Returns:
        Its own table, or for a version that was not recorded, the newest there is.
    """
    name = version if version in VERSIONS else VERSIONS[-1]
    text = resources.files("vmon_plugin_preflight").joinpath("tables", f"{name}.json").read_text("utf-8")
    data = json.loads(text)
    options = [Option(**o) for o in data["options"]]
    return Table(
        version=data["version"],
        options=MappingProxyType({o.dest: o for o in options}),
        environment=frozenset(data["environment"]),
        numbers=frozenset(data["numbers"]),
        tool_parsers=tuple(data["tool_parsers"]),
        reasoning_parsers=tuple(data["reasoning_parsers"]),
        kv_connectors=tuple(data["kv_connectors"]),
    )
