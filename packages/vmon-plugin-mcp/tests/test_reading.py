"""The reading tools, through a real session over stdio, on the journal of a real run."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vmon_core.journal.codec import EVENT_KINDS
from vmon_plugin_mcp.reading import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Connect


def test_state_with_its_reason(connect: Connect, stopped: Path) -> None:
    """The state, since when, why, how old that is, and that nobody watches any more."""
    data = connect(stopped).call("get_state")
    assert (data["target"], data["state"], data["previous_state"]) == ("life", "STOPPED", "STOPPING")
    assert data["transition"] == "SHUTDOWN"
    assert "exit code 0" in data["reason"]["untrusted_text"]
    assert data["seconds_since_recorded"] >= 0
    assert data["since"] <= data["recorded_until"] + 1
    assert data["monitor_running"] is False


def test_targets(connect: Connect, stopped: Path) -> None:
    """Every deployment with its state."""
    (target,) = connect(stopped).call("list_targets")["targets"]
    assert (target["target"], target["state"]) == ("life", "STOPPED")


def test_metrics_by_prefix_and_page(connect: Connect, stopped: Path) -> None:
    """Only what begins with the prefix, and page by page the same as at once."""
    agent = connect(stopped)
    whole = agent.call("get_metrics", prefix="vllm.requests.", limit=200)
    assert whole["total"] == len(whole["metrics"]) > 3
    assert all(m["name"].startswith("vllm.requests.") for m in whole["metrics"])
    paged, offset = [], 0
    while offset is not None:
        page = agent.call("get_metrics", prefix="vllm.requests.", limit=3, offset=offset)
        paged += page["metrics"]
        offset = page.get("next_offset")
    assert paged == whole["metrics"]


def test_metric_history(connect: Connect, stopped: Path) -> None:
    """Few points, each with what the values of its stretch were; labels narrow it down."""
    agent = connect(stopped)
    data = agent.call("get_metric_history", name="system.memory.used", seconds=60, points=2)
    (series,) = data["series"]
    assert 1 <= len(series["points"]) <= 2
    assert all(p["min"] <= p["mean"] <= p["max"] and p["min"] <= p["last"] <= p["max"] for p in series["points"])
    narrowed = agent.call("get_metric_history", name="vllm.requests.finished", labels={"finished_reason": "stop"})
    assert narrowed["total_series"] == 1


def test_events_by_page(connect: Connect, stopped: Path) -> None:
    """Pages go back in time, and together hold everything once, in order."""
    agent = connect(stopped)
    whole = [e["number"] for e in agent.call("list_events", limit=200)["events"]]
    paged: list[int] = []
    before = None
    while True:
        page = agent.call("list_events", limit=4, before=before)
        paged = [e["number"] for e in page["events"]] + paged
        before = page.get("next_before")
        if before is None:
            break
    assert paged == whole == sorted(whole)
    kinds = {e["kind"] for e in agent.call("list_events", kinds=["transition"])["events"]}
    assert kinds == {"transition"}


def test_kinds_are_those_of_the_journal() -> None:
    """What an agent may ask for is what the journal has."""
    assert get_args(Kind) == tuple(EVENT_KINDS)


def test_report(connect: Connect, stopped: Path) -> None:
    """The whole life, without the metrics, which have a tool of their own."""
    report = connect(stopped).call("get_report", target="life")
    assert (report["state"], report["good_end"], report["failure"], report["leftovers"]) == ("STOPPED", True, None, [])
    assert report["startup_seconds"] > 0
    assert "metrics" not in report["checkpoint"]
    assert report["transitions_left_out"] == 0


def test_plugins(connect: Connect, stopped: Path, tmp_path: Path) -> None:
    """Those in use, and those that are not with the reason."""
    config = tmp_path / "vmon.toml"
    config.write_text(stopped.read_text() + '\n[plugins]\ndisabled = ["system"]\n')
    data = connect(config).call("list_plugins")
    assert {"notify", "vllm", "mcp"} <= {p["name"] for p in data["loaded"]}
    assert [(p["name"], "disabled" in p["reason"]["untrusted_text"]) for p in data["rejected"]] == [("system", True)]


def test_without_a_journal(connect: Connect, empty: Path) -> None:
    """Every tool that needs one says that it is missing, and what a person has to do."""
    agent = connect(empty)
    for tool in ("get_state", "get_metrics", "list_events", "list_findings", "get_report", "list_targets"):
        error = agent.call(tool)["error"]
        assert error["code"] == "no_journal"
        assert "vmon run" in error["help"]


def test_journal_that_comes_later(connect: Connect, empty: Path, stopped: Path) -> None:
    """A session that began before there was a journal reads it once it is there."""
    agent = connect(empty)
    assert agent.call("get_state")["error"]["code"] == "no_journal"
    (empty.parent / "state").symlink_to(stopped.parent / "state")
    assert agent.call("get_state")["state"] == "STOPPED"


def test_unknown_names(connect: Connect, stopped: Path) -> None:
    """An error names what there is instead."""
    agent = connect(stopped)
    assert agent.call("get_state", target="other")["error"]["known_targets"] == ["life"]
    assert agent.call("get_metric_history", name="no.such")["error"]["code"] == "unknown_metric"


OUT_OF_BOUNDS = [
    ("get_metrics", "limit", 100_000),
    ("get_metrics", "offset", -1),
    ("list_events", "kinds", ["secret"]),
    ("get_metric_history", "points", 1_000_000),
    ("get_metric_history", "seconds", 1e9),
    ("get_state", "target", "x" * 201),
]


def test_limits_are_kept(connect: Connect, stopped: Path) -> None:
    """What is out of bounds is refused with the argument's name, so that an agent can correct it."""
    agent = connect(stopped)
    for tool, argument, value in OUT_OF_BOUNDS:
        assert argument in agent.refusal(tool, **{argument: value})
