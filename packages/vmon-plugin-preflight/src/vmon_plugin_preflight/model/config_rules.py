"""Rules about the configuration: whether there is one, and whether this vLLM can make a model of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig
    from vmon_plugin_preflight.model.registry import Registry

_EVEN_HEADS = frozenset({"llama", "gemma2", "gemma3_text", "deepseek_v2", "minicpm3"})
"""Types whose configuration class insists on a hidden size that the heads divide (Transformers 5.19)."""

_OWN_PARSERS = frozenset({"", "vlm"})
"""Types that Transformers guesses, or that remote code registers."""


@rule("model.config")
def config(launch: Launch) -> Iterator[CompatibilityCheck]:
    """There must be a configuration that can be understood."""
    subject, code = launch.subject, "model.config"
    found = subject.config
    if found is None and subject.damaged:
        missing = "No such file" in subject.problem
        fix = "give the folder that holds config.json" if missing else "download config.json again"
        yield failure(code, subject.problem, fix=fix)
    elif found is None:
        yield not_evaluated(code, subject.problem)
    elif (
        launch.arguments.known
        and found.text_type in _EVEN_HEADS
        and found.hidden
        and found.heads
        and found.hidden % found.heads
    ):
        summary = f"hidden_size {found.hidden} is not a multiple of num_attention_heads {found.heads}"
        yield failure(code, f"{summary}, which Transformers refuses", fix="correct config.json, or --hf-overrides")
    else:
        yield ok(code, f"config.json of a {found.model_type or 'model without a type'}", *_sizes(found))


def _sizes(found: ModelConfig) -> Iterator[str]:
    """The figures that the other rules compute with."""
    names = ("layers", "hidden", "heads", "kv_heads", "head_size", "vocabulary", "experts", "dtype")
    known = [f"{name} {value}" for name in names if (value := getattr(found, name))]
    if known:
        yield ", ".join(known)


@rule("model.type", "model.remote_code")
def model_type(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Transformers or vLLM must have a class for the configuration's type."""
    subject, code = launch.subject, "model.type"
    found, registry = subject.config, subject.registry
    if found is None:
        return
    known = None if registry is None else registry.knows_type(found.model_type)
    if registry is None or known is None:
        yield not_evaluated(code, "nobody tells which types this vLLM knows")
    elif not found.model_type and not found.architectures and launch.arguments.known:
        yield failure(
            code, "config.json has no model_type, which Transformers needs", fix="take a complete config.json"
        )
    elif found.model_type in _OWN_PARSERS:
        yield not_evaluated(code, f"vLLM finds out itself what a model of type {found.model_type!r} is")
    elif known:
        yield ok(code, f"the type {found.model_type} is known")
    else:
        yield from _unknown_type(launch, found)


def _unknown_type(launch: Launch, found: ModelConfig) -> Iterator[CompatibilityCheck]:
    """Only the model's own code could explain the type."""
    registry = launch.subject.registry
    if "AutoConfig" in _auto_map(found):
        yield _remote_code(launch, found)
    elif registry is not None and registry.plugins:
        yield not_evaluated("model.type", f"{', '.join(registry.plugins)} may add the type {found.model_type!r}")
    else:
        summary = f"neither vLLM nor its Transformers knows the model type {found.model_type!r}"
        yield failure("model.type", summary, fix="a newer vLLM or Transformers, or correct model_type in config.json")


def _remote_code(launch: Launch, found: ModelConfig) -> CompatibilityCheck:
    """The model brings its own code, which must be allowed."""
    if launch.arguments.get("trust_remote_code", bool):
        return not_evaluated("model.remote_code", f"the model's own code explains the type {found.model_type!r}")
    summary = f"the type {found.model_type!r} needs the model's own code, which is not allowed to run"
    return failure("model.remote_code", summary, fix="--trust-remote-code, if you trust the model's author")


def _auto_map(found: ModelConfig) -> dict[str, object]:
    """Which classes the model's own code has."""
    value = found.document.get("auto_map")
    return value if isinstance(value, dict) else {}


@rule("model.architecture")
def architecture(launch: Launch) -> Iterator[CompatibilityCheck]:
    """This vLLM must implement one of the architectures, or have another way to run it."""
    subject, code = launch.subject, "model.architecture"
    found, registry = subject.config, subject.registry
    if found is None:
        return
    if registry is None or not registry.architectures:
        yield not_evaluated(code, "nobody tells which architectures this vLLM implements")
    elif not found.architectures:
        yield not_evaluated(code, "config.json names no architecture; vLLM derives it from the type")
    elif known := [name for name in found.architectures if name in registry.architectures]:
        yield ok(code, f"vLLM implements {known[0]}")
    else:
        yield _unknown_architecture(launch, found, registry)


def _unknown_architecture(launch: Launch, found: ModelConfig, registry: Registry) -> CompatibilityCheck:
    """It may still be run by Transformers, be derived from another one, or be added by a plugin."""
    code, names = "model.architecture", ", ".join(found.architectures)
    own_code = any(name.startswith("AutoModel") for name in _auto_map(found))
    if own_code and launch.arguments.get("trust_remote_code", bool):
        return not_evaluated(code, f"the model's own code has {names}, and Transformers would run it")
    if any(map(registry.in_transformers, found.architectures)):
        return not_evaluated(code, f"vLLM has no {names} of its own; its Transformers backend may run it")
    if any(map(registry.converts, found.architectures)):
        return not_evaluated(code, f"vLLM may derive {names} from an architecture that it implements")
    if registry.plugins:
        return not_evaluated(code, f"{', '.join(registry.plugins)} may add {names}")
    summary = f"this vLLM implements none of {names}"
    return failure(
        code, summary, f"it implements {len(registry.architectures)} others", fix="a newer vLLM, or another model"
    )


RULES = (config, model_type, architecture)
