"""What a plugin says about itself: anything that would hurt others later is refused when it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from vmon_core.errors import PluginError
from vmon_core.host.declarations import check_info
from vmon_core.plugin import PluginInfo, Risk


class Disguised(PluginInfo):
    """It could say something else whenever it is asked."""


class Unspeakable:
    """It cannot be shown."""

    def __str__(self) -> str:
        """Fail."""
        raise SystemExit


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"summary": Unspeakable()}, "its summary must be of type str"),
        ({"summary": "two\nlines"}, "its summary must be one line of plain text"),
        ({"summary": "\x1b[31mred"}, "its summary must be one line of plain text"),
        ({"config": "Config"}, "its config must be"),
        ({"actions": {1: Risk.INTERRUPTS}}, "its actions must be a mapping of kinds to a Risk"),
        ({"actions": {"stop": "interrupts"}}, "its actions must be a mapping of kinds to a Risk"),
        ({"conflicts": ("gpu.telemetry>=1",)}, "its conflicts must be bare names"),
        ({"requires": ("not a requirement",)}, "its requires must be requirements"),
    ],
)
def test_it_says_what_is_wrong(more: dict[str, Any], complaint: str) -> None:
    """The message names the field."""
    with pytest.raises(PluginError, match=complaint):
        check_info(PluginInfo(name="t-odd", version="1.0", **more))


def test_no_other_class_will_do() -> None:
    """A subclass may have properties instead of fields."""
    with pytest.raises(PluginError, match="must return a PluginInfo, not Disguised"):
        check_info(Disguised(name="t-odd", version="1.0"))


def test_sound_information_is_taken() -> None:
    """Names without versions are conflicts, text is a summary, a class is a configuration."""
    info = PluginInfo(name="t-good", version="1.0", summary="Good", conflicts=("gpu.telemetry", "t-bad"), config=dict)
    assert check_info(info) is info
