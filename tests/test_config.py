"""Configuration: search order, strict reading with useful errors, secrets, and the files it writes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.config import (
    Config,
    PluginsConfig,
    default_text,
    find_config,
    load_config,
    resolve_secrets,
    to_dict,
    to_toml,
)
from vmon_core.config.options import (
    Distributions,
    Versions,
    read_duration,
    read_size,
    write_duration,
    write_size,
)
from vmon_core.errors import ConfigError
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Checkpoint, GateMode, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[[str], Config]

COMPLETE = """
[monitor]
interval = "500ms"
name = "prod"
data_dir = "~/vmon"
[journal]
max_age = "7d"
max_size = "1GiB"
[gate]
mode = "suggest"
kinds = { notify = "auto" }
kill_switch = "/run/off"
[stop]
second_term_after = 3
[feedback]
level = "warning"
[plugins]
disabled = ["system"]
required = ["vllm"]
pins = { system = "<0.3" }
blocked = { "vmon-plugin-foo<1.2" = "hangs" }
isolated = ["nvidia"]
folders = ["~/plugins"]
safe_mode = true
[plugins.vllm]
api_key = { env = "KEY" }
[[guardrails]]
name = "hang"
state = ["HUNG", "CRASHED"]
severity = "critical"
hold_for = "5s"
cooldown = 0
parameters = { text = "look" }
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a text as a configuration file."""

    def read(text: str) -> Config:
        path = tmp_path / "vmon.toml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)

    return read


def problems(load: Load, text: str) -> list[str]:
    """The lines of the error that `text` leads to, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [line.partition("vmon.toml:")[2] for line in str(caught.value).splitlines()]


def checkpoint(state: LifecycleState, *findings: str) -> Checkpoint:
    """A checkpoint for guardrails."""
    return Checkpoint(
        id="1", time=0.0, target="t", state=state, transition=StateTransition.STALL, findings=tuple(findings)
    )


# --- reading ---


def test_complete_file(load: Load) -> None:
    """Every table arrives, in the units that the code uses."""
    config = load(COMPLETE)
    assert (config.monitor.interval, config.monitor.name) == (0.5, "prod")
    assert config.data_dir == Path.home() / "vmon"
    assert config.journal_path == Path.home() / "vmon/journal.db"
    assert config.journal.max_age == 7 * 86400.0
    assert config.journal.max_size == 2**30
    assert (config.gate.mode, config.gate.kinds) == (GateMode.SUGGEST, {"notify": GateMode.AUTO})
    assert config.gate.kill_switch == Path("/run/off")
    assert (config.stop.second_term_after, config.stop.kill_after) == (3.0, 10.0)
    assert config.feedback.level is Severity.WARNING
    assert config.plugins.tables == {"vllm": {"api_key": {"env": "KEY"}}}
    assert config.source is not None


def test_settings_of_plugins(load: Load) -> None:
    """The keys of `[plugins]` that are no plugin's table."""
    assert load(COMPLETE).plugins == PluginsConfig(
        disabled=("system",),
        required=("vllm",),
        pins={"system": Versions("<0.3")},
        blocked={Distributions("vmon-plugin-foo<1.2"): "hangs"},
        isolated=("nvidia",),
        folders=(Path.home() / "plugins",),
        safe_mode=True,
        tables={"vllm": {"api_key": {"env": "KEY"}}},
    )


def test_plugin_may_have_any_name_that_is_no_setting(load: Load) -> None:
    """Even one that the code uses for something else."""
    assert load("[plugins.tables]\na = 1").plugins.tables == {"tables": {"a": 1}}


def test_empty_file_is_the_defaults(load: Load) -> None:
    """A file that says nothing changes nothing."""
    assert load("") == Config()


def test_guardrail_over_states(load: Load) -> None:
    """A guardrail becomes a policy whose condition looks at the state."""
    (policy,) = load(COMPLETE).policies
    assert (policy.name, policy.intervention, policy.severity) == ("hang", "notify", Severity.CRITICAL)
    assert (policy.hold_for, policy.cooldown, policy.mode) == (5.0, 0.0, None)
    assert policy.parameters == {"text": "look"}
    assert policy.condition(checkpoint(LifecycleState.HUNG))
    assert not policy.condition(checkpoint(LifecycleState.SERVING))


def test_guardrail_over_findings_and_states(load: Load) -> None:
    """With both, both must hold."""
    text = '[[guardrails]]\nname = "a"\nfinding = "queue.long"\nmode = "auto"\n'
    (finding,) = load(text).policies
    (both,) = load(text + 'state = ["SERVING"]').policies
    assert finding.mode is GateMode.AUTO
    assert finding.condition(checkpoint(LifecycleState.IDLE, "queue.long"))
    assert not finding.condition(checkpoint(LifecycleState.IDLE, "other"))
    assert not both.condition(checkpoint(LifecycleState.IDLE, "queue.long"))
    assert both.condition(checkpoint(LifecycleState.SERVING, "queue.long"))


# --- errors ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[monitor]\nintervall = 1", "2: monitor.intervall: unknown key; did you mean 'interval'?"),
        ("[jornal]", "1: jornal: unknown key; did you mean 'journal'?"),
        ("[gate]\nxyz = 1", "2: gate.xyz: unknown key; expected one of mode, kinds, kill_switch"),
        (
            '[monitor]\n\ninterval = "5 parsecs"',
            "3: monitor.interval: '5 parsecs' is not a duration: write a number with a unit, such as '5s', '250ms' or",
        ),
        ("[monitor]\ninterval = 0", "2: monitor.interval: 0 is not a positive duration"),
        ("[monitor]\ninterval = true", "2: monitor.interval: expected a duration such as '5s', got True"),
        ("[monitor]\ninterval = nan", "2: monitor.interval: nan is not a positive duration"),
        ("[monitor]\nname = 5", "2: monitor.name: expected a string, got 5"),
        ("[monitor]\ndata_dir = 5", "2: monitor.data_dir: expected a path, got 5"),
        ("monitor = 5", "1: monitor: expected a table, got 5"),
        (
            '[journal]\nmax_size = "200"',
            "2: journal.max_size: '200' is not a size: write a number with a unit, such as '200MB' or '1GiB'",
        ),
        (
            "[journal]\nmax_size = 1.5",
            "2: journal.max_size: expected a whole number of bytes or a size such as '200MB'",
        ),
        ("[journal]\nmax_size = -1", "2: journal.max_size: -1 is not a positive size"),
        (
            '[gate]\nmode = "atuo"',
            "2: gate.mode: expected one of off, observe, suggest, approve, auto, got 'atuo'; did you mean 'auto'?",
        ),
        ("[gate]\nkinds = { notify = 3 }", "2: gate.kinds.notify: expected one of off, observe, suggest"),
        ("[gate]\nkinds = 3", "2: gate.kinds: expected a table, got 3"),
        ('[feedback]\nlevel = "loud"', "2: feedback.level: expected one of debug, info, warning, error, critical"),
        ('[plugins]\ndisabled = "system"', "2: plugins.disabled: expected an array, got 'system'"),
        ("[plugins]\ndisabled = [1]", "2: plugins.disabled[0]: expected a string, got 1"),
        ("[plugins]\nvllm = 1", "2: plugins.vllm: unknown key; expected one of disabled, required, pins, blocked, "),
        ("[plugins]\ndisabledd = []", "2: plugins.disabledd: unknown key; did you mean 'disabled'?"),
        ("[plugins]\ntables = 1", "2: plugins.tables: unknown key"),
        ("[plugins]\nsafe_mode = 1", "2: plugins.safe_mode: expected true or false, got 1"),
        ('[plugins.pins]\nx = "0.3"', "2: plugins.pins.x: expected a range of versions such as '<0.3'"),
        ("[plugins]\npins = { x = 1 }", "2: plugins.pins.x: expected a string, got 1"),
        ('[plugins]\nblocked = { "a b" = "" }', "2: plugins.blocked.a b: expected a distribution with a range"),
        ("[plugins]\nfolders = [1]", "2: plugins.folders[0]: expected a path, got 1"),
        ('source = "x"', "1: source: unknown key"),
        ('[[guardrails]]\nstate = ["HUNG"]', "1: guardrails[0].name: is missing"),
        (
            '[[guardrails]]\nname = "a"',
            "1: guardrails[0]: guardrail 'a' needs a `finding` or a `state` to watch for",
        ),
        (
            '[[guardrails]]\nname = "a"\nfinding = "x"\n[[guardrails]]\nname = "b"\nstate = ["HANG"]',
            "6: guardrails[1].state[0]: expected one of UNKNOWN",
        ),
    ],
)
def test_one_problem(load: Load, text: str, expected: str) -> None:
    """Each mistake names line, key and what was expected."""
    (line,) = problems(load, text)
    assert line.startswith(expected)


def test_all_problems_at_once_in_the_order_of_the_file(load: Load) -> None:
    """One run shows everything that is wrong."""
    text = '[feedback]\nlevel = 7\n[monitor]\ninterval = "x"\nnome = ""\n[gate]\nmode = 1\n'
    assert [line.split(":")[0] for line in problems(load, text)] == ["2", "4", "5", "7"]


def test_doubled_guardrail(load: Load) -> None:
    """Names of guardrails are unique."""
    one = '[[guardrails]]\nname = "a"\nfinding = "x"\n'
    assert [line.partition(": ")[0] for line in problems(load, one + one)] == ["2", "5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[monitor\n", "1:9: malformed TOML: "),
        ('a = 1\nb = "x\n', "2:7: malformed TOML: "),
        ("a = [1,", "1:8: malformed TOML: "),
        ("a = 1\na = 2\n", "2:6: malformed TOML: "),
    ],
)
def test_malformed_toml(load: Load, text: str, expected: str) -> None:
    """Malformed TOML names line and column."""
    (line,) = problems(load, text)
    assert line.startswith(expected)


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder, a binary and a huge file are refused by name."""
    binary, huge = tmp_path / "binary", tmp_path / "huge"
    binary.write_bytes(b"[a]\n\xff\xfe")
    huge.write_text("#" * 2_000_000)
    for path, text in (
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, ":2: is no UTF-8 text: byte 0xff"),
        (huge, "is larger than"),
    ):
        with pytest.raises(ConfigError, match=f"{path.name}.*{text}"):
            load_config(path)


@given(st.text() | st.text(alphabet="[]{}=\"\n.,#'ab1 ", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Nothing but a ConfigError comes out of a bad file."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    try:
        load_config(path)
    except ConfigError as error:
        assert "any.toml" in str(error)  # noqa: PT017 (both ways are fine)


# --- searching ---


def test_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explicit path, $VMON_CONFIG, ./vmon.toml, the user's folder, the defaults."""
    user, here, named, given_file = (tmp_path / name for name in ("user", "here", "named.toml", "given.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user))
    monkeypatch.delenv("VMON_CONFIG", raising=False)
    here.mkdir()
    (user / "vmon").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert load_config() == Config()
    for path in (user / "vmon/vmon.toml", here / "vmon.toml", named, given_file):
        path.write_text(f'[monitor]\nname = "{path.parent.name}-{path.name}"')
    (here / "vmon.toml").rename(here / "off")
    assert load_config().monitor.name == "vmon-vmon.toml"
    (here / "off").rename(here / "vmon.toml")
    assert load_config().monitor.name == "here-vmon.toml"
    assert load_config(environ={"VMON_CONFIG": str(named)}).monitor.name.endswith("named.toml")
    assert load_config(given_file, environ={"VMON_CONFIG": str(named)}).monitor.name.endswith("given.toml")


def test_named_file_must_exist(tmp_path: Path) -> None:
    """A mistyped $VMON_CONFIG is an error, not a silent default."""
    missing = str(tmp_path / "typo.toml")
    assert find_config(environ={"VMON_CONFIG": missing}) == Path(missing)
    with pytest.raises(ConfigError, match=r"typo\.toml: cannot be read"):
        load_config(environ={"VMON_CONFIG": missing})


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files go to the user's state folder unless told otherwise."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Config().data_dir == tmp_path / "vmon"
    assert Config().journal_path == tmp_path / "vmon/journal.db"


# --- secrets ---


def test_secrets_are_resolved(tmp_path: Path) -> None:
    """Variables and files are read wherever they are named; the rest stays."""
    secret = tmp_path / "password"
    secret.write_text("p\n")
    table = {"a": {"env": "A"}, "b": [{"file": str(secret)}], "c": {"env": "A", "more": 1}, "d": {"deep": {"env": "A"}}}
    resolved = resolve_secrets(table, environ={"A": "x"})
    assert resolved == {"a": "x", "b": ["p"], "c": {"env": "A", "more": 1}, "d": {"deep": "x"}}


def test_missing_secrets_name_their_keys(tmp_path: Path) -> None:
    """Every missing secret is named at once, with its key."""
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "huge").write_bytes(b"x" * 100_000)
    table: dict[str, Any] = {
        "token": {"env": "NOPE"},
        "list": [{"file": str(tmp_path / "none")}],
        "b": {"file": str(tmp_path / "binary")},
        "h": {"file": str(tmp_path / "huge")},
    }
    with pytest.raises(ConfigError) as caught:
        resolve_secrets(table, key="plugins.x", environ={})
    lines = str(caught.value).splitlines()
    assert lines[0] == "plugins.x.token: the environment variable NOPE is not set"
    assert lines[1].startswith("plugins.x.list[0]: ")
    assert lines[2].endswith("binary is no UTF-8 text")
    assert "is larger than" in lines[3]
    assert len(lines) == 4


# --- writing ---


def test_default_text_reads_back_as_the_defaults(load: Load) -> None:
    """The explained file changes nothing when it is used as it is."""
    assert load(default_text()) == Config()


def test_default_text_explains_every_setting(load: Load) -> None:
    """Each line with a setting follows a comment, and is still valid when its example is taken."""
    lines = default_text().splitlines()
    assert all(lines[n - 1].startswith("#") for n, line in enumerate(lines) if " = " in line)
    assert max(map(len, lines)) <= 120
    taken = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    config = load("\n".join(taken))
    assert config.guardrails[0].name == "tell-me-of-hangs"
    assert "NAME" in config.plugins.tables


def test_to_toml_reads_back_as_the_same(load: Load) -> None:
    """What is shown is what is in force."""
    config = load(COMPLETE)
    again = load(to_toml(config))
    assert again.policies[0].parameters == config.policies[0].parameters
    assert to_dict(again)["stop"] == to_dict(config)["stop"]
    assert to_dict(again) == to_dict(config) | {"plugins": to_dict(again)["plugins"]}


def test_shown_configuration_hides_secrets(load: Load) -> None:
    """A secret that was written into a table all the same is not shown."""
    config = load('[plugins.x]\napi_key = "sk-verysecret"\nurl = "http://h"')
    assert "verysecret" not in to_toml(config)
    assert to_dict(config)["plugins"]["x"]["url"] == "http://h"


@given(st.text(), st.text(min_size=1))
def test_any_string_survives_writing(name: str, key: str) -> None:
    """Strings and keys are quoted so that TOML reads them back."""
    config = Config(plugins=PluginsConfig(tables={"x": {key: name}}))
    table = tomllib.loads(to_toml(config))["plugins"]["x"]
    assert set(table) == {key}


@given(st.integers(1, 10**13))
def test_sizes_and_durations_round_trip(number: int) -> None:
    """What is written is read back as the same."""
    assert read_size(write_size(number)) == number
    assert read_duration(write_duration(float(number))) == float(number)
