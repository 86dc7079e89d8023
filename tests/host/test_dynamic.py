"""Code plugins at the host: how a caller's words are understood, and who is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.dynamic import OPERATOR, CodeKind, CodePlugin, CodeRejectedError, Trial
from vmon_core.errors import VmonError
from vmon_core.host.dynamic import code_plugin
from vmon_core.plugin import PluginInfo, hookimpl

if TYPE_CHECKING:
    from vmon_core.host.plugin_host import PluginHost


class Runner:
    """Runs nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.plugins: dict[str, CodePlugin] = {}
        self.asked: list[Any] = []

    def attempt(self, plugin: CodePlugin, checkpoint: Any = None) -> Trial:
        """Say what was tried."""
        return Trial(value=plugin.code)

    def create(self, plugin: CodePlugin, checkpoint: Any = None) -> CodePlugin:
        """Keep it."""
        self.plugins[plugin.name] = attrs.evolve(plugin, version=1)
        return self.plugins[plugin.name]

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Forget it."""
        del self.plugins[name]

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Remember it."""
        self.asked.append((name, version))
        return self.plugins[name]

    def describe(self) -> tuple[dict[str, Any], ...]:
        """Name them."""
        return tuple({"name": name} for name in self.plugins)

    def functions(self) -> tuple[Any, ...]:
        """None are granted."""
        return ()


@attrs.frozen
class Settings:
    """Of the plugin below."""

    plugins: int = 3


class Sandbox:
    """A plugin that offers a runner."""

    def __init__(self, runner: object) -> None:
        self.runner = runner
        self.given: list[Any] = []

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="box", version="1", config=Settings)

    @hookimpl
    def vmon_code_plugins(self, documents: Any, config: Any) -> Any:
        """Offer it."""
        self.given.append((documents, config))
        return self.runner


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("collector", CodeKind.COLLECTOR),
        ("Lifecycle Listener", CodeKind.LIFECYCLE),
        ("lifecycle_listener", CodeKind.LIFECYCLE),
        ("lifecycle", CodeKind.LIFECYCLE),
        ("exporter transform", CodeKind.EXPORTER),
        (CodeKind.INTERVENTION, CodeKind.INTERVENTION),
    ],
)
def test_types_in_plain_words(word: str, kind: CodeKind) -> None:
    """As people write them."""
    assert code_plugin("a", word, "return 1").kind is kind


@pytest.mark.parametrize(
    ("arguments", "help_"),
    [(("a", "colector", "return 1"), "collector"), (("a", "collector", "return 1", "", "intervall"), "interval")],
)
def test_a_wrong_word_is_refused_with_the_right_ones(arguments: tuple[str, ...], help_: str) -> None:
    """As a problem that an agent can act on."""
    name, word, code, *rest = arguments
    options = dict.fromkeys(rest[1:], 1.0)
    with pytest.raises(CodeRejectedError) as caught:
        code_plugin(name, word, code, **options)
    assert help_ in caught.value.problems[0].help


def test_seconds_are_numbers() -> None:
    """A text is refused, not compared with one."""
    with pytest.raises(CodeRejectedError, match="interval is '5s'"):
        code_plugin("a", "collector", "return {}", interval="5s")


def test_without_a_runner(host: PluginHost) -> None:
    """The error says what to install; there is nothing to list."""
    assert host.code_plugins() == ()
    with pytest.raises(VmonError, match="pip install vmon-plugin-sandbox"):
        host.create_plugin("a", "collector", "return {}")


def test_the_runner_is_asked_once_and_does_the_work(host: PluginHost) -> None:
    """With the plugin's own configuration."""
    box = Sandbox(Runner())
    host.register(box)
    assert not box.given
    plugin = host.create_guardrail("hot", "too hot", "return True", "notify", hold_for=5.0)
    assert (plugin.version, plugin.kind, plugin.actions, plugin.hold_for) == (1, CodeKind.GUARDRAIL, ("notify",), 5.0)
    assert host.try_plugin("b", "collector", "return {}").value == "return {}"
    assert host.code_plugins() == ({"name": "hot"},)
    assert host.back_out_plugin("hot", 1) == plugin
    host.remove_plugin("hot")
    assert host.code_plugins() == ()
    assert [config for _, config in box.given] == [Settings()]


def test_another_runner_is_asked_when_the_first_is_gone(host: PluginHost) -> None:
    """With the same documents; when any other plugin goes, nothing changes."""
    first, second = Sandbox(Runner()), Sandbox(Runner())
    host.register(first)
    host.register(Sandbox(None), "other")
    host.create_plugin("a", "collector", "return {}")
    host.unregister("other")
    assert len(host.code_plugins()) == 1
    assert len(first.given) == 1
    host.unregister("box")
    assert host.code_plugins() == ()
    host.register(second)
    host.create_plugin("b", "collector", "return {}")
    assert host.code_plugins() == ({"name": "b"},)
    assert second.given[0][0] is first.given[0][0]


def test_a_runner_that_is_none_of_it(host: PluginHost) -> None:
    """It costs the plugin its name, not the caller a crash."""
    host.register(Sandbox(object()))
    with pytest.raises(VmonError, match="expected"):
        host.create_plugin("a", "collector", "return {}")
