"""GPUs of the testkit behind `pynvml`, and what a driver or a telemetry makes of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_nvidia.driver import Driver
from vmon_testkit.nvml import FakeNvml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_testkit.nvml import Scenario

    Machine = Callable[[Scenario], tuple[FakeNvml, Driver]]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Makes a machine, and the driver that opens it."""
    with ExitStack() as stack:

        def make(scenario: Scenario) -> tuple[FakeNvml, Driver]:
            fake = stack.enter_context(FakeNvml(scenario))
            driver = Driver()
            stack.callback(driver.close)
            return fake, driver

        yield make
