"""Feedback: fan-out, isolation, levels, redaction, and how each handler writes."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.config import Config, FeedbackConfig
from vmon_core.feedback import (
    CallbackHandler,
    Feedback,
    JsonLinesHandler,
    LoggingHandler,
    Message,
    Severity,
    TerminalHandler,
)
from vmon_core.feedback.lane import QUEUED_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def heard() -> list[Message]:
    """What the callback heard."""
    return []


@pytest.fixture
def feedback(heard: list[Message]) -> Iterator[Feedback]:
    """A feedback with one callback and a fixed clock."""
    with Feedback(redact=lambda text: text.replace("hunter2", "***"), clock=lambda: 5.0) as made:
        made.add(CallbackHandler(heard.append), Severity.DEBUG)
        yield made


class Broken:
    """A handler that always raises."""

    def handle(self, message: Message) -> None:
        """Fail."""
        msg = "broken pipe"
        raise OSError(msg)

    def close(self) -> None:
        """Fail again."""
        raise OSError


class Gate:
    """A handler that hangs until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.handled: list[Message] = []

    def handle(self, message: Message) -> None:
        """Wait, then remember."""
        self.entered.set()
        self.release.wait(10)
        self.handled.append(message)

    def close(self) -> None:
        """Nothing."""


def test_message_is_complete(feedback: Feedback, heard: list[Message]) -> None:
    """A message carries time, level, source, target, text and context."""
    feedback.say(Severity.WARNING, "gate", "held", target="local", kind="notify")
    assert feedback.flush()
    assert heard == [
        Message(
            time=5.0, level=Severity.WARNING, source="gate", text="held", target="local", context={"kind": "notify"}
        )
    ]


def test_level_is_per_handler(feedback: Feedback, heard: list[Message]) -> None:
    """Each handler hears only what it wants."""
    grave: list[Message] = []
    feedback.add(CallbackHandler(grave.append), Severity.ERROR)
    feedback.say(Severity.DEBUG, "x", "small")
    feedback.say(Severity.ERROR, "x", "big")
    assert feedback.flush()
    assert [m.text for m in heard] == ["small", "big"]
    assert [m.text for m in grave] == ["big"]


def test_unwanted_level_costs_no_message() -> None:
    """Nothing is built or redacted when no handler wants the level."""

    def refuse(text: str) -> str:
        raise AssertionError(text)

    with Feedback(redact=refuse) as feedback:
        feedback.say(Severity.CRITICAL, "x", "nobody listens")
        feedback.add(CallbackHandler(print), Severity.WARNING)
        feedback.say(Severity.INFO, "x", "too quiet")


def test_raising_handler_costs_only_itself(feedback: Feedback, heard: list[Message]) -> None:
    """The others hear everything, and once that one of them fails."""
    feedback.add(Broken())
    for number in range(3):
        feedback.say(Severity.INFO, "x", str(number))
        assert feedback.flush()
    assert [m.text for m in heard if m.source == "x"] == ["0", "1", "2"]
    failures = [m for m in heard if m.source == "feedback"]
    assert [(m.text, m.context["handler"]) for m in failures] == [("Broken fails: broken pipe", "Broken")]


def test_hanging_handler_costs_only_itself(feedback: Feedback, heard: list[Message]) -> None:
    """Others go on while one hangs; its overflow is bounded, counted and reported to it."""
    gate = Gate()
    feedback.add(gate)
    feedback.say(Severity.INFO, "x", "first")
    assert gate.entered.wait(10)
    for number in range(QUEUED_MESSAGES + 7):
        feedback.say(Severity.INFO, "x", str(number))
        if number % 500 == 0:
            feedback.flush(0.0)
    assert not feedback.flush(0.01)
    gate.release.set()
    assert feedback.flush(10)
    assert len(gate.handled) == QUEUED_MESSAGES + 2
    assert gate.handled[-1].text.startswith("7 messages were dropped")
    assert "first" in [m.text for m in heard]


def test_close_does_not_wait_for_ever() -> None:
    """A handler that hangs holds up the end for the given time only."""
    gate = Gate()
    feedback = Feedback()
    feedback.add(gate)
    feedback.say(Severity.INFO, "x", "stuck")
    assert gate.entered.wait(10)
    feedback.close(timeout=0.05)
    feedback.say(Severity.INFO, "x", "after the end")
    gate.release.set()


def test_secrets_are_redacted_at_the_edge(feedback: Feedback, heard: list[Message]) -> None:
    """Text and every string in the context pass the redaction; other values stay what they are."""
    feedback.say(Severity.INFO, "x", "pass hunter2", args=["a", "hunter2"], deep={"k": "hunter2"}, api_key="x", count=3)
    assert feedback.flush()
    assert heard[0].text == "pass ***"
    assert heard[0].context == {"args": ["a", "***"], "deep": {"k": "***"}, "api_key": "***", "count": 3}


def test_default_redaction_hides_credentials() -> None:
    """Without a redaction of one's own, the core's is in force."""
    heard: list[Message] = []
    with Feedback() as feedback:
        feedback.add(CallbackHandler(heard.append))
        feedback.say(Severity.INFO, "x", "see https://user:s3cretpass@host/path")
    assert "s3cretpass" not in heard[0].text


def test_remove_closes_and_silences(feedback: Feedback, heard: list[Message], tmp_path: Path) -> None:
    """A removed handler finishes what it was told and hears nothing more."""
    handler = JsonLinesHandler(tmp_path / "log.jsonl")
    feedback.add(handler)
    feedback.say(Severity.INFO, "x", "one")
    feedback.remove(handler)
    feedback.remove(handler)
    feedback.say(Severity.INFO, "x", "two")
    assert feedback.flush()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1
    assert [m.text for m in heard] == ["one", "two"]


def test_many_threads_lose_nothing(feedback: Feedback, heard: list[Message]) -> None:
    """Messages from several threads all arrive, those of each thread in order."""

    def talk(name: str) -> None:
        for number in range(50):
            feedback.say(Severity.INFO, name, str(number))

    threads = [threading.Thread(target=talk, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert feedback.flush(10)
    for n in range(4):
        assert [m.text for m in heard if m.source == f"t{n}"] == [str(k) for k in range(50)]


def test_last_words_at_exit_are_heard() -> None:
    """What was said just before the interpreter exits is still written, without a call of close."""
    code = (
        "import sys; from vmon_core.feedback import *\n"
        "f = Feedback(); f.add(JsonLinesHandler(sys.stdout)); f.say(Severity.ERROR, 'x', 'farewell')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["text"] == "farewell"


def test_feedback_of_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the configuration asks for is said to standard error and into its file, from its level on."""
    path = tmp_path / "said.jsonl"
    config = Config(feedback=FeedbackConfig(level=Severity.WARNING, json_file=path))
    with Feedback.from_config(config) as feedback:
        feedback.say(Severity.INFO, "x", "quiet")
        feedback.say(Severity.WARNING, "x", "loud")
    assert "loud" in path.read_text()
    shown = capsys.readouterr().err
    assert "loud" in shown
    assert "quiet" not in shown


def say_to(handler: Any, **context: object) -> None:
    """Hand one message to a handler."""
    handler.handle(
        Message(time=0.0, level=Severity.WARNING, source="gate", text="held", target="local", context=context)
    )


def test_json_lines(tmp_path: Path) -> None:
    """A file gets one object a line, appended, readable by its owner only, whatever the values are."""
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        handler = JsonLinesHandler(path)
        say_to(handler, where=tmp_path)
        handler.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0] == {
        "time": 0.0,
        "level": "warning",
        "source": "gate",
        "target": "local",
        "text": "held",
        "context": {"where": str(tmp_path)},
    }
    assert path.stat().st_mode & 0o077 == 0


def test_json_lines_to_a_stream_leaves_it_open() -> None:
    """A stream belongs to its owner."""
    stream = io.StringIO()
    handler = JsonLinesHandler(stream)
    say_to(handler)
    handler.close()
    assert json.loads(stream.getvalue())["text"] == "held"


def test_logging(caplog: pytest.LogCaptureFixture) -> None:
    """Python's logging gets the level, the text and the facts as extra fields."""
    with caplog.at_level(logging.DEBUG, logger="vmon"):
        say_to(LoggingHandler(), name="50%", kind="notify")
    record = caplog.records[0]
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "held")
    assert record.__dict__["vmon_target"] == "local"
    assert record.__dict__["vmon_context"] == {"name": "50%", "kind": "notify"}


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Claim it."""
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_terminal_colour_degrades(stream: io.StringIO, environ: dict[str, str], *, coloured: bool) -> None:
    """Colour goes only where it is wanted and shown; the words are the same."""
    say_to(TerminalHandler(stream, environ), kind="notify")
    text = stream.getvalue()
    assert ("\x1b[" in text) is coloured
    assert "held" in text
    assert "kind=notify" in text


def test_terminal_shows_control_characters() -> None:
    """Text from outside cannot move the cursor, clear the screen or begin a line of its own."""
    stream = io.StringIO()
    message = Message(time=0.0, level=Severity.INFO, source="x", text="a\x1b[2J\nfake: line", context={"k": "\r"})
    TerminalHandler(stream, {}).handle(message)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_terminal_that_cannot_encode() -> None:
    """A terminal without Unicode gets an escape instead of an error."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    TerminalHandler(stream, {}).handle(Message(time=0.0, level=Severity.INFO, source="x", text="größer"))
    assert b"gr\\xf6\\xdfer" in raw.getvalue()
