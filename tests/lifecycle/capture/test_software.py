"""Versions."""

from __future__ import annotations

import platform
import subprocess
import sys

from vmon_core.lifecycle.capture.software import software


def test_own_versions_are_known() -> None:
    """Python and the core are always there, and no caller can change what the next one gets."""
    found = software({})
    assert found["python"] == platform.python_version()
    found.clear()
    assert software({})["vmon-core"]


def test_vllm_is_named_only_when_it_reported() -> None:
    """The server's version is known from the server alone."""
    assert "vllm" not in software({})
    assert software({"version": "0.32.0"})["vllm"] == "0.32.0"
    assert "vllm" not in software({})


def test_neither_vllm_nor_torch_is_imported() -> None:
    """Capturing costs no heavy import."""
    code = (
        "import sys; from vmon_core.lifecycle.capture import arguments, environment, hardware, software; "
        "software.software({'version': '1'}); hardware.hardware(); sys.exit(bool({'torch', 'vllm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
