"""The table of Xids, and what a user's own file does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import VmonError
from vmon_core.evidence import Recovery
from vmon_plugin_nvidia.events.catalogue import load

if TYPE_CHECKING:
    from pathlib import Path


def test_every_entry_is_complete() -> None:
    """Name, class, recovery, source and one sentence; the class of applications never asks for more than a restart."""
    table = load()
    assert len(table.xids) > 70
    assert table.version
    for xid in table.xids.values():
        assert xid.name
        assert xid.text.endswith(".")
        assert xid.source in {"nvidia", "vmon"}
        if xid.category == "application":
            assert xid.recovery is Recovery.RESTART_APPLICATION


@pytest.mark.parametrize("code", [13, 31, 43, 45, 94])
def test_errors_of_applications_are_theirs(code: int) -> None:
    """These come by the thousand on healthy machines, and must never make a GPU ill."""
    assert load().find(code).category == "application"


@pytest.mark.parametrize(
    ("code", "recovery"),
    [(48, Recovery.RESET_DEVICE), (63, Recovery.NONE), (79, Recovery.REBOOT_NODE), (95, Recovery.RESET_DEVICE)],
)
def test_errors_of_hardware(code: int, recovery: Recovery) -> None:
    """What the catalogue says is to be done at once."""
    assert load().find(code).recovery is recovery


def test_unknown_number() -> None:
    """A newer driver may have more; nothing is known of them, which is not bad."""
    assert load().find(4711).recovery is Recovery.UNKNOWN


def test_file_overrides_single_entries(tmp_path: Path) -> None:
    """The others stay as they are."""
    file = tmp_path / "xids.toml"
    file.write_text('[xid]\n63 = { recovery = "reset_device", text = "We replace it." }\n900 = { name = "new" }\n')
    table = load(str(file))
    assert (table.find(63).recovery, table.find(63).source) == (Recovery.RESET_DEVICE, str(file))
    assert table.find(900).name == "new"
    assert table.find(79) == load().find(79)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[xid]\n79 = { recovery = 'reboot' }", "Xid 79: recovery is one of none, .*not 'reboot'"),
        ("[xid]\n79 = { class = 'software' }", "class is one of application, .*not 'software'"),
        ("[xid]\n79 = { advice = 'none' }", "it has no 'advice'"),
        ("[xid]\n79 = { text = 7 }", "must be a table of texts"),
        ("[xid]\n79 = 'reset'", "must be a table of texts"),
        ("[xid]\nseventy = {}", "'seventy' is no Xid"),
        ("xid = 7", "must be a table of numbers"),
        ("[xid", "cannot be read"),
    ],
)
def test_wrong_file_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    """A mistake must not pass for an entry that asks for nothing."""
    file = tmp_path / "xids.toml"
    file.write_text(text)
    with pytest.raises(VmonError, match=message):
        load(str(file))


def test_missing_file_is_named() -> None:
    """The path is in the message."""
    with pytest.raises(VmonError, match=r"/nowhere\.toml cannot be read: "):
        load("/nowhere.toml")
