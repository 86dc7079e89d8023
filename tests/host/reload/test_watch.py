"""The watch of folders, with real files and whatever the system offers to notify of changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import watchfiles
from tests.host.reload.conftest import counter

from vmon_core.host.reload.watch import FolderWatch
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.host.reload.conftest import Bench


def write_until(bench: Bench, source: str, condition: Callable[[], object]) -> None:
    """Write the plugin's file, again now and then: the watch may have begun just after the first time."""
    written = 0.0

    def met() -> object:
        nonlocal written
        if time.monotonic() - written > 3.0:
            written = time.monotonic()
            bench.write("counter", source)
        return condition()

    wait_until(met, 30.0)


@pytest.mark.parametrize("polling", [False, True])
def test_files_are_followed(make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, polling: bool) -> None:  # noqa: FBT001 (a parameter)
    """A new file is loaded, a half-written one is refused with the reason, a good one is taken, a deleted one goes."""
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "true" if polling else "false")
    bench = make_bench(watch=True)
    write_until(bench, counter("1.0"), lambda: bench.version("counter") == "1.0")
    write_until(bench, "def broken(:\n", lambda: "counter.py is not taken into use" in bench.texts())
    assert "SyntaxError" in bench.texts()
    assert bench.version("counter") == "1.0"
    write_until(bench, counter("2.0"), lambda: bench.version("counter") == "2.0")
    (bench.folder / ".#counter.py").write_text("rubbish(")
    (bench.folder / "counter.py~").write_text("rubbish(")
    (bench.folder / "counter.py").unlink()
    wait_until(lambda: not bench.version("counter"))
    assert "rubbish" not in bench.texts()


def test_without_inotify_it_polls(make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system's limit is reached, it says so and goes on by looking twice a second."""
    real = watchfiles.watch

    def limited(*paths: Path, force_polling: bool | None, **options: Any) -> Any:
        if not force_polling:
            msg = "OS file watch limit reached"
            raise OSError(msg)
        return real(*paths, force_polling=True, **options)

    monkeypatch.setattr(watchfiles, "watch", limited)
    bench = make_bench(watch=True)
    write_until(bench, counter("1.0"), lambda: bench.version("counter") == "1.0")
    assert "does not notify of changes (OS file watch limit reached)" in bench.texts()


def test_nothing_to_watch_costs_nothing(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """No thread for no folder; one that does not exist is told."""
    bench = make_bench()
    watch = FolderWatch(bench.monitor.reloader, [tmp_path / "missing"], bench.monitor.feedback.say)
    watch.start()
    assert watch._thread is None
    assert "there is no such folder" in bench.texts()


def test_saves_of_one_moment_may_need_each_other(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The order of their names does not matter: one is tried again after the one that it needs."""
    bench = make_bench(counter=counter("1.0"))
    wants = (
        counter("1.0")
        .replace('name="counter"', 'name="alone"')
        .replace("provides=", 'requires=("count>=2",), provides=')
    )
    paths = [
        bench.write("alone", wants.replace('"count", "1.0"', '"other", "1.0"')),
        bench.write("counter", counter("2.0", provides="2.0")),
    ]
    FolderWatch(bench.monitor.reloader, [bench.folder], bench.monitor.feedback.say)._follow(paths)
    assert (bench.version("counter"), bench.version("alone")) == ("2.0", "1.0")
    assert "not taken into use" not in bench.texts()


def test_renamed_plugin_is_loaded_under_its_new_name(make_bench: Callable[..., Bench]) -> None:
    """The old one goes first: both own the same kind of action."""
    owner = (
        counter("1.0")
        .replace("provides=", 'actions={"restart": Risk.INTERRUPTS}, provides=')
        .replace("PluginInfo, every", "PluginInfo, Risk, every")
    )
    bench = make_bench(counter=owner)
    paths = [bench.write("before", owner), bench.folder / "counter.py"]
    paths[1].unlink()
    FolderWatch(bench.monitor.reloader, [bench.folder], bench.monitor.feedback.say)._follow(paths)
    assert (bench.version("counter"), bench.version("before")) == ("", "1.0")
    assert "not taken into use" not in bench.texts()
