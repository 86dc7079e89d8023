"""Rules about what must be had before a start: the program, and the right to a model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_GATED = ("meta-llama/", "google/gemma", "mistralai/", "black-forest-labs/", "CohereForAI/", "CohereLabs/")
"""Repositories most of whose models ask for consent on the hub; whether one does is known to the hub only."""

_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@rule("command.program")
def program(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The program must be there, and vLLM in its environment."""
    name = launch.executable
    if not name:
        return
    if not launch.installation.located:
        where = "" if os.sep in name else " on the PATH"
        fix = "activate the environment of vLLM, or give the full path"
        yield failure("command.program", f"there is no {name}{where}", fix=fix)
    elif launch.installation.version:
        build = f", built for {launch.installation.build}" if launch.installation.build else ""
        yield ok("command.program", f"{name} is vLLM {launch.installation.version}{build}")
    else:
        yield warning("command.program", f"no vLLM was found in the environment of {name}")


@rule("access.token")
def token(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A gated model needs a token; only whether there is one is looked at, never which."""
    if not launch.model.startswith(_GATED) or launch.path(launch.model).exists():
        return
    home = launch.environment.get("HF_HOME") or f"{launch.environment.get('HOME', '/root')}/.cache/huggingface"
    if launch.path(f"{home}/hub/models--{launch.model.replace('/', '--')}").is_dir():
        yield ok("access.token", f"{launch.model} is in the cache already")
    elif any(launch.environment.get(name) for name in _TOKENS) or launch.path(f"{home}/token").is_file():
        yield ok("access.token", "there is a token for the Hugging Face hub")
    elif not launch.switch("HF_HUB_OFFLINE"):
        summary = f"models like {launch.model} ask for consent, and there is no token for the Hugging Face hub"
        yield warning("access.token", summary, fix="set HF_TOKEN, or huggingface-cli login")


RULES = (program, token)
