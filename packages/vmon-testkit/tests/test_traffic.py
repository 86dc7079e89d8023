"""The load generator's bounds and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_testkit.standin.handle import free_port
from vmon_testkit.traffic import Counts, Traffic

if TYPE_CHECKING:
    from vmon_testkit.pytest_plugin import StandInFactory


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:8000", "http://", "nonsense"])
def test_only_this_machine_gets_traffic(url: str) -> None:
    """Anything that is no loopback address is refused before the first packet."""
    with pytest.raises(ValueError, match="loopback"):
        Traffic(url)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.3.2.1:1", "http://[::1]:1"])
def test_loopback_has_many_names(url: str) -> None:
    """All of them are fine."""
    assert Traffic(url).counts == Counts()


@pytest.mark.parametrize("concurrency", [0, 257])
def test_the_number_of_clients_is_bounded(concurrency: int) -> None:
    """Neither none nor too many."""
    with pytest.raises(ValueError, match="1 to 256"):
        Traffic("http://localhost:1", concurrency=concurrency)


def test_a_refused_connection_is_a_failure() -> None:
    """With nobody at the port every request fails, and the generator ends."""
    with Traffic(f"http://127.0.0.1:{free_port()}", concurrency=1, requests=2) as traffic:
        assert traffic.join(timeout=10) == Counts(failed=2)


def test_a_key_and_a_model_are_sent(standin: StandInFactory) -> None:
    """The right ones succeed, a wrong model fails."""
    server = standin("--api-key", "sesame", "--served-model-name", "tiny", "--tokens-per-second", "500")
    for model, expected in (("tiny", Counts(ok=1, tokens=3)), ("other", Counts(failed=1))):
        with Traffic(server.url, concurrency=1, requests=1, max_tokens=3, model=model, api_key="sesame") as traffic:
            assert traffic.join(timeout=10) == expected


def test_whole_answers_count_the_same(standin: StandInFactory) -> None:
    """Without streaming, the tokens and the outcome are read from the one answer; an error is a failure."""
    server = standin("--served-model-name", "tiny", "--tokens-per-second", "500")
    for model, expected in (("tiny", Counts(ok=1, tokens=3)), ("other", Counts(failed=1))):
        with Traffic(server.url, concurrency=1, requests=1, max_tokens=3, model=model, stream=False) as traffic:
            assert traffic.join(timeout=10) == expected
