"""Versions: Python, vmon, and vLLM as the server reports it. Neither vllm nor torch is ever imported."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def software(reported: Mapping[str, Any]) -> dict[str, str]:
    """Name the versions that are known.

    Args:
        reported: what the server told about itself.
    """
    version = reported.get("version")
    return {**_own(), "vllm": str(version)} if version else _own()


@lru_cache(maxsize=1)
def _own() -> dict[str, str]:
    return {"python": platform.python_version(), "vmon-core": metadata.version("vmon-core")}
