"""Failures of what is installed: the driver, the build of vLLM, and its packages."""

from __future__ import annotations

from vmon_plugin_vllm.log.failures.rule import FailureRule, config

FAILURES: tuple[FailureRule, ...] = (
    config(
        r"Failed to infer device type|CUDA platform is not available|No CUDA GPUs are available"
        r"|no CUDA-capable device is detected|libcuda\.so\.1: cannot open shared object file",
        "cuda.unavailable",
        "vLLM finds no device that it could run on.",
        "Check the driver (`nvidia-smi`), the container's access to GPUs, CUDA_VISIBLE_DEVICES, and the build of vLLM.",
    ),
    config(
        r"driver version is insufficient for CUDA runtime version"
        r"|driver on your system is too old \(found version (?P<version>\d+)",
        "cuda.driver_too_old",
        "The NVIDIA driver is older than the CUDA runtime of this build of vLLM.",
        "Update the driver, or use a build of vLLM for an older CUDA.",
    ),
    config(
        r"no kernel image is available for execution on the device",
        "cuda.unsupported_device",
        "This build of vLLM holds no code for the GPU's compute capability.",
        "Use a build of vLLM that was made for this GPU.",
    ),
    config(
        r"(?:ModuleNotFoundError: )?No module named '(?P<module>[\w.]+)'",
        "install.missing_module",
        "The Python module {module} is not installed where vLLM runs.",
        "Install the package that holds {module} into vLLM's environment.",
    ),
    config(
        r"ImportError: .*(?:undefined symbol|cannot open shared object file)",
        "install.broken",
        "Libraries that were built for different versions are mixed in vLLM's environment.",
        "Install vLLM and torch anew, into an environment of their own.",
    ),
    config(
        r"_C::(?P<kernel>\w*(?:fp8|int8|quant|awq|gptq|marlin)\w*)\(\) expected at most 0 argument",
        "config.quantization",
        "This build of vLLM holds no {kernel}, which the quantization needs on this platform.",
        "Leave --quantization out, or use a build and a device that support it.",
    ),
    config(
        r"_C::(?P<kernel>\w+)\(\) expected at most 0 argument",
        "install.kernel_missing",
        "This build of vLLM holds no {kernel} for this platform.",
        "Use a build of vLLM that was made for this device.",
    ),
)
"""Special ones before general ones."""
