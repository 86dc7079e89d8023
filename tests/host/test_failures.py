"""What a plugin raised, in words."""

from __future__ import annotations

import pytest

from vmon_core.host.failures import TEXT_LIMIT, describe


@pytest.mark.parametrize("raised", [ValueError, SystemExit, KeyboardInterrupt])
def test_error_that_cannot_be_shown(raised: type[BaseException]) -> None:
    """Its own text is a plugin's code as well; the name of its class is enough then."""

    class Mute(Exception):  # noqa: N818 (it is not ours)
        def __str__(self) -> str:
            raise raised

    assert describe(Mute()) == "Mute"


def test_error_without_end() -> None:
    """Nobody reads megabytes, and they would be kept for each implementation."""
    text = describe(RuntimeError("x" * 1_000_000))
    assert len(text) < TEXT_LIMIT + 100
    assert text.endswith("… (1,000,014 characters)")
