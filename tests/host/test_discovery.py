"""Which plugins are loaded, which are not, and why: one broken plugin costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.conftest import Listener

    from vmon_core.host.plugin_host import PluginHost

GOOD = """
from vmon_core.plugin import PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="{name}", version="1.0")
"""


def reasons(host: PluginHost) -> dict[str, str]:
    """Why each plugin was rejected."""
    return {r.name: r.reason for r in host.report.rejected}


def test_good_plugin_is_loaded_beside_broken_ones(
    host: PluginHost, listener: Listener, distribution: Callable[..., None]
) -> None:
    """Import errors and even a module that exits are told with their reason; the good one runs."""
    distribution("t-good", GOOD.format(name="t-good"))
    distribution("t-broken", "import no_such_module")
    distribution("t-exits", "raise SystemExit(3)")
    host.load()
    assert "t-good" in host.report.loaded
    assert "no_such_module" in reasons(host)["t-broken"]
    assert "SystemExit: 3" in reasons(host)["t-exits"]
    assert any("t-exits" in text for text in listener.texts)


def test_disabled_plugin_is_not_imported(distribution: Callable[..., None]) -> None:
    """What the user does not want is not even imported."""
    from vmon_core.host.plugin_host import PluginHost  # noqa: PLC0415 (another one than the fixture's)

    distribution("t-off", "raise AssertionError('imported')")
    host = PluginHost(disabled=["t-off"])
    host.load()
    assert "disabled" in reasons(host)["t-off"]


def test_two_distributions_with_one_name(host: PluginHost, distribution: Callable[..., None]) -> None:
    """Neither is loaded, and both are named."""
    distribution("t-one", GOOD.format(name="t-same"), plugin="t-same")
    distribution("t-two", GOOD.format(name="t-same"), plugin="t-same")
    host.load()
    assert "t-one 1.0" in reasons(host)["t-same"]
    assert "t-two 1.0" in reasons(host)["t-same"]


def test_unmet_requirement(host: PluginHost, distribution: Callable[..., None]) -> None:
    """A requirement that pip would have refused is told with what was found."""
    distribution("t-needs", GOOD.format(name="t-needs"), requires="vmon-core>=99")
    host.load()
    assert "vmon-core>=99 (found: 0." in reasons(host)["t-needs"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1", "does not implement vmon_plugin_info"),
        (GOOD.replace("{name}", "Bad Name"), "lower case letters"),
        (GOOD.format(name="t").replace('"1.0"', '"one"'), "is no version"),
        (GOOD.replace("return PluginInfo", "return dict"), "must return a PluginInfo"),
        (GOOD.replace("return PluginInfo", "raise ValueError"), "asking it who it is failed: TypeError"),
        (GOOD + "@hookimpl\ndef vmon_collect(tock): pass\n", "has no argument 'tock'"),
        (GOOD + "@hookimpl\ndef vmon_collect(*, tick): pass\n", "must be a plain argument"),
        (GOOD + "@hookimpl\ndef vmon_collect(tick=None): pass\n", "must not have a default"),
        (GOOD + "@hookimpl\ndef vmon_nonsense(): pass\n", "is no hook"),
        (GOOD + "@hookimpl(wrapper=True)\ndef vmon_stop(): yield\n", "is a wrapper"),
    ],
)
def test_wrong_plugin_is_rejected_with_its_reason(
    host: PluginHost, distribution: Callable[..., None], code: str, reason: str
) -> None:
    """Every mistake of an author has a message of its own, and nothing of the plugin stays."""
    distribution("t-wrong", code.format(name="t-wrong") if "{name}" in code else code)
    host.load()
    assert reason in reasons(host)["t-wrong"]
    assert "t-wrong" not in host.report.loaded
