"""Loading: what hangs, prints or is required; and that nothing is imported before it has to be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.host.test_discovery import GOOD, reasons

from vmon_core.config import Config, PluginsConfig
from vmon_core.errors import PluginError
from vmon_core.host.discovery import discover
from vmon_core.host.plugin_host import PluginHost
from vmon_core.monitor import make_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.conftest import Listener

HANG = "import threading\nthreading.Event().wait()"


def test_discovery_imports_nothing(distribution: Callable[..., None]) -> None:
    """Fifty plugins are found, none of them is imported."""
    for number in range(50):
        distribution(f"t-many{number}", "raise AssertionError('imported')")
    names = {c.name for c in discover() if c.name.startswith("t-many")}
    assert len(names) == 50
    assert not [module for module in sys.modules if module.startswith("t_many")]


def test_plugin_that_hangs(listener: Listener, distribution: Callable[..., None]) -> None:
    """It costs its deadline, wherever it hangs, and the others are loaded."""
    distribution("t-hangs", HANG)
    distribution(
        "t-silent", GOOD.format(name="t-silent").replace("    return", f"    {HANG.replace(chr(10), '; ')}; return")
    )
    distribution("t-good", GOOD.format(name="t-good"))
    host = PluginHost(listener.say, patience=0.5)
    assert "t-good" in host.load().loaded
    assert reasons(host)["t-hangs"] == "importing t_hangs took longer than 0.5 s"
    assert reasons(host)["t-silent"] == "asking it who it is took longer than 0.5 s"


def test_configuration_that_hangs(distribution: Callable[..., None]) -> None:
    """The validators of a plugin's class are the plugin's code too."""
    code = GOOD.format(name="t-slow").replace('version="1.0"', 'version="1.0", config=Slow')
    distribution(
        "t-slow", f"class Slow:\n    def __init__(self):\n        import threading; threading.Event().wait()\n{code}"
    )
    host = PluginHost(patience=0.5)
    host.load()
    assert reasons(host)["t-slow"] == "configuring it took longer than 0.5 s"


def test_plugin_that_prints(
    listener: Listener, distribution: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is loaded; what it printed is told, and does not spoil the output."""
    distribution("t-chatty", "print('hello')\n" + GOOD.format(name="t-chatty"))
    assert "t-chatty" in PluginHost(listener.say).load().loaded
    assert any("importing t_chatty: it printed something" in text for text in listener.texts)
    assert capsys.readouterr().out == ""


def test_registration_that_breaks_off(
    host: PluginHost, distribution: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older versions of pluggy read every attribute, which may fail; who needs such a plugin is told so."""
    provider = GOOD.format(name="t-base").replace('"1.0"', '"1.0", provides=(Capability("t.x"),)')
    distribution("t-base", provider.replace("import PluginInfo", "import Capability, PluginInfo"))
    distribution("t-upper", GOOD.format(name="t-upper").replace('"1.0"', '"1.0", requires=("t.x",)'))
    register = host._registrar._manager.register

    def breaks_off(plugin: object, name: str) -> None:
        register(plugin, name)
        if name == "t-base":
            raise SystemExit(1)

    monkeypatch.setattr(host._registrar._manager, "register", breaks_off)
    assert {"system", "vllm"} <= set(host.load().loaded)
    assert reasons(host)["t-base"] == "registering it failed: SystemExit: 1"
    assert "t-base (t-base 1.0) would provide it, but is rejected" in reasons(host)["t-upper"]


def test_required_plugin_that_is_rejected_stops_the_start(distribution: Callable[..., None]) -> None:
    """The error says why it is not loaded, and what would help."""
    distribution("t-guard", GOOD.format(name="t-guard"), requires="no-such-distribution>=2")
    with pytest.raises(
        PluginError, match=r"'t-guard', which \[plugins\] requires, is not loaded: t-guard 1.0 needs no-such"
    ):
        make_host(Config(plugins=PluginsConfig(required=("t-guard",))))


def test_required_plugin_that_is_not_installed() -> None:
    """There is a reason for that as well."""
    with pytest.raises(PluginError, match="nothing that is installed announces it"):
        make_host(Config(plugins=PluginsConfig(required=("t-nowhere",))))


def test_safe_mode_requires_nothing() -> None:
    """It is there to start at all."""
    host = make_host(Config(plugins=PluginsConfig(required=("t-nowhere",), safe_mode=True)))
    assert host.report.loaded == ("notify", "cost")


def test_required_plugin_that_is_loaded() -> None:
    """Nothing happens."""
    assert "vllm" in make_host(Config(plugins=PluginsConfig(required=("vllm", "notify")))).report.loaded
