"""Folders that stand for models: real headers, and holes instead of weights, so that the largest takes no space."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""The type and the shape of each tensor, by its name."""

_BYTES = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I32": 4, "U8": 1}

LLAMA: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "head_dim": 32,
    "hidden_size": 128,
    "intermediate_size": 256,
    "max_position_embeddings": 2048,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
    "vocab_size": 320,
}
"""The configuration of a Llama of less than a megabyte."""


def write_safetensors(path: Path, tensors: Tensors) -> None:
    """Write a file with a true header, whose tensors are a hole of the right size."""
    header, position = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = position + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + position)


def llama_tensors(config: Mapping[str, Any] = LLAMA) -> Tensors:
    """The tensors of a Llama with the sizes that `config` gives.

    >>> llama_tensors()["model.layers.0.self_attn.k_proj.weight"]
    ('BF16', (64, 128))
    """
    hidden, wide, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    shapes = {
        "self_attn.q_proj": (heads * head, hidden),
        "self_attn.k_proj": (kv_heads * head, hidden),
        "self_attn.v_proj": (kv_heads * head, hidden),
        "self_attn.o_proj": (hidden, heads * head),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "mlp.down_proj": (hidden, wide),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    tensors: Tensors = {"model.embed_tokens.weight": ("BF16", (config["vocab_size"], hidden))}
    for layer in range(config["num_hidden_layers"]):
        tensors |= {f"model.layers.{layer}.{name}.weight": ("BF16", shape) for name, shape in shapes.items()}
    tensors["model.norm.weight"] = ("BF16", (hidden,))
    tensors["lm_head.weight"] = ("BF16", (config["vocab_size"], hidden))
    return tensors


def write_shards(folder: Path, tensors: Tensors, shards: int) -> None:
    """Write `tensors` to as many files, with the index that tells which file has which tensor."""
    names = list(tensors)
    parts = [names[number::shards] for number in range(shards)]
    files = [f"model-{number + 1:05}-of-{shards:05}.safetensors" for number in range(shards)]
    for file, part in zip(files, parts, strict=True):
        write_safetensors(folder / file, {name: tensors[name] for name in part})
    index = {name: file for file, part in zip(files, parts, strict=True) for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def write_model(folder: Path, *, shards: int = 0, without: Iterable[str] = (), **config: Any) -> Path:  # noqa: ANN401 (JSON)
    """Write a Llama: configuration, tokenizer and weights.

    Args:
        folder: where; it is made.
        shards: files of weights with an index; 0 for one file without.
        without: names of tensors that are left out.
        **config: what replaces or adds to `LLAMA`; None takes a key away.

    Returns:
        The same `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    merged = {key: value for key, value in {**LLAMA, **config}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(merged))
    (folder / "tokenizer.json").write_text(
        json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}})
    )
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    left_out = set(without)
    tensors = {name: entry for name, entry in llama_tensors({**LLAMA, **merged}).items() if name not in left_out}
    if shards:
        write_shards(folder, tensors, shards)
    else:
        write_safetensors(folder / "model.safetensors", tensors)
    return folder
