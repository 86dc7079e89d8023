"""Rules about values that argparse lets pass and vLLM's configuration classes refuse."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from vmon_plugin_preflight.command.problem import CONFIG_FILE, INVALID
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.command.table import Option
    from vmon_plugin_preflight.launch import Launch

_REGISTRIES = {"tokenizer_mode": "tokenizers/registry.py", "config_format": "transformers_utils/config.py"}

_LEVELS = frozenset({"0", "1", "2", "3", "O0", "O1", "O2", "O3"})


@rule(INVALID)
def optimization(launch: Launch) -> Iterator[CompatibilityCheck]:
    """There are four levels."""
    given = launch.arguments.get("optimization_level", str)
    if given is not None and given not in _LEVELS:
        yield failure(INVALID, f"there is no optimization level {given!r}", fix="-O0, -O1, -O2 or -O3")


@rule("arguments.out_of_range")
def active(launch: Launch) -> Iterator[CompatibilityCheck]:
    """No more requests can be active than a step takes."""
    most, active = (launch.arguments.get(dest, int) for dest in ("max_num_seqs", "max_num_active_seqs"))
    if most is not None and active is not None and active > most:
        summary = f"--max-num-active-seqs {active} is more than --max-num-seqs {most}"
        yield failure("arguments.out_of_range", summary, fix=f"--max-num-active-seqs {most}")


@rule(INVALID)
def length(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A length of nothing is refused, though -1 stands for `auto`."""
    if launch.arguments.get("max_model_len", int) == 0:
        yield failure(INVALID, "--max-model-len 0 leaves no room for a request", fix="--max-model-len auto")


@rule(INVALID)
def objects(launch: Launch) -> Iterator[CompatibilityCheck]:
    """What has to be a JSON object must be one; argparse takes other text as it is."""
    for dest in ("hf_overrides", "model_loader_extra_config"):
        given = launch.arguments.get(dest, str)
        if given:
            flag = launch.arguments.flag(dest)
            yield failure(INVALID, f"{flag} {given!r} is no JSON object", fix=f"{flag} '{{\"key\": 1}}'")


@rule(INVALID)
def keys(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A configuration class takes only the keys that it has."""
    for option in launch.arguments.table.options.values():
        if option.keys and launch.arguments.given(option.dest):
            yield from _unknown_keys(launch, option)


def _unknown_keys(launch: Launch, option: Option) -> Iterator[CompatibilityCheck]:
    flag = launch.arguments.flag(option.dest)
    given = launch.arguments.get(option.dest, dict)
    if given is None:
        yield failure(INVALID, f"{flag} takes a JSON object", fix=f"{flag} '{{...}}', or {flag}.KEY VALUE")
        return
    for key in given.keys() - set(option.keys):
        near = next(iter(difflib.get_close_matches(key, option.keys, n=1)), "")
        summary = f"{flag} has no key {key!r}"
        fix = f"{flag}.{near}" if near else f"one of {', '.join(option.keys)}"
        yield failure(INVALID, summary, fix=fix) if launch.arguments.known else not_evaluated(INVALID, summary, fix=fix)


@rule(INVALID)
def registered(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Some names are looked up in a registry, which the source of vLLM fills, and plugins may."""
    registry, package = launch.subject.registry, launch.installation.package
    for dest, source in _REGISTRIES.items():
        given = launch.arguments.get(dest, str)
        if given in {None, "auto", "slow"} or registry is None or package is None or registry.plugins:
            continue
        try:
            names = (package / source).read_text("utf-8")
        except (OSError, ValueError):
            continue
        if f'"{given}"' not in names and launch.arguments.known:
            flag = launch.arguments.flag(dest)
            yield failure(INVALID, f"{flag}: vLLM has no {given!r}", fix=f"{flag} auto")


@rule(CONFIG_FILE)
def config_file(launch: Launch) -> Iterator[CompatibilityCheck]:
    """VLLM looks for the word `--config` only; `--config=FILE` is taken and does nothing."""
    given = launch.arguments.get("config", str)
    if given:
        summary = f"`--config={given}` is taken and ignored: vLLM reads a file only after a space"
        yield warning(CONFIG_FILE, summary, fix=f"--config {given}")


RULES = (optimization, active, length, objects, keys, registered, config_file)
