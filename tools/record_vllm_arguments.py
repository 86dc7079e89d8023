"""Record what `vllm serve` of the installed version takes, as the JSON table that the preflight plugin reads.

Run it with the interpreter of the vLLM that is to be recorded; it is the only place that imports vllm:

    VLLM/bin/python tools/record_vllm_arguments.py packages/vmon-plugin-preflight/src/vmon_plugin_preflight/tables

It writes `VERSION.json`: every option with its strings, kind of value, choices, number of values, default and bounds;
the environment variables that vLLM reads; the names of the parsers of tool calls and of reasoning.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser

from vllm import config, envs

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS = ("gt", "ge", "lt", "le")


def main() -> None:
    """Write the table into the folder that is named on the command line."""
    parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
    version = importlib.metadata.version("vllm").partition("+")[0]
    table = {
        "version": version,
        "options": [option(a, title) for a, title in actions(parser) if a.dest != "help"],
        "environment": sorted(envs.environment_variables),
        "numbers": sorted(numbers()),
        "kv_connectors": sorted(KVConnectorFactory._registry),  # noqa: SLF001 (it is told nowhere else)
        "tool_parsers": sorted(ToolParserManager.list_registered()),
        "reasoning_parsers": sorted(ReasoningParserManager.list_registered()),
    }
    file = Path(sys.argv[1]) / f"{version}.json"
    file.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    print(f"{file}: {len(table['options'])} options, {len(table['environment'])} variables")


def numbers() -> Iterator[str]:
    """The variables that vLLM reads as numbers: it cannot read a word there."""
    for name, reader in envs.environment_variables.items():
        os.environ[name] = "no number"
        try:
            reader()
        except ValueError as error:
            if str(error).startswith(("invalid literal for int", "could not convert string to float")):
                yield name
        except Exception:  # noqa: BLE001, S110 (whatever else it wants, it is no number)
            pass
        finally:
            del os.environ[name]


def actions(parser: argparse.ArgumentParser) -> list[tuple[argparse.Action, str]]:
    """Every argument with the title of its group, which is the name of its configuration class."""
    titles = {id(a): g.title or "" for g in parser._action_groups for a in g._group_actions}  # noqa: SLF001 (argparse tells it nowhere else)
    return [(a, titles.get(id(a), "")) for a in parser._actions]  # noqa: SLF001 (likewise)


def option(action: argparse.Action, title: str) -> dict[str, Any]:
    """One argument, without what is not set."""
    found = {
        "dest": action.dest,
        "flags": list(action.option_strings),
        "action": ACTIONS.get(type(action).__name__, "store"),
        "kind": kind(action),
        "nargs": action.nargs or None,
        "const": plain(action.const) if action.nargs == "?" else None,
        "choices": [plain(c) for c in action.choices] if action.choices else None,
        "default": None if action.default == argparse.SUPPRESS else plain(action.default),
        "group": title,
        "bounds": bounds(title, action.dest),
        "keys": keys(action),
    }
    return {name: value for name, value in found.items() if value is not None and value not in ([], {}, "")}


ACTIONS = {
    "BooleanOptionalAction": "boolean",
    "_StoreTrueAction": "store_true",
    "_StoreFalseAction": "store_false",
    "_AppendAction": "append",
    "LoRAParserAction": "lora",
}


def kind(action: argparse.Action) -> str:
    """How the text of a value is read: the name of the type, or `json` for everything that is JSON inside."""
    if action.type is None or isinstance(action.default, bool):
        return ""
    name = getattr(innermost(action.type), "__name__", "str")
    if name == "<lambda>":
        return "backend" if action.choices else "str"
    return KINDS.get(name, name)


KINDS = {
    "parse_dataclass": "json",
    "loads": "json",
    "union_dict_and_str": "json_or_text",
}


def innermost(reader: object) -> object:
    """What vLLM's wrappers `parse_type` and `optional_type` wrap."""
    wrapped = [c.cell_contents for c in getattr(reader, "__closure__", None) or () if callable(c.cell_contents)]
    is_wrapper = getattr(reader, "__name__", "") in {"_parse_type", "_optional_type"}
    return innermost(wrapped[0]) if is_wrapper and wrapped else reader


def keys(action: argparse.Action) -> list[str]:
    """The fields of the configuration class that a JSON value becomes."""
    reader = innermost(action.type)
    if getattr(reader, "__name__", "") != "parse_dataclass":
        return []
    cls = (reader.__defaults__ or (None,))[0]
    return sorted(f.name for f in dataclasses.fields(cls)) if cls else []


def bounds(title: str, dest: str) -> dict[str, float]:
    """The limits that pydantic holds a number to."""
    fields = getattr(getattr(config, title, None), "__pydantic_fields__", {})
    field = fields.get(dest)
    metadata = field.metadata if field else ()
    return {b: getattr(m, b) for m in metadata for b in BOUNDS if getattr(m, b, None) is not None}


def plain(value: object) -> object:
    """A value as JSON has it; what is computed or an object of vLLM's is left out."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, str | int | float) for v in value):
        return list(value)
    return None


if __name__ == "__main__":
    main()
