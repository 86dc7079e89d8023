"""A plugin's table becomes its configuration object, or an error that names the key."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import attrs
import pytest

from vmon_core.host.settings import settings


class Colour(StrEnum):
    """A choice."""

    RED = "red"


@attrs.frozen(kw_only=True)
class Inner:
    """A table within the table."""

    depth: int = 0


@attrs.frozen(kw_only=True)
class Everything:
    """One setting of each type."""

    switch: bool = False
    count: int = 0
    share: float = 0.0
    text: str = ""
    paths: tuple[str, ...] = ()
    pair: tuple[int, int] = (0, 0)
    colour: Colour = Colour.RED
    inner: Inner = Inner()
    maybe: str | None = None


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"switch": True}, Everything(switch=True)),
        ({"count": 3, "share": 2}, Everything(count=3, share=2.0)),
        ({"paths": ["/a", "/b"]}, Everything(paths=("/a", "/b"))),
        ({"pair": [1, 2]}, Everything(pair=(1, 2))),
        ({"colour": "red"}, Everything(colour=Colour.RED)),
        ({"inner": {"depth": 2}}, Everything(inner=Inner(depth=2))),
        ({"maybe": "yes"}, Everything(maybe="yes")),
    ],
)
def test_what_fits_is_taken(table: dict[str, Any], expected: Everything) -> None:
    """TOML has arrays and whole numbers where Python has tuples and floats."""
    assert settings(Everything, table) == expected


@pytest.mark.parametrize(
    "table",
    [
        {"switch": "no"},
        {"switch": 1},
        {"count": 2.5},
        {"count": True},
        {"share": "a lot"},
        {"share": True},
        {"text": 5},
        {"text": {"a": 1}},
        {"paths": "/a"},
        {"paths": {"a": 1}},
        {"paths": ["/a", 2]},
        {"colour": "blue"},
        {"inner": {"depth": "deep"}},
        {"maybe": 3},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(table: dict[str, Any]) -> None:
    """Nothing is coerced: "no" is not true, and a text no list of its letters."""
    with pytest.raises(ValueError, match=next(iter(table))):
        settings(Everything, table)


def test_numbers_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is text, whatever it stands for."""
    monkeypatch.setenv("COUNT", "7")
    assert settings(Everything, {"count": {"env": "COUNT"}}).count == 7
