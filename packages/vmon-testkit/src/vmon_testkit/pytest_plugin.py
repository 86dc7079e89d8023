"""Fixtures for tests that need a server or a recording; pytest loads this module by its entry point."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_testkit.standin import StandIn
    from vmon_testkit.traces import TraceLibrary


class StandInFactory(Protocol):
    """The type of the fixture `standin`."""

    def __call__(
        self,
        *arguments: str,
        ready: bool = True,
        startup_seconds: float = 0.1,
        environment: Mapping[str, str] | None = None,
    ) -> StandIn:
        """Start one; see `vmon_testkit.standin.StandIn`. `ready=False` does not wait until it serves."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that says where recordings are."""
    parser.addini(
        "vmon_traces", "Folder of recorded traces, from the root folder of the tests.", default="tests/traces"
    )


@pytest.fixture
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInFactory]:
    """A factory of stand-ins that end with the test."""
    # pytest loads this module in every run: what only some tests need is imported where they ask for it.
    from vmon_testkit.standin import StandIn  # noqa: PLC0415 (see above)

    with ExitStack() as running:

        def start(
            *arguments: str,
            ready: bool = True,
            startup_seconds: float = 0.1,
            environment: Mapping[str, str] | None = None,
        ) -> StandIn:
            log_path = tmp_path_factory.mktemp("standin") / "server.log"
            server = running.enter_context(
                StandIn(*arguments, startup_seconds=startup_seconds, environment=environment, log_path=log_path)
            )
            if ready:
                server.wait_ready()
            return server

        yield start


@pytest.fixture(scope="session")
def traces(pytestconfig: pytest.Config) -> TraceLibrary:
    """The recordings in the folder that the ini option `vmon_traces` names."""
    from vmon_testkit.traces import TraceLibrary  # noqa: PLC0415 (as above)

    return TraceLibrary(pytestconfig.rootpath / str(pytestconfig.getini("vmon_traces")))
