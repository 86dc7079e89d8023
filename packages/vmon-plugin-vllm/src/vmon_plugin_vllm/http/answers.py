"""What is in a server's answers. A server may send anything: what does not fit tells nothing."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmon_plugin_vllm.http.client import Answer


def server_load(answer: Answer) -> float | None:
    """Read /load.

    Args:
        answer: such as `{"server_load": 3}`.

    Returns:
        The requests in flight, None when it does not tell.
    """
    load = _json(answer).get("server_load")
    return float(load) if isinstance(load, int | float) and math.isfinite(load) else None


def described(answer: Answer) -> dict[str, Any]:
    """Read /version or /v1/models.

    Args:
        answer: such as `{"version": "0.32.0"}` or `{"data": [{"id": "m", "max_model_len": 1024}]}`.

    Returns:
        `version`, or `model` and `max_model_len` of the first model, as far as they are there.
    """
    content = _json(answer)
    models = content.get("data")
    first = models[0] if isinstance(models, list) and models and isinstance(models[0], dict) else {}
    facts = {
        "version": content.get("version"),
        "model": first.get("id"),
        "max_model_len": first.get("max_model_len"),
    }
    return {name: value for name, value in facts.items() if isinstance(value, str | int)}


def why_no_metrics(answer: Answer) -> str:
    """Say why the body of a good answer cannot be Prometheus text; "" when it may be."""
    if answer.content_encoding:
        return f"is packed with {answer.content_encoding}, which was not asked for"
    if "html" in answer.content_type.lower():
        return f"is a web page ({answer.content_type})"
    return ""


def _json(answer: Answer) -> dict[str, Any]:
    """The object in a good answer; empty for anything else."""
    if not answer.ok:
        return {}
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
