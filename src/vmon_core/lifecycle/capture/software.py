"""Versions: Python, vmon, and vLLM as the server reports it. Neither vllm nor torch is ever imported."""

from __future__ import annotations

import platform
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import importlib_metadata as metadata

from vmon_core.lifecycle.capture.bounds import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping


def software(reported: Mapping[str, Any]) -> dict[str, str]:
    """Name the versions that are known; those of plugins are added by whoever loaded them.

    Args:
        reported: what the server told about itself; its `version` is vLLM's.

    Returns:
        Versions by name: `python`, `vmon-core`, and `vllm` once the server has told.
    """
    version = reported.get("version")
    return {**_own(), "vllm": bounded(str(version))} if version else dict(_own())


@lru_cache(maxsize=1)
def _own() -> dict[str, str]:
    return {"python": platform.python_version(), "vmon-core": metadata.version("vmon-core")}
