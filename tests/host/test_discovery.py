"""Which plugins are loaded, which are not, and why: one broken plugin costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.config import PluginsConfig
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.resolution.records import Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.host.conftest import Listener

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
    distribution("t-off", "raise AssertionError('imported')")
    host = PluginHost(config=PluginsConfig(disabled=("t-off",)))
    host.load()
    assert "disabled" in reasons(host)["t-off"]


def test_safe_mode_imports_nothing(distribution: Callable[..., None]) -> None:
    """To find out whether a plugin is the trouble, none is loaded."""
    distribution("t-off", "raise AssertionError('imported')")
    host = PluginHost(config=PluginsConfig(safe_mode=True))
    assert host.load() == Report()


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
        (GOOD + "@hookimpl\nasync def vmon_analyze(window): pass\n", "only vmon_collect may be async"),
        (GOOD + "@hookimpl(specname='vmon_stop')\ndef vmon_start(host): pass\n", "must have the name of its hook"),
        (GOOD.replace(", version", ', actions={{"x": 1}}, version'), "a mapping of kinds to a Risk"),
        (GOOD.replace(", version", ", actions=5, version"), "a mapping of kinds to a Risk"),
        (GOOD + "@hookimpl\ndef vmon_analyze(window: 'vmon_core.records.Tick'): pass\n", "window is a Window, not a"),
        (GOOD + "@hookimpl\ndef vmon_recording(path: str): pass\n", "path is a Path, not a str"),
        (
            GOOD + "@hookimpl\ndef vmon_analyze(window) -> 'list[Action]': pass\n",
            "returns Iterable[Finding], not list[A",
        ),
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


@pytest.mark.parametrize(
    "hook",
    [
        "vmon_analyze(window: 'Window') -> 'Iterator[Finding] | None'",
        "vmon_analyze(window: 'Any') -> 'list[Finding]'",
        "vmon_collect(tick: Tick) -> list[Sample]",
        "vmon_recording(path: pathlib.Path) -> None",
        "vmon_lifecycle(change: 'TheirAlias')",
    ],
)
def test_right_annotations_are_no_reason(host: PluginHost, distribution: Callable[..., None], hook: str) -> None:
    """Narrower answers, classes instead of text, aliases and no annotations at all are an author's choice."""
    imports = "import pathlib\nfrom vmon_core.records import Sample, Tick\n"
    distribution("t-annotated", f"{imports}{GOOD.format(name='t-annotated')}@hookimpl\ndef {hook}: pass\n")
    host.load()
    assert "t-annotated" in host.report.loaded


UNSPEAKABLE = """
class Unspeakable(Exception):
    def __str__(self):
        raise ValueError

raise Unspeakable
"""


def test_exception_that_cannot_be_put_into_words(host: PluginHost, distribution: Callable[..., None]) -> None:
    """Even its own text may fail: then its type must do."""
    distribution("t-unspeakable", UNSPEAKABLE)
    host.load()
    assert reasons(host)["t-unspeakable"] == "importing t_unspeakable failed: Unspeakable"


def test_name_of_an_entry_point_is_checked(host: PluginHost, distribution: Callable[..., None]) -> None:
    """It becomes a table of the configuration, whatever the plugin calls itself."""
    distribution("t-named", GOOD.format(name="t-named"), plugin="Bad Name")
    host.load()
    assert "lower case letters" in reasons(host)["Bad Name"]


def test_one_object_under_two_names(host: PluginHost, distribution: Callable[..., None]) -> None:
    """The second entry point is rejected, and says under which name the object is in use."""
    distribution("t-twice", GOOD.format(name="t-twice"), plugin="t-again = t_twice\nt-once")
    host.load()
    assert "t-again" in host.report.loaded
    assert reasons(host)["t-once"] == "it is loaded already, under the name 't-again'"


@pytest.mark.parametrize("metadata", ["Version: 1.0\n", "Name: t-damaged\n"])
def test_metadata_that_lack_a_field(
    host: PluginHost, distribution: Callable[..., None], tmp_path: Path, metadata: str
) -> None:
    """A distribution without name or version is named by its entry point; the others are loaded."""
    distribution("t-good", GOOD.format(name="t-good"))
    distribution("t-damaged", GOOD.format(name="t-damaged"))
    (tmp_path / "t_damaged-1.0.dist-info" / "METADATA").write_text(metadata)
    host.load()
    assert "metadata of its distribution cannot be read" in reasons(host)["t-damaged"]
    assert "t-good" in host.report.loaded


def test_entry_points_that_are_no_text(host: PluginHost, distribution: Callable[..., None], tmp_path: Path) -> None:
    """One damaged file does not hide the plugins of all other distributions."""
    distribution("t-good", GOOD.format(name="t-good"))
    distribution("t-damaged", "")
    (tmp_path / "t_damaged-1.0.dist-info" / "entry_points.txt").write_bytes(b"[vmon.plugins]\nx = \xff\n")
    host.load()
    assert "entry points cannot be read: UnicodeDecodeError" in reasons(host)["t-damaged"]
    assert {"t-good", "vllm", "system"} <= set(host.report.loaded)


def test_unreadable_requirement_is_passed_over(host: PluginHost, distribution: Callable[..., None]) -> None:
    """What pip let pass is no reason of ours; markers that do not hold are none either."""
    distribution("t-odd", GOOD.format(name="t-odd"), requires="((odd\nRequires-Dist: nothing; python_version < '3'")
    host.load()
    assert "t-odd" in host.report.loaded
