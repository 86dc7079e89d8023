"""The second plugin: light, and without the driver."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vmon_core.device_health import explain_finding
from vmon_core.device_health.findings import CODES
from vmon_core.evidence import DeviceJudged, Health
from vmon_core.lifecycle.fold import fold
from vmon_core.testing.fakes import NOW, make_window
from vmon_plugin_nvidia.health import plugin


def test_findings_about_nvidia_devices_only() -> None:
    """Each vendor's plugin speaks of its own."""
    window = make_window()
    for kind in ("nvidia", "amd"):
        judged = DeviceJudged(
            time=NOW, device=f"{kind}:0", health=Health.DEGRADED, codes=("ecc.corrected",), reasons=("many",)
        )
        window.facts = fold(window.facts, judged)
    assert [(f.code, f.entities) for f in plugin.vmon_analyze(window)] == [("gpu.ecc", ("nvidia:0",))]


@pytest.mark.parametrize("code", ["", "xid.", "xid.1234567", "gpu.count", "memory.weights"])
def test_codes_of_others_are_not_explained(code: str) -> None:
    """Somebody else may know them."""
    assert plugin.vmon_explain(code) is None


@pytest.mark.parametrize("code", sorted(CODES))
def test_its_findings_are_explained(code: str) -> None:
    """Every one that it may make."""
    assert plugin.vmon_explain(code) == explain_finding(code) is not None


def test_xid_is_explained() -> None:
    """A number that nobody knows, too: that it is unknown is an answer."""
    assert "row remapping" in (plugin.vmon_explain("xid.63") or "")
    assert "does not know this number" in (plugin.vmon_explain("xid.9999") or "")


def test_it_never_imports_the_driver() -> None:
    """It runs in vmon's own process, where a hanging driver would end everything."""
    code = (
        "import sys, vmon_plugin_nvidia.health as h; h.plugin.vmon_explain('xid.79'); sys.exit('pynvml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
