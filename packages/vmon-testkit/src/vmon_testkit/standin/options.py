"""The settings of one stand-in: vLLM's own flags, the environment variables that it heeds, and the scenario."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from vmon_testkit.standin.phases import timeline
from vmon_testkit.standin.scenario import Fault, ScenarioError

if TYPE_CHECKING:
    from vmon_testkit.standin.scenario import Value

VERSION = "0.32.0"
"""The vLLM version that the recordings show."""

BLOCK_SIZE = 128
"""Tokens in a KV block, as recorded."""


@attrs.frozen(kw_only=True)
class Options:
    """Everything that decides how the stand-in behaves.

    Attributes:
        model: the model's path or name.
        host: where to listen: loopback, unlike vLLM, unless asked otherwise.
        non_default: what the `non-default args` line shows.
        startup_seconds: the whole start.
        tokens_per_second: tokens that each running request gets per second.
        stats_interval: seconds between two stats lines.
        kv_blocks: KV blocks of each engine.
        orphan_seconds: how long an engine outlives a main process that was killed. A real one lives on for ever.
        faults: what goes wrong.
    """

    model: str
    host: str = "127.0.0.1"
    port: int = 8000
    served_model_name: str = ""
    max_model_len: int = 1024
    max_num_seqs: int = 256
    tensor_parallel_size: int = 1
    data_parallel_size: int = 1
    enforce_eager: bool = False
    api_key: str | None = None
    shutdown_timeout: float = 0.0
    log_stats: bool = True
    access_log: bool = True
    load_tracking: bool = False
    json_log: bool = False
    non_default: Mapping[str, object] = attrs.field(factory=dict)
    startup_seconds: float = 3.0
    tokens_per_second: float = 50.0
    stats_interval: float = 10.0
    kv_blocks: int = 16384
    orphan_seconds: float = 60.0
    faults: tuple[Fault, ...] = ()

    @property
    def model_name(self) -> str:
        """The name that clients use."""
        return self.served_model_name or self.model

    @property
    def kv_tokens(self) -> int:
        """Tokens that the KV cache of one engine holds."""
        return self.kv_blocks * BLOCK_SIZE

    @property
    def phases(self) -> dict[str, float]:
        """Seconds of each start-up phase, with the scenario's changes."""
        overrides: dict[str, float] = {}
        for fault in self.faults:
            if fault.name == "slow_start":
                overrides |= {phase: float(seconds) for phase, seconds in fault.parameters.items()}
            elif fault.name == "stuck_start":
                overrides[str(fault.parameters["phase"])] = float("inf")
        return timeline(self.startup_seconds, eager=self.enforce_eager, overrides=overrides)

    def fault(self, name: str) -> Mapping[str, Value] | None:
        """The parameters of a fault of the start, or None when the scenario has none of that name."""
        return next((fault.parameters for fault in self.faults if fault.name == name), None)

    def check(self, fault: Fault) -> None:
        """Refuse a fault of a process that this stand-in does not have.

        Raises:
            ScenarioError: says how many there are.
        """
        sizes = {"engine": self.data_parallel_size, "rank": self.tensor_parallel_size}
        for name, size in sizes.items():
            if float(fault.parameters.get(name, 0)) >= size:
                message = f"fault {fault.name}: {name} must be less than {size}, not {fault.parameters[name]:g}"
                raise ScenarioError(message)

    @property
    def drain_seconds(self) -> float:
        """How long a stop waits for requests in flight."""
        drain = self.fault("drain")
        return self.shutdown_timeout if drain is None else float(drain["seconds"])

    @property
    def stats(self) -> bool:
        """Whether vllm: series and stats lines exist."""
        return self.log_stats and self.fault("no_log_stats") is None


def dev_mode() -> bool:
    """Whether the control routes are there (`VLLM_SERVER_DEV_MODE`)."""
    return os.environ.get("VLLM_SERVER_DEV_MODE") == "1"


def keep_alive_on_engine_death() -> bool:
    """Whether the API server outlives its engine (`VLLM_KEEP_ALIVE_ON_ENGINE_DEATH`)."""
    return os.environ.get("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH") == "1"


def seconds_from(variable: str, default: float) -> float:
    """A number of seconds from an environment variable of vLLM."""
    return float(os.environ.get(variable, default))
