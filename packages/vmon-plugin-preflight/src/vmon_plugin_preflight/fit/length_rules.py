"""The rule about the length of requests, compared with what the model is made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.length import Longest, longest, ropes
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_ALLOW = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"


@rule("length.model")
def length(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Requests must not be longer than the model is made for."""
    config, wanted, code = launch.subject.config, launch.arguments.get("max_model_len", int), "length.model"
    if wanted == 0:
        yield failure(code, "--max-model-len 0 leaves no room for a request", fix="--max-model-len auto")
    if config is None or wanted is None or wanted < 1:
        return
    found, folder = longest(config), launch.subject.location.folder
    if found is None or (folder is not None and (folder / "sentence_bert_config.json").is_file()):
        yield not_evaluated(code, "the model's own length is not in config.json")
    elif wanted <= max(found.tokens, config.number("model_max_length") or 0):
        yield ok(code, f"{wanted} tokens, and the model is made for {found.tokens}", found.arithmetic)
    else:
        allowed = launch.environment.get(_ALLOW, "").strip().lower() in {"1", "true"}
        yield _too_long(wanted, found, allowed=allowed)


def _too_long(wanted: int, found: Longest, *, allowed: bool) -> CompatibilityCheck:
    """The model is not made for such requests."""
    summary = f"--max-model-len {wanted} is more than the model is made for ({found.tokens})"
    if allowed:
        return warning(
            "length.model", f"{summary}; {_ALLOW} lets it pass, and answers may be nonsense", found.arithmetic
        )
    return failure("length.model", summary, found.arithmetic, fix=f"--max-model-len {found.tokens}, or less")


@rule("model.rope")
def rope(launch: Launch) -> Iterator[CompatibilityCheck]:
    """VLLM must implement the rotary scaling."""
    config, registry = launch.subject.config, launch.subject.registry
    if config is None or registry is None or not config.plain:
        return
    kinds = {str(part.get("rope_type", part.get("type", "default"))) for part in ropes(config)}
    for kind in sorted(kinds):
        known = registry.knows_rope(kind)
        if known:
            yield ok("model.rope", f"vLLM implements the rotary embedding {kind}")
        elif known is False:
            summary = f"vLLM does not implement the rotary embedding {kind}"
            yield failure("model.rope", summary, fix="a newer vLLM, or correct rope_parameters in config.json")


RULES = (length, rope)
