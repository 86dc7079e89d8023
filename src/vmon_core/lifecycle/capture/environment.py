"""The environment variables that matter to a vLLM server; all others are left out, secrets are redacted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.redaction import redact_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = (
    *("VLLM_", "VMON_", "CUDA_", "NVIDIA_", "NCCL_", "TORCH_", "PYTORCH_", "TORCHINDUCTOR_", "TRITON_", "HF_"),
    *("TRANSFORMERS_", "OMP_", "MKL_", "OPENBLAS_", "GLOO_", "UCX_", "RAY_", "ROCR_", "HIP_", "HSA_", "SLURM_JOB"),
    *("KUBERNETES_", "POD_", "NODE_NAME", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONUNBUFFERED", "PYTHONPATH", "TMPDIR"),
)
"""What the names of captured variables begin with."""


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep the variables that matter, with secrets redacted.

    >>> allowed({"CUDA_VISIBLE_DEVICES": "0,1", "HF_TOKEN": "hf_abc", "HOME": "/home/me"})
    {'CUDA_VISIBLE_DEVICES': '0,1', 'HF_TOKEN': '***'}
    """
    return redact_mapping({k: v for k, v in sorted(environment.items()) if k.startswith(PREFIXES)})


def of_process(pid: int, root: Path = Path("/proc")) -> dict[str, str]:
    """Read the environment that a process was started with.

    Args:
        pid: its process id.
        root: where the process table is mounted.

    Returns:
        The variables that matter; empty when it is gone or belongs to somebody else.
    """
    try:
        raw = (root / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition("=") for item in raw.decode(errors="replace").split("\0") if "=" in item)
    return allowed({name: value for name, _, value in pairs})
