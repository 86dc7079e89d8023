"""What looks at good and bad servers prove."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tinyserver import TinyServer, pages, reply

from vmon_core.evidence import EngineCounted, Evidence, Probed, RoundTripped, ServerDescribed
from vmon_core.records import Sample
from vmon_plugin_vllm.http.probes import LOAD_EVERY, Prober
from vmon_plugin_vllm.metrics.histogram import histograms

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_plugin_vllm.http.client import Client

    Connect = Callable[..., Client]

TRACES = Path(__file__).parents[4] / "tests" / "traces"
BODY = (TRACES / "overload" / "metrics-overload1.txt").read_bytes()
NOW = 1_000.0


def good() -> dict[str, Any]:
    """The answers of a server that is well."""
    return {
        "/health": reply(),
        "/metrics": reply(BODY, headers="Content-Type: text/plain; version=0.0.4\r\n"),
        "/load": {"server_load": 0},
        "/version": {"version": "0.32.0"},
        "/v1/models": {"data": [{"id": "tiny", "max_model_len": 1024}]},
    }


def look(prober: Prober) -> list[Evidence]:
    """The evidence of one look."""
    return [item for item in prober.look(NOW) if isinstance(item, Evidence)]


def of_kind(items: list[Evidence], kind: type[Any]) -> list[Any]:
    """Those of one kind."""
    return [item for item in items if isinstance(item, kind)]


def probed(items: list[Evidence]) -> dict[str, Probed]:
    """The probes by path."""
    return {item.path: item for item in of_kind(items, Probed)}


def asked(server: TinyServer) -> list[str]:
    """The paths that were asked for so far; forgotten by asking."""
    paths = [head.split()[1] for head in server.requests]
    server.requests.clear()
    return paths


def test_first_look(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """The first look tells health, progress and who the server is, with samples."""
    server = serve(pages(good()))
    prober = Prober(connect(server.url))
    items = list(prober.look(NOW))
    evidence = [item for item in items if isinstance(item, Evidence)]
    assert asked(server) == ["/health", "/load", "/metrics", "/v1/models", "/version"]
    assert all(answer.ok and not answer.error for answer in probed(evidence).values())
    (counted,) = of_kind(evidence, EngineCounted)
    assert (counted.running, counted.generated, counted.in_flight) == (4, 34918, None)
    facts = {key: value for item in of_kind(evidence, ServerDescribed) for key, value in item.facts.items()}
    assert facts == {"version": "0.32.0", "model": "tiny", "max_model_len": 1024}
    names = {item.name for item in items if isinstance(item, Sample)}
    assert {"vllm.requests.running", "vllm.engine.steps", "vllm.kv_cache.usage"} <= names
    assert all(NOW <= item.time < NOW + 5 for item in items)
    assert prober.latest is not None
    assert ("vllm.latency.ttft", (("engine", "0"), ("model_name", "tiny"))) in histograms(prober.latest)
    prober.close()


def test_one_scrape_a_look(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """Health and metrics are asked for each time, a load that is not counted now and then, over one connection."""
    server = serve(pages(good()))
    prober = Prober(connect(server.url))
    look(prober)
    asked(server)
    for _ in range(LOAD_EVERY):
        look(prober)
    paths = asked(server)
    assert [paths.count(path) for path in ("/health", "/metrics", "/load")] == [LOAD_EVERY, LOAD_EVERY, 1]
    assert server.connections == 1


def test_missing_paths_are_remembered(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A path that answers 404 is asked for once and its evidence is missing, not zero."""
    server = serve(pages({"/health": reply()}))
    prober = Prober(connect(server.url))
    first = look(prober)
    assert probed(first)["/metrics"].code == 404
    assert not of_kind(first, EngineCounted)
    assert not of_kind(first, ServerDescribed)
    asked(server)
    look(prober)
    assert asked(server) == ["/health"]


def test_locked_is_not_down(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """401 and 403 are answers of a living server; the models are not asked for again and again."""
    answers = good() | {"/health": reply(code=401), "/metrics": reply(code=403), "/v1/models": reply(code=401)}
    server = serve(pages(answers))
    prober = Prober(connect(server.url))
    probes = probed(look(prober))
    assert [(probes[p].code, probes[p].error) for p in ("/health", "/metrics")] == [(401, ""), (403, "")]
    assert "API key" in probes["/v1/models"].summary
    asked(server)
    look(prober)
    assert asked(server) == ["/health", "/metrics"]


def test_no_answer_asks_nothing_else(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A silent server costs one timeout a look, not five."""
    server = serve(lambda _sock, _path: None)
    (health,) = look(Prober(connect(server.url, timeout=0.1)))
    assert isinstance(health, Probed)
    assert (health.path, health.code, health.error, health.ok) == ("/health", None, "timeout", False)
    assert health.summary.startswith("/health: timeout")


def test_unwell_server_is_still_scraped(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A 503 on /health does not keep the counters from being read."""
    items = look(Prober(connect(serve(pages(good() | {"/health": reply(code=503)})).url)))
    assert probed(items)["/health"].code == 503
    assert of_kind(items, EngineCounted)


def test_load_counts_only_when_tracked(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """0 before the first request in flight is not known; after it, 0 is a fact."""
    answers = good()
    prober = Prober(connect(serve(pages(answers)).url))
    seen = []
    for load in (0, 3, 0):
        answers["/load"] = {"server_load": load}
        looks = [look(prober) for _ in range(LOAD_EVERY)]
        seen.append(of_kind(looks[-1], EngineCounted)[0].in_flight)
    assert seen == [None, 3, 0]


def test_restart_is_described_again(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A server that was away, or whose process started anew, is asked again who it is."""
    answers = good()
    server = serve(pages(answers))
    prober = Prober(connect(server.url))
    look(prober)
    answers["/version"] = {"version": "0.33.0"}
    answers["/metrics"] = reply(BODY.replace(b"process_start_time_seconds 1.", b"process_start_time_seconds 2."))
    assert of_kind(look(prober), ServerDescribed)[-1].facts == {"version": "0.33.0"}

    def gone(sock: socket.socket, _path: str) -> None:
        sock.shutdown(socket.SHUT_RDWR)

    server.behave = gone
    assert look(prober)[0].error == "reset"  # type: ignore[attr-defined]  # a Probed, as the next line shows
    server.behave = pages(answers)
    assert len(of_kind(look(prober), ServerDescribed)) == 2


def test_description_is_asked_until_given(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """A server that cannot say yet who it is (503) is asked at the next look."""
    answers = good() | {"/version": reply(code=503)}
    prober = Prober(connect(serve(pages(answers)).url))
    look(prober)
    answers["/version"] = {"version": "0.32.0"}
    assert of_kind(look(prober), ServerDescribed)[0].facts == {"version": "0.32.0"}


HTML = b"<html><body>nginx</body></html>"
BAD_METRICS: dict[str, tuple[bytes, int | None, str, str]] = {
    "html": (reply(HTML, headers="Content-Type: text/html\r\n"), 200, "other", "web page"),
    "html without type": (reply(HTML), 200, "other", "line 1"),
    "gzip": (reply(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n"), 200, "other", "gzip"),
    "binary": (reply(bytes(range(256))), 200, "other", "UTF-8"),
    "half a line": (reply(BODY[: BODY.rindex(b"{") + 9]), 200, "other", "line "),
    "giant": (reply(b"", length=100_000_000), None, "too_large", "larger"),
    "no http": (b"220 smtp ready\r\n", None, "not_http", "smtp"),
    "server error": (reply(code=500), 500, "", "500"),
}


@pytest.mark.parametrize("case", BAD_METRICS)
def test_bad_metrics(serve: Callable[..., TinyServer], connect: Connect, case: str) -> None:
    """Whatever /metrics answers, the look says what is wrong, claims no counts, and goes on."""
    response, code, error, words = BAD_METRICS[case]
    answers = good() | {"/metrics": response}
    prober = Prober(connect(serve(pages(answers)).url))
    items = look(prober)
    bad = probed(items)["/metrics"]
    assert (bad.code, bad.error) == (code, error)
    assert words in bad.summary
    assert not of_kind(items, EngineCounted)
    assert of_kind(items, ServerDescribed)
    answers["/metrics"] = good()["/metrics"]
    assert of_kind(look(prober), EngineCounted)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b'{"data": 3, "version": []}',
        b'{"data": [3]}',
        b"\xff",
        b"[" * 100_000,
        b'{"server_load": NaN}',
    ],
)
def test_nonsense_elsewhere(serve: Callable[..., TinyServer], connect: Connect, body: bytes) -> None:
    """JSON of another shape tells nothing and breaks nothing."""
    answers = good() | dict.fromkeys(("/load", "/version", "/v1/models"), reply(body))
    items = look(Prober(connect(serve(pages(answers)).url)))
    assert not of_kind(items, ServerDescribed)
    assert of_kind(items, EngineCounted)[0].in_flight is None


def test_round_trip(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """An engine that answers is proved alive, one that does not is not."""
    answers: dict[str, Any] = {"/is_paused": {"is_paused": False}}
    server = serve(pages(answers))
    prober = Prober(connect(server.url))
    (trip,) = prober.round_trip(NOW, 5.0)
    assert isinstance(trip, RoundTripped)
    assert (trip.what, trip.ok, trip.error) == ("/is_paused", True, "")
    server.behave = lambda _sock, _path: None
    (trip,) = prober.round_trip(NOW, 0.1)
    assert (trip.ok, trip.error) == (False, "timeout")
    assert NOW + 0.1 <= trip.time < NOW + 2


def test_round_trip_falls_back_and_gives_up(serve: Callable[..., TinyServer], connect: Connect) -> None:
    """/is_sleeping serves as well; without both, or behind a lock, nothing is claimed."""
    answers: dict[str, Any] = {"/is_sleeping": {"is_sleeping": False}}
    server = serve(pages(answers))
    prober = Prober(connect(server.url))
    assert [trip.what for trip in prober.round_trip(NOW, 5.0)] == ["/is_sleeping"]
    answers["/is_sleeping"] = reply(code=401)
    assert list(prober.round_trip(NOW, 5.0)) == []
    del answers["/is_sleeping"]
    assert list(prober.round_trip(NOW, 5.0)) == []
    asked(server)
    assert list(prober.round_trip(NOW, 5.0)) == []
    assert asked(server) == []
    assert all(head.startswith("GET ") for head in server.requests)
