"""Command lines, good and bad, whose fate `vmon check` has to foresee, each with the code that says what is wrong."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

SHORT = ("--max-model-len", "512", "--enforce-eager")
MANY = ("--max-num-seqs", "32")
UNCHUNKED = ("--no-enable-chunked-prefill",)
LONG = {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}
NOBIND = {"VLLM_CPU_OMP_THREADS_BIND": "nobind"}
KUBERNETES = {"VLLM_PORT": "tcp://10.0.0.1:8000"}
"""What Kubernetes sets in every pod beside a service that is called vllm."""


@attrs.frozen
class Launch:
    """A launch of the tiny model.

    Attributes:
        name: what it tries.
        arguments: after `vllm serve`; MODEL stands for the model's folder, HELD for a port that somebody listens on.
        code: the check that must fail for it; "" for a launch that works.
        environment: beside the usual one.
        change: what is done to a copy of the model first.
    """

    name: str
    arguments: tuple[str, ...]
    code: str = ""
    environment: Mapping[str, str] = attrs.field(factory=dict)
    change: Callable[[Path], None] | None = None

    def command(self, vllm: str, model: Path, folder: Path, port: int, held: int) -> tuple[str, ...]:
        """The command line for a server on `port`; a model that is to be changed is copied into `folder`."""
        if self.change is not None:
            model = shutil.copytree(model, folder / self.name)
            self.change(model)
        words = [{"MODEL": str(model), "HELD": str(held)}.get(word, word) for word in self.arguments]
        free = () if "--port" in words else ("--port", str(port))
        return (vllm, "serve", *words, *free)


def _config(**changes: object) -> Callable[[Path], None]:
    """Change entries of `config.json`."""

    def change(model: Path) -> None:
        path = model / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def _weights(edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Change the bytes of the model's only file of weights."""

    def change(model: Path) -> None:
        path = model / "model.safetensors"
        path.write_bytes(edit(path.read_bytes()))

    return change


def _without(pattern: str) -> Callable[[Path], None]:
    """Remove files."""

    def change(model: Path) -> None:
        for path in model.glob(pattern):
            path.unlink()

    return change


def _lose_a_shard(model: Path) -> None:
    """Name two files in an index of which there is only one."""
    path = model / "model.safetensors"
    (size,) = struct.unpack("<Q", path.read_bytes()[:8])
    header: dict[str, Any] = json.loads(path.read_bytes()[8 : 8 + size])
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    names = [name for name in header if name != "__metadata__"]
    index = {name: shards[number % 2] for number, name in enumerate(names)}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    path.rename(model / shards[0])


def _spoil_config(model: Path) -> None:
    (model / "config.json").write_text("{no JSON")


LAUNCHES: tuple[Launch, ...] = (
    Launch("plain", ("MODEL", *SHORT)),
    Launch(
        "spellings", ("--model", "MODEL", "--max_model_len=1k", "--enforce-eager", "--hf-overrides.rope_theta", "10000")
    ),
    Launch("longer_than_the_model", ("MODEL", "--max-model-len", "4096", "--enforce-eager"), environment=LONG),
    Launch("no_weights_wanted", ("MODEL", *SHORT, "--load-format", "dummy"), change=_without("*.safetensors")),
    Launch("strange_but_fine", ("MODEL", *SHORT, "--enable-lora", "-O0"), environment={"VLLM_NO_SUCH": "1"}),
    Launch("no_such_option", ("MODEL", *SHORT, "--no-such-option"), "arguments.unknown"),
    Launch("option_of_another_version", ("MODEL", *SHORT, "--swap-space", "4"), "arguments.unknown"),
    Launch("ambiguous_option", ("MODEL", *SHORT, "--device", "cuda"), "arguments.ambiguous"),
    Launch("no_such_dtype", ("MODEL", *SHORT, "--dtype", "float64"), "arguments.invalid_value"),
    Launch("too_much_utilization", ("MODEL", *SHORT, "--gpu-memory-utilization", "1.5"), "arguments.out_of_range"),
    Launch("batch_below_sequences", ("MODEL", *SHORT, *MANY, "--max-num-batched-tokens", "16"), "batch.sequences"),
    Launch("batch_below_length", ("MODEL", *SHORT, *UNCHUNKED, "--max-num-batched-tokens", "300"), "batch.tokens"),
    Launch("longer_than_trained", ("MODEL", "--max-model-len", "8192", "--enforce-eager"), "length.model"),
    Launch("heads_by_three", ("MODEL", *SHORT, "-tp", "3"), "parallel.heads", environment=NOBIND),
    Launch("quantization_not_in_the_model", ("MODEL", *SHORT, "--quantization", "awq"), "numbers.quantization"),
    Launch("block_size_of_gpus", ("MODEL", *SHORT, "--block-size", "16"), "numbers.block_size"),
    Launch("sleep_without_gpu", ("MODEL", *SHORT, "--enable-sleep-mode"), "devices.sleep"),
    Launch(
        "more_memory_than_there_is", ("MODEL", *SHORT), "memory.cpu", environment={"VLLM_CPU_KVCACHE_SPACE": "9000"}
    ),
    Launch("two_blocks_of_cache", ("MODEL", *SHORT, "--num-gpu-blocks-override", "2"), "memory.given_cache"),
    Launch("port_is_held", ("MODEL", *SHORT, "--port", "HELD"), "network.port"),
    Launch("port_of_kubernetes", ("MODEL", *SHORT), "environment.vllm_port", environment=KUBERNETES),
    Launch("parser_not_named", ("MODEL", *SHORT, "--enable-auto-tool-choice"), "serving.tool_parser"),
    Launch("no_certificate", ("MODEL", *SHORT, "--ssl-certfile", "/no.pem", "--ssl-keyfile", "/no.key"), "serving.tls"),
    Launch("not_downloaded", ("someone/not-downloaded", *SHORT), "model.location"),
    Launch("config_is_no_json", ("MODEL", *SHORT), "model.config", change=_spoil_config),
    Launch("no_config", ("MODEL", *SHORT), "model.config", change=_without("config.json")),
    Launch("no_such_architecture", ("MODEL", *SHORT), "model.architecture", change=_config(architectures=["NoSuch"])),
    Launch("half_a_file", ("MODEL", *SHORT), "model.damaged", change=_weights(lambda data: data[: len(data) // 2])),
    Launch("lost_shard", ("MODEL", *SHORT), "model.shards", change=_lose_a_shard),
    Launch("other_shapes", ("MODEL", *SHORT), "model.shapes", change=_config(intermediate_size=999)),
    Launch("no_tokenizer", ("MODEL", *SHORT), "model.tokenizer", change=_without("*token*")),
)
"""Each is started for real, and `vmon check` is asked before; none of them is known to vmon."""
