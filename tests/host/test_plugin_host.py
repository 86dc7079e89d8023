"""The host: registration, configuration, owners, beginning and end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.config import PluginsConfig
from vmon_core.errors import PluginError
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.window import Window
from vmon_core.plugin import Isolation, PluginInfo, Risk, hookimpl
from vmon_core.records import Action, Checkpoint, Target

if TYPE_CHECKING:
    from tests.host.conftest import Listener


ACTION = Action(id="1", kind="restart", target="t", reason="r", policy="p", time=0.0)
CHECKPOINT = Checkpoint(id="1", time=0.0, target="t", state=LifecycleState.HUNG, transition=StateTransition.STALL)


@attrs.frozen
class Settings:
    """A plugin's configuration."""

    limit: int = attrs.field(default=5, validator=attrs.validators.gt(0))


class Plugin:
    """A plugin that notes what happens to it."""

    def __init__(self, name: str = "one", *, fails: bool = False, **info: Any) -> None:
        self.name = name
        self.info = info
        self.fails = fails
        self.seen: list[str] = []

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name=self.name, version="1.0", **self.info)

    @hookimpl
    def vmon_start(self, host: Any) -> None:
        """Note it, or fail."""
        self.seen.append("start")
        if self.fails:
            raise SystemExit(1)

    @hookimpl
    def vmon_stop(self) -> None:
        """Note it, or fail."""
        self.seen.append("stop")
        if self.fails:
            raise RuntimeError


def test_start_and_stop_whatever_others_do(host: PluginHost, listener: Listener) -> None:
    """A plugin that exits on start and fails on stop costs nobody else anything."""
    bad, good = Plugin("bad", fails=True), Plugin("good")
    for plugin in (bad, good):
        host.register(plugin)
    host.start(lambda plugin: None)  # type: ignore[arg-type, return-value]  # these plugins ask nothing of their host
    host.stop()
    assert bad.seen == good.seen == ["start", "stop"]
    assert any("bad: vmon_start failed: SystemExit" in text for text in listener.texts)


def test_two_owners_of_an_action(host: PluginHost) -> None:
    """Only one plugin may carry out a kind of action; the error names both."""
    host.register(Plugin("one", actions={"restart": Risk.INTERRUPTS}))
    with pytest.raises(PluginError, match=r"both one .*and two .*want to carry out 'restart'; one stays"):
        host.register(Plugin("two", actions={"restart": Risk.INTERRUPTS}))
    assert [p.info.name for p in host.plugins] == ["one"]


def test_object_of_this_process_stays_in_it(host: PluginHost, listener: Listener) -> None:
    """It cannot be moved to a process of its own, and who relies on one hears of it."""
    host.register(Plugin("one", isolation=Isolation.PROCESS))
    assert host.plugins[0].describe()["isolation"] == "thread"
    assert "one wants a process of its own, and is in ours" in listener.texts[0]


def test_same_name_twice(host: PluginHost) -> None:
    """A name is used once."""
    host.register(Plugin("one"))
    with pytest.raises(PluginError, match="is loaded already"):
        host.register(Plugin("one"))


def test_unregister_frees_name_and_hooks(host: PluginHost) -> None:
    """What is taken out of use is not called any more, and its name is free."""
    host.register(Plugin("one"))
    host.unregister("one")
    assert host.plugins == ()
    host.register(Plugin("one"))


def test_configuration_of_a_plugin() -> None:
    """A table becomes the plugin's own object; without one it gets its defaults."""
    host = PluginHost(config=PluginsConfig(tables={"one": {"limit": 7}}))
    host.register(Plugin("one", config=Settings))
    host.register(Plugin("two", config=Settings))
    assert (host.config("one"), host.config("two")) == (Settings(7), Settings(5))
    with pytest.raises(PluginError, match="no plugin 'three'"):
        host.config("three")


@pytest.mark.parametrize(
    ("table", "config", "message"),
    [
        ({"limitt": 7}, Settings, "limitt"),
        ({"limit": "x"}, Settings, "limit"),
        ({"limit": 0}, Settings, "'limit' must be > 0: 0$"),
        ({"a": 1}, None, "takes no config"),
    ],
)
def test_wrong_table_rejects_the_plugin(table: dict[str, object], config: type | None, message: str) -> None:
    """The message names the table and the key."""
    host = PluginHost(config=PluginsConfig(tables={"one": table}))
    with pytest.raises(PluginError, match=message):
        host.register(Plugin("one", config=config))


def test_description_is_plain(host: PluginHost) -> None:
    """What `vmon plugins` prints has the name, the hooks and how the plugin fares."""
    described = host.register(Plugin("one")).describe()
    assert described["hooks"] == ["vmon_plugin_info", "vmon_start", "vmon_stop"]
    assert (described["failures"], described["stuck"], described["origin"]) == (0, False, "this process")


def test_implementation_under_another_function_name(host: PluginHost) -> None:
    """The name under which it stands in the plugin counts, not the one that a decorator left on the function."""

    class Decorated(Plugin):
        vmon_analyze: Any = hookimpl(lambda self, window: [])

    host.register(Decorated())
    assert host.hooks.analyze(Window(Target(name="t"), Facts())) == []
    assert "vmon_analyze" in host.plugins[0].describe()["hooks"]


def test_same_object_twice(host: PluginHost) -> None:
    """One object is one plugin, and the error says which."""
    plugin = Plugin("one")
    host.register(plugin)
    with pytest.raises(PluginError, match="under the name 'one'"):
        host.register(plugin, "two")
    assert host.report.loaded == ("one",)


def test_rejected_plugin_leaves_nothing(host: PluginHost) -> None:
    """A plugin that could not be registered can be, once it is mended."""
    plugin = Plugin("one")
    with pytest.raises(PluginError, match="lower case"):
        host.register(plugin, "Not A Name")
    host.register(plugin, "one")


def test_hook_on_an_instance_is_checked(host: PluginHost) -> None:
    """It is refused like any other, and nothing of its plugin stays."""
    plugin = Plugin("one")
    plugin.vmon_analyze = hookimpl(lambda windows: [])  # type: ignore[attr-defined]  # that is what the test is about
    with pytest.raises(PluginError, match="no argument 'windows'"):
        host.register(plugin)
    del plugin.vmon_analyze  # type: ignore[attr-defined]
    host.register(plugin)


def test_class_is_no_plugin(host: PluginHost) -> None:
    """A forgotten pair of brackets is told as such."""
    with pytest.raises(PluginError, match=r"announce an instance of it, such as plugin = Plugin\(\)"):
        host.register(Plugin)


def test_registration_that_breaks_off(host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions of pluggy read every attribute of a plugin they have noted already: nothing of it stays."""
    register = host._registrar._manager.register

    def breaks_off(plugin: object, name: str) -> None:
        register(plugin, name)
        raise SystemExit(1)

    plugin = Plugin("one")
    with monkeypatch.context() as patch:
        patch.setattr(host._registrar._manager, "register", breaks_off)
        with pytest.raises(PluginError, match="registering it failed: SystemExit: 1"):
            host.register(plugin)
    assert host.plugins == ()
    host.register(plugin)


def test_plugin_that_could_not_be_started_is_not_called(host: PluginHost) -> None:
    """It was quarantined from the start: as a reviewer it denies. It is stopped, and used once it could be started."""

    class Reviewer(Plugin):
        @hookimpl
        def vmon_review(self, action: Action) -> None:
            self.seen.append("review")

    def denied() -> list[str]:
        return [v.reason for v in host.hooks.review(ACTION, CHECKPOINT)]

    plugin = Reviewer("one", fails=True)
    loaded = host.register(plugin)
    host.start(lambda plugin: None)  # type: ignore[arg-type, return-value]  # these plugins ask nothing of their host
    assert denied() == ["the review failed: it is out of service"]
    assert loaded.describe()["quarantined"]
    host.stop()
    plugin.fails = False
    host.start(lambda plugin: None)  # type: ignore[arg-type, return-value]
    assert denied() == []
    assert plugin.seen == ["start", "stop", "start", "review"]


@pytest.mark.parametrize("hook", ["start", "stop"])
def test_hanging_start_or_stop_keeps_nobody(listener: Listener, hook: str) -> None:
    """The user gets their prompt back, the other plugin is served, and who hangs is told."""
    release = threading.Event()

    class Hangs(Plugin):
        @hookimpl
        def vmon_start(self, host: Any) -> None:
            if hook == "start":
                release.wait(30)

        @hookimpl
        def vmon_stop(self) -> None:
            if hook == "stop":
                release.wait(30)

    host = PluginHost(listener.say, patience=0.1)
    good, hangs, last = Plugin("good"), Hangs("hangs"), Plugin("last")
    for plugin in (good, hangs, last):
        host.register(plugin)
    try:
        host.start(lambda plugin: None)  # type: ignore[arg-type, return-value]  # these plugins ask nothing of their host
        host.stop()
        assert good.seen == last.seen == ["start", "stop"]
        assert [text for text in listener.texts if f"hangs: vmon_{hook} has not returned" in text]
    finally:
        release.set()
        for thread in threading.enumerate():
            if thread.name == f"vmon-hangs-vmon_{hook}":
                thread.join(5)
                assert not thread.is_alive()
