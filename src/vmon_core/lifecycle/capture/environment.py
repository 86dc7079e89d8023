"""The environment variables that matter to a vLLM server; all others are left out, secrets are redacted."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.lifecycle.capture.bounds import MAX_ITEMS, bounded
from vmon_core.redaction import redact_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = (
    *("VLLM_", "VMON_", "LMCACHE_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "SAFETENSORS_", "TOKENIZERS_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "NVSHMEM_", "UCX_", "GLOO_", "ROCR_", "HIP_", "HSA_", "RCCL_"),
    *("TORCH", "PYTORCH_", "TRITON_", "FLASHINFER_", "OMP_", "KMP_", "MKL_", "OPENBLAS_", "MALLOC_"),
    *("RAY_", "SLURM_JOB", "KUBERNETES_", "POD_", "NODE_"),
)
"""What the names of captured variables begin with: whatever steers vLLM, its libraries or its placement."""

NAMES = frozenset(
    {
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONHASHSEED", "TMPDIR", "HOSTNAME"),
        *("MASTER_ADDR", "MASTER_PORT", "RANK", "LOCAL_RANK", "WORLD_SIZE"),
    }
)
"""Further variables that are captured."""

NOTE = "VMON_NOTE"
"""Stands among the variables when they could not be read, and says why."""

_MAX_BYTES = 1 << 20
"""Bytes read of one environment; the kernel allows more, a server that needs it has not been seen."""


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep the variables that matter, with secrets redacted and long values cut.

    Args:
        environment: all variables.

    Returns:
        Some of them, sorted by name.

    >>> allowed({"CUDA_VISIBLE_DEVICES": "0,1", "HF_TOKEN": "hf_abc", "HOME": "/home/me"})
    {'CUDA_VISIBLE_DEVICES': '0,1', 'HF_TOKEN': '***'}
    """
    names = sorted(name for name in environment if name.startswith(PREFIXES) or name in NAMES)
    kept = redact_mapping({name: environment[name] for name in islice(names, MAX_ITEMS)})
    return {bounded(name): bounded(value) for name, value in kept.items()}


def of_process(pid: int, root: Path = Path("/proc")) -> dict[str, str]:
    """Read the environment that a process was started with.

    What a process changes later does not show, and one that rewrites its title may have overwritten it.

    Args:
        pid: its process id.
        root: where the process table is mounted.

    Returns:
        The variables that matter; only a note, under `VMON_NOTE`, when it is gone or belongs to somebody else.
    """
    try:
        with (root / str(pid) / "environ").open("rb") as file:
            content = file.read(_MAX_BYTES)
    except OSError as error:
        return {NOTE: f"the environment of process {pid} cannot be read: {error.strerror or error}"}
    pairs = (item.partition("=") for item in content.decode(errors="replace").split("\0") if "=" in item)
    return allowed({name: value for name, _, value in pairs})
