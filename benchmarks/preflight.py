"""What it costs to check a launch of a very large model, against reading the header of each of its files in turn.

The models are sparse files with true headers: the shape of Llama 3.1 405B in 191 files, and a model cut into 20,000
files, of which only a sample of headers is read. The obvious alternative opens every file with `safetensors`, where it
is installed, and otherwise reads each header with `json`; it checks nothing and judges nothing.

Run: python benchmarks/preflight.py
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import struct
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_core.devices import Device
from vmon_core.plugin import LaunchRequest
from vmon_plugin_preflight.prediction import predict
from vmon_testkit.models import write_model

if TYPE_CHECKING:
    from collections.abc import Callable

LLAMA_405B: dict[str, Any] = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "num_hidden_layers": 126,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
GPUS = tuple(Device(kind="nvidia", index=i, memory_bytes=141 << 30, memory_free_bytes=140 << 30) for i in range(8))
ROUNDS = 7


def whole_check(folder: Path) -> None:
    """Check a launch on eight devices, with every rule."""
    command = ("vllm", "serve", str(folder), "--tensor-parallel-size", "8")
    predict(LaunchRequest(command=command, environment={"PATH": "", "HF_HUB_OFFLINE": "1"}, directory=folder), GPUS)


def in_turn(folder: Path) -> None:
    """Read each header, one after the other."""
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            json.loads(file.read(length))


def with_safetensors(folder: Path) -> None:
    """Open each file with the reference implementation, and ask it for its names."""
    safe_open = importlib.import_module("safetensors").safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="numpy") as file:
            list(file.keys())


def milliseconds(folder: Path, *runs: Callable[[Path], None]) -> list[float]:
    """The median time of each, taking turns, so that noise hits all of them."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run(folder)
            taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def alternative() -> Callable[[Path], None]:
    """The reference implementation where it is there."""
    return with_safetensors if importlib.util.find_spec("safetensors") else in_turn


def main() -> None:
    """Measure both models and print a line for each."""
    other = alternative()
    print(f"{'model':>24} {'check':>10} {other.__name__:>18} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        large = write_model(Path(folder) / "405b", shards=191, **LLAMA_405B)
        many = write_model(Path(folder) / "many", shards=20_000, **{**LLAMA_405B, "num_hidden_layers": 2400})
        for name, model in (("405B in 191 files", large), ("20,000 files", many)):
            ours, theirs = milliseconds(model, whole_check, other)
            print(f"{name:>24} {ours:>7.0f} ms {theirs:>15.0f} ms {ours / theirs:>7.2f}")


if __name__ == "__main__":
    main()
