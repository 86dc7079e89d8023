"""The catalogue of failures: every entry has a message that it explains, and every real start that failed its cause."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_core.evidence import FailureCategory, FailureSeen
from vmon_core.lifecycle.case import root_cause
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.fold import fold
from vmon_plugin_vllm.log.failures import CATALOGUE, FAILURES, explain
from vmon_plugin_vllm.log.failures.rule import ECHO
from vmon_plugin_vllm.log.reader import LogReader

if TYPE_CHECKING:
    from vmon_plugin_vllm.log.failures.rule import FailureRule

HERE = Path(__file__).parent
MESSAGES = {row["message"]: row for row in tomllib.loads((HERE / "failures.toml").read_text())["failure"]}
STARTS = tomllib.loads((HERE / "starts.toml").read_text())


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_explained(message: str) -> None:
    """Each message gets its code and a sentence with its values, whoever reports it."""
    line = f"(Worker_TP1 pid=5) ERROR 11-24 03:01:34 [x.py:1] {message}"
    (seen,) = [e for e in LogReader().feed(line, 1.0) if isinstance(e, FailureSeen)]
    expected = MESSAGES[message]
    assert (seen.code, seen.explanation) == (expected["code"], expected["explanation"])
    assert (seen.depth, seen.process) == (2, "Worker_TP1")
    assert any(isinstance(e, FailureSeen) for e in LogReader().feed(message, 1.0))


def test_no_entry_without_an_example() -> None:
    """An entry that no message reaches could be wrong for ever."""
    reached = {next(r for r in FAILURES if r.pattern.search(m)).pattern.pattern for m in MESSAGES}
    assert [r.pattern.pattern for r in FAILURES if r.pattern.pattern not in reached] == []


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.code)
def test_entry_is_complete(entry: FailureRule) -> None:
    """Sentences end as sentences, use only values that the pattern finds, and what can be tried again says when."""
    assert entry.explain().endswith(".") or entry.explanation.endswith("}")
    assert entry.fix
    assert set(re.findall(r"{(\w+)}", entry.explanation + entry.fix)) <= set(entry.pattern.groupindex)
    assert entry.again or entry.category is not FailureCategory.TRANSIENT
    assert not entry.again or entry.again.split()[0] in ("once", "when", "after")
    assert entry.category is not FailureCategory.CONFIG or not entry.remedies


def test_codes_are_explained() -> None:
    """Each code has its paragraph, and codes of others have none."""
    assert [r.code for r in CATALOGUE if not explain(r.code)] == []
    text = explain("config.parallel_layout") or ""
    assert "The model's <heads> attention heads cannot be divided among <ranks> tensor-parallel ranks." in text
    assert "Category: config. The same command fails again." in text
    assert explain("no.such_code") is None


def failure_of(log: str) -> FailureSeen:
    """The root cause of a server whose log is this."""
    reader, facts = LogReader(), Facts()
    for number, line in enumerate(log.splitlines()):
        for seen in reader.feed(line, number / 1000):
            facts = fold(facts, seen)
    cause = root_cause(facts)
    assert cause is not None
    return cause


@pytest.mark.parametrize("name", STARTS)
def test_start_that_failed_has_its_cause(name: str) -> None:
    """The specific failure is found among its echoes, with the values of its message."""
    start = STARTS[name]
    cause = failure_of(start["log"])
    assert (cause.code, cause.explanation) == (start["code"], start["explanation"])
    assert cause.weight > ECHO


@pytest.mark.parametrize("name", STARTS)
def test_earlier_report_of_the_same_depth_counts(name: str) -> None:
    """What the last traceback says does not matter, when an earlier one says as much."""
    log = STARTS[name]["log"]
    repeated = f"{log}\n" + "\n".join(line.replace("/m", "/other") for line in log.splitlines())
    assert failure_of(repeated).explanation == STARTS[name]["explanation"]


def test_missing_value_is_said_to_be_missing() -> None:
    """A message without a number does not leave a hole, and does not look like a template."""
    cause = failure_of("(Worker pid=5) ERROR 11-24 03:01:34 [x.py:1] torch.OutOfMemoryError: HIP error")
    assert cause.explanation == "The GPU's memory was used up when (not told) more were asked for."


def test_braces_and_secrets_in_a_message_stay_harmless() -> None:
    """Values are put in, never read as a template, and what is secret is hidden."""
    cause = failure_of("vllm: error: unrecognized arguments: {0} {flags} --api-key sk-abcdef123456 http://u:pw@h")
    assert "{0} {flags}" in cause.explanation
    assert "sk-abcdef123456" not in cause.explanation
    assert "pw@" not in cause.explanation
