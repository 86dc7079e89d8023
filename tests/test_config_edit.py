"""Changing [plugins] in a file that people write: nothing else of it changes."""

from __future__ import annotations

import stat
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.config.edit import edit_plugins, file_to_edit
from vmon_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

WRITTEN = """\
# ours, since 2026
[monitor]
interval = "2s"  # slow disk

[plugins] # the plugins
disabled = [
    "system",  # noisy
]

[plugins.vllm]
timeout = 1.5
"""


def disable(plugins: MutableMapping[str, Any]) -> None:
    """What `vmon plugins disable extra` does."""
    disabled = plugins.setdefault("disabled", [])
    if "extra" not in disabled:
        disabled.append("extra")


def test_comments_and_order_stay(tmp_path: Path) -> None:
    """Every line that was there is there still, in its place; only one is new."""
    path = tmp_path / "vmon.toml"
    path.write_text(WRITTEN)
    path.chmod(0o640)
    assert edit_plugins(path, disable)
    after = path.read_text().splitlines()
    assert [line for line in after if line in WRITTEN.splitlines()] == WRITTEN.splitlines()
    assert [line.strip() for line in after if line not in WRITTEN.splitlines()] == ['"extra",']
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_second_time_changes_nothing(tmp_path: Path) -> None:
    """And does not even write."""
    path = tmp_path / "vmon.toml"
    assert edit_plugins(path, disable)
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert not edit_plugins(path, disable)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment",
        '[plugins.vllm]\ntimeout = 1.5\n\n[gate]\nmode = "off"\n',
        'plugins.disabled = ["system"]\n',
        'plugins = { disabled = ["system"] }\n[gate]\nmode = "off"\n',
        "[plugins]\n[plugins.pins]\nsystem = '<1'\n",
        '[gate]\r\nmode = "off"\r\n',
    ],
)
def test_ways_to_write_it(tmp_path: Path, text: str) -> None:
    """However the table is written: it means the same afterwards, and one name more is disabled."""
    path = tmp_path / "vmon.toml"
    path.write_bytes(text.encode())
    wanted = tomllib.loads(text)
    disable(wanted.setdefault("plugins", {}))
    assert edit_plugins(path, disable)
    assert tomllib.loads(path.read_text()) == wanted


def test_way_that_cannot_be_changed_safely(tmp_path: Path) -> None:
    """Tables of `[plugins]` on both sides of another one confuse the library: better refused than written wrong."""
    path = tmp_path / "vmon.toml"
    text = '[plugins.vllm]\ntimeout = 1.5\n[gate]\nmode = "off"\n[plugins.system]\ninterval = 1\n'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"change \[plugins\] by hand"):
        edit_plugins(path, disable)
    assert path.read_text() == text


NAMES = st.from_regex(r"[a-z]{1,4}", fullmatch=True)


@given(st.lists(NAMES), st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers() | st.text())))
def test_any_table(tmp_path_factory: pytest.TempPathFactory, disabled: list[str], tables: dict[str, Any]) -> None:
    """The rest stays what it was, or the file is refused and untouched."""
    import tomlkit  # noqa: PLC0415 (for this test alone)

    before = {"plugins": {"disabled": disabled, **{f"x-{name}": table for name, table in tables.items()}}}
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(tomlkit.dumps(before), encoding="utf-8", newline="")
    changed = edit_plugins(path, disable)
    after = tomllib.loads(path.read_text(encoding="utf-8"))
    assert changed == ("extra" not in disabled)
    assert after["plugins"].pop("disabled") == [*disabled, *(["extra"] if changed else [])]
    assert after["plugins"] == {name: t for name, t in before["plugins"].items() if name != "disabled"}


def test_wrong_file_is_left_alone(tmp_path: Path) -> None:
    """The mistake is told with its line."""
    path = tmp_path / "vmon.toml"
    path.write_text("[gate]\nmode = 5\n")
    with pytest.raises(ConfigError, match=r"vmon.toml:2: gate.mode"):
        edit_plugins(path, disable)
    assert path.read_text() == "[gate]\nmode = 5\n"


def test_wrong_change_is_refused(tmp_path: Path) -> None:
    """What could not be read back is not written."""
    path = tmp_path / "vmon.toml"
    with pytest.raises(ConfigError, match=r"plugins.pins.x: expected a range of versions"):
        edit_plugins(path, lambda plugins: plugins.update(pins={"x": "new"}))
    assert not path.exists()


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The reason is the system's."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        edit_plugins(tmp_path / "file" / "vmon.toml", disable)


def test_link_stays_a_link(tmp_path: Path) -> None:
    """Those who keep their configuration elsewhere do not lose it."""
    real, link = tmp_path / "real.toml", tmp_path / "vmon.toml"
    real.write_text(WRITTEN)
    link.symlink_to(real)
    edit_plugins(link, disable)
    assert link.is_symlink()
    assert "extra" in real.read_text()


def test_file_to_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named one, the one in force, else the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VMON_CONFIG", raising=False)
    assert file_to_edit(tmp_path / "named.toml") == tmp_path / "named.toml"
    assert file_to_edit() == tmp_path / "home/vmon/vmon.toml"
    monkeypatch.setenv("VMON_CONFIG", str(tmp_path / "other.toml"))
    assert file_to_edit() == tmp_path / "other.toml"
