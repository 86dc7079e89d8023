"""The rules about the words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules.arguments import ranges, repeated, unknown

if TYPE_CHECKING:
    from conftest import MakeLaunch, Verdicts


def test_an_unknown_option_fails_with_the_one_that_was_meant(make_launch: MakeLaunch) -> None:
    """The nearest option is named."""
    (check,) = unknown.run(make_launch("m", "--max-model-lenght", "1"))
    assert (check.code, str(check.verdict)) == ("arguments.unknown", "failure")
    assert "--max-model-len" in check.fix


def test_of_another_version_nothing_is_known(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """An option that the table lacks may be new."""
    assert verdicts(unknown, make_launch("m", "--brand-new", version="0.99.0")) == {
        "arguments.unknown": "not_evaluated"
    }


def test_known_options_are_ok(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """And so is their number."""
    launch = make_launch("m", "--port", "80")
    assert verdicts(unknown, launch) == {"arguments.unknown": "ok"}
    assert verdicts(repeated, launch) == {}


def test_a_repeated_option_is_a_warning(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """The last one wins."""
    assert verdicts(repeated, make_launch("m", "--port", "1", "--port=2")) == {"arguments.repeated": "warning"}


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("--gpu-memory-utilization 1.5", "failure"),
        ("--gpu-memory-utilization 0", "failure"),
        ("--gpu-memory-utilization 1", "ok"),
        ("-tp 0", "failure"),
        ("--max-num-seqs 0", "failure"),
        ("--block-size 0", "failure"),
    ],
)
def test_numbers_have_limits(make_launch: MakeLaunch, verdicts: Verdicts, words: str, verdict: str) -> None:
    """A number outside of the limits of its configuration class fails."""
    assert verdicts(ranges, make_launch("m", *words.split())) == {"arguments.out_of_range": verdict}
