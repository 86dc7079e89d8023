"""For every rule of the contract there is a plugin that breaks it and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import click
import pytest

from vmon_core.plugin import HOOK_API, Capability, PluginInfo, Risk, every, hookimpl
from vmon_core.records import Action, Finding, Sample, Severity, Target
from vmon_core.testing import check_plugin
from vmon_core.testing.rules import living

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Checkpoint, Frame, Tick, Verdict


class Plugin:
    """Keeps the contract; each class below breaks one rule of it."""

    more: Mapping[str, Any] = {}
    """Further fields of its `PluginInfo`."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(**{"name": "example", "version": "1.0", "summary": "An example", **self.more})


def broken(plugin: object) -> list[str]:
    """The rules that a plugin breaks, once each."""
    try:
        check_plugin(plugin)
    except AssertionError as error:
        return list(dict.fromkeys(line.partition(":")[0] for line in str(error).splitlines()))
    return []


def collecting(collect: Callable[[Tick], Any], timeout: str = "2s") -> Plugin:
    """A plugin whose collector is this function."""

    class Collecting(Plugin):
        @hookimpl
        @every("5s", timeout=timeout)
        def vmon_collect(self, tick: Tick) -> Any:
            return collect(tick)

    return Collecting()


def measuring(name: str = "room.temperature", value: float = 21.5, time: float = 0.0, **more: Any) -> Plugin:
    """A plugin that measures one number; `time` is seconds after the tick."""
    return collecting(lambda tick: [Sample(name, value, tick.time + time, **more)])


# --- what keeps it ---


@attrs.frozen(kw_only=True)
class Config:
    """One setting of each of the usual types."""

    switch: bool = True
    limit: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    paths: tuple[str, ...] = ()


class Good(Plugin):
    """Implements as much as it can, and well."""

    more: Mapping[str, Any] = {
        "config": Config,
        "provides": (Capability("room.temperature", "1.1"),),
        "requires": ("gpu.telemetry>=1",),
        "conflicts": ("other-plugin",),
        "needs": ("gpu.count>=1",),
        "environment": 'sys_platform == "linux"',
        "actions": {"open_window": Risk.NONE},
    }

    def __init__(self) -> None:
        self._end = threading.Event()
        self._seen = 0

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Begin, with a thread and a setting."""
        assert host.config("example").limit > 0
        self._end.clear()
        self._thread = threading.Thread(target=self._end.wait)
        self._thread.start()
        host.emit(samples=[Sample("room.started", 1.0, time.time())])
        host.say(Severity.INFO, "started")

    @hookimpl
    def vmon_stop(self) -> None:
        """End the thread; who waits for it is the contract."""
        self._end.set()

    @hookimpl
    async def vmon_collect(self, tick: Tick) -> Iterable[Sample]:
        """Measure, without blocking."""
        await asyncio.sleep(0)
        return [Sample("room.temperature", 21.5, tick.time, (("floor", "1"), ("wing", "w")), unit="celsius")]

    @hookimpl
    def vmon_targets(self) -> Iterator[Target]:
        """Find one."""
        yield Target(name="local")

    @hookimpl
    def vmon_facts(self) -> dict[str, str]:
        """Know one."""
        return {"room.count": "1"}

    @hookimpl
    def vmon_commands(self, cli: click.Group) -> None:
        """Add one."""
        cli.add_command(click.Command("room", help="Show the room."))

    @hookimpl
    def vmon_intervene(self, action: Action) -> None:
        """Must not be called."""
        raise AssertionError(action)

    @hookimpl
    def vmon_state(self) -> dict[str, int]:
        """Hand over."""
        return {"seen": self._seen}

    @hookimpl
    def vmon_restore(self, state: Mapping[str, Any]) -> None:
        """Take over."""
        self._seen = state["seen"]


def test_good_plugin_passes() -> None:
    """It says who it is, and may do all that there is to do."""
    assert check_plugin(Good()).name == "example"
    assert check_plugin(Good(), {"limit": 2.0}).name == "example"


def test_nothing_but_a_name_is_enough() -> None:
    """Every hook but one is optional."""
    assert broken(Plugin()) == []


# --- loading ---


def test_it_loads() -> None:
    """A mistyped hook is named."""

    class Mistyped(Plugin):
        @hookimpl
        def vmon_colect(self, tick: Tick) -> None:
            """Collect, it meant."""

    with pytest.raises(AssertionError, match="loads: vmon_colect is no hook"):
        check_plugin(Mistyped())


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import asyncio, sqlite3", "imports asyncio, sqlite3, ssl; import that inside"),
        ("import not_there", r"by itself fails: [\s\S]*No module named 'not_there'"),
        ("import sys; print('loaded', file=sys.stderr)", "prints 'loaded'"),
    ],
)
def test_it_imports_light(code: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, since this one has imported everything already."""
    (tmp_path / "vmon_heavy.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugin = type("Heavy", (Plugin,), {"__module__": "vmon_heavy"})()
    with pytest.raises(AssertionError, match=f"imports_light: importing vmon_heavy {complaint}"):
        check_plugin(plugin)


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"summary": ""}, "describes_itself"),
        ({"api": HOOK_API + 1}, "describes_itself"),
        ({"actions": {"open_window": Risk.NONE}}, "describes_itself"),
        ({"provides": (Capability("not a name"),)}, "loads"),
        ({"provides": (Capability("a.b", "new"),)}, "loads"),
        ({"requires": ("gpu.telemetry=>1",)}, "loads"),
        ({"conflicts": ("?",)}, "loads"),
        ({"needs": ("gpu.count>one",)}, "loads"),
        ({"environment": "on linux"}, "loads"),
    ],
    ids=str,
)
def test_it_describes_itself(more: dict[str, Any], rule: str) -> None:
    """Every text that somebody else has to read can be read; what the host itself cannot read is not even loaded."""
    plugin = Plugin()
    plugin.more = more
    assert broken(plugin) == [rule]


def test_interventions_have_a_kind() -> None:
    """What nobody can propose is never carried out."""

    class Idle(Plugin):
        @hookimpl
        def vmon_intervene(self, action: Action) -> None:
            """Wait in vain."""

    assert broken(Idle()) == ["describes_itself"]


@attrs.frozen
class Careless:
    """Takes anything."""

    setting: Any = None


@attrs.frozen
class Unbounded:
    """Takes what is no number."""

    limit: float = 1.0


class Plain:
    """No attrs class."""


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (Careless, "setting = .* is taken"),
        (Unbounded, "limit = nan is taken"),
        (Plain, "its .* Plain is no attrs class"),
    ],
)
def test_it_refuses_nonsense(config: type, complaint: str) -> None:
    """A mistake in the configuration is an error at the start, not a surprise at night."""
    plugin = Plugin()
    plugin.more = {"config": config}
    with pytest.raises(AssertionError, match=f"refuses_nonsense: {complaint}"):
        check_plugin(plugin)


# --- judging ---


class Alarmist(Plugin):
    """Finds something in nothing."""

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterator[Finding]:
        """Cry."""
        yield Finding(code="doom", severity=Severity.CRITICAL, summary="doom", time=window.now)


class Eager(Plugin):
    """Proposes something for nothing."""

    @hookimpl
    def vmon_guardrail(self, checkpoint: Checkpoint) -> list[Action]:
        """Act."""
        return [Action(id="1", kind="x", target="", reason="", policy="", time=checkpoint.time)]


class Undecided(Plugin):
    """Rules with a word of its own."""

    @hookimpl
    def vmon_review(self, action: Action, checkpoint: Checkpoint) -> Verdict:
        """Answer."""
        return "maybe"  # type: ignore[return-value]


class Fragile(Plugin):
    """Fails on an empty frame."""

    @hookimpl
    def vmon_export(self, frame: Frame) -> None:
        """Fail."""
        frame.samples[0]


class Exiting(Plugin):
    """Ends the whole process."""

    @hookimpl
    def vmon_lifecycle(self) -> None:
        """Exit."""
        raise SystemExit(3)


@pytest.mark.parametrize("kind", [Alarmist, Eager, Undecided, Fragile, Exiting])
def test_it_makes_nothing_of_nothing(kind: type[Plugin]) -> None:
    """Nothing known is nothing found."""
    assert broken(kind()) == ["makes_nothing_of_nothing"]


class Finder(Plugin):
    """Finds targets that are none."""

    @hookimpl
    def vmon_targets(self) -> list[Target]:
        """Find a text."""
        return ["local"]  # type: ignore[list-item]


class Grabber(Plugin):
    """Takes over whatever it is offered."""

    @hookimpl
    def vmon_adopt(self, target: Target) -> Any:
        """Take it."""
        return target


class Opener(Plugin):
    """Opens whatever it is offered."""

    @hookimpl
    def vmon_recording(self, path: Path) -> list[Frame]:
        """Open it."""
        return []


class Teller(Plugin):
    """Knows what cannot be compared."""

    @hookimpl
    def vmon_facts(self) -> dict[str, str]:
        """Tell."""
        return {"gpu.count": "many"}


@pytest.mark.parametrize("kind", [Finder, Grabber, Opener, Teller])
def test_it_knows_what_is_its_own(kind: type[Plugin]) -> None:
    """What is not there is nobody's."""
    assert broken(kind()) == ["knows_what_is_its_own"]


@pytest.mark.parametrize(("name", "text"), [("run", "Run."), ("room", None)])
def test_it_adds_commands(name: str, text: str | None) -> None:
    """Under names of its own, with help."""

    class Commander(Plugin):
        @hookimpl
        def vmon_commands(self, cli: click.Group) -> None:
            cli.add_command(click.Command(name, help=text))

    assert broken(Commander()) == ["adds_commands"]


# --- living ---


def test_it_lives_twice() -> None:
    """What can be started only once cannot be reloaded."""

    class Once(Plugin):
        started = False

        @hookimpl
        def vmon_start(self) -> None:
            if self.started:
                msg = "threads can only be started once"
                raise RuntimeError(msg)
            self.started = True

    assert broken(Once()) == ["lives_twice"]


def test_it_starts_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that hangs is left alone after five times its deadline."""
    released = threading.Event()
    monkeypatch.setattr("vmon_core.testing.subject._DEADLINES", {"vmon_start": 0.05})

    class Hanging(Plugin):
        @hookimpl
        def vmon_start(self) -> None:
            released.wait()

    with pytest.raises(AssertionError, match=r"lives_twice: vmon_start is not back after 0\.25 s"):
        check_plugin(Hanging())
    released.set()


@pytest.mark.parametrize("kind", ["thread", "file", "child"])
def test_it_leaves_nothing(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread, a file and a process that outlive `vmon_stop`."""
    monkeypatch.setattr("vmon_core.testing.leaks.left_behind.__defaults__", (0.0,))
    release, kept = threading.Event(), []

    class Leaky(Plugin):
        @hookimpl
        def vmon_start(self) -> None:
            if kind == "thread":
                threading.Thread(target=release.wait, daemon=True).start()
            elif kind == "file":
                kept.append((tmp_path / "kept").open("w"))
            else:
                kept.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE))

    try:
        assert broken(Leaky()) == ["leaves_nothing"]
    finally:
        release.set()
        for each in kept:
            with each:
                pass


def test_it_collects_in_time() -> None:
    """It has five times as long as its own schedule names."""
    released = threading.Event()
    with pytest.raises(AssertionError, match=r"collects_in_time: vmon_collect is not back after 0\.25 s"):
        check_plugin(collecting(lambda _: released.wait(), timeout="50ms"))
    released.set()


@pytest.mark.parametrize("found", [[42], 42, ["text"]], ids=str)
def test_it_collects_records(found: object) -> None:
    """Nothing but samples and evidence."""
    assert broken(collecting(lambda _: found)) == ["collects_records"]


def test_it_survives_lost_targets() -> None:
    """A server that is gone is no reason to fail."""

    def collect(tick: Tick) -> list[Sample]:
        if tick.target.url:
            msg = "connection refused"
            raise ConnectionError(msg)
        return []

    assert broken(collecting(collect)) == ["survives_lost_targets"]


@pytest.mark.parametrize(
    "plugin",
    [
        measuring(name="temperature"),
        measuring(name="Room.Temperature"),
        measuring(unit="degrees celsius"),
        measuring(value=float("nan")),
        measuring(value=None),  # type: ignore[arg-type]
        measuring(time=-living.READING_AGE * 2),
        measuring(labels=(("b", "1"), ("a", "2"))),
    ],
    ids=["one word", "capitals", "unit", "nan", "none", "old", "labels"],
)
def test_it_measures_soundly(plugin: Plugin) -> None:
    """Names, units, values, labels and times that others can use."""
    assert broken(plugin) == ["measures_soundly"]


def test_it_measures_steadily() -> None:
    """One name stands for one thing."""
    units = iter(["bytes", "seconds", "bytes", "seconds"])
    plugin = collecting(lambda tick: [Sample("a.b", 1.0, tick.time, unit=next(units))])
    assert broken(plugin) == ["measures_steadily"]


class Halfway(Plugin):
    """Hands over, and takes nothing over."""

    @hookimpl
    def vmon_state(self) -> dict[str, int]:
        """Hand over."""
        return {"seen": 1}


class Complicated(Halfway):
    """Hands over what is no plain data."""

    @hookimpl
    def vmon_state(self) -> dict[str, Any]:
        """Hand over."""
        return {"seen": {1, 2}}

    @hookimpl
    def vmon_restore(self, state: Mapping[str, Any]) -> None:
        """Take over."""


class Forgetful(Complicated):
    """Changes what it was handed."""

    seen = 0

    @hookimpl
    def vmon_state(self) -> dict[str, int]:
        """Hand over."""
        self.seen += 1
        return {"seen": self.seen}


@pytest.mark.parametrize("kind", [Halfway, Complicated, Forgetful])
def test_it_hands_over(kind: type[Plugin]) -> None:
    """What its next version gets is what it had."""
    assert broken(kind()) == ["hands_over"]


def test_it_prints_nothing() -> None:
    """The terminal belongs to the monitor."""

    def collect(_: Tick) -> list[Sample]:
        print("looking")
        return []

    with pytest.raises(AssertionError, match=r"prints_nothing: it prints 'looking\\n"):
        check_plugin(collecting(collect))


def test_it_prints_nothing_while_it_is_loaded() -> None:
    """The host keeps such prints apart; they are told all the same."""

    class Chatty(Plugin):
        @hookimpl
        def vmon_plugin_info(self) -> PluginInfo:
            print("who, me?")
            return super().vmon_plugin_info()

    with pytest.raises(AssertionError, match=r"prints_nothing: it prints .*who, me\?"):
        check_plugin(Chatty())


def test_every_broken_rule_is_told_at_once() -> None:
    """An author mends all in one go."""

    class Bad(Alarmist):
        more: Mapping[str, Any] = {"summary": ""}

    assert broken(Bad()) == ["describes_itself", "makes_nothing_of_nothing"]
