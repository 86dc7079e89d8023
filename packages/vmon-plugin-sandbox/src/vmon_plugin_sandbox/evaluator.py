"""Runs the code of one plugin on one moment, and says how that went."""

from __future__ import annotations

import re
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import CodeKind, Problem
from vmon_plugin_sandbox import granted
from vmon_plugin_sandbox.functions import Functions
from vmon_plugin_sandbox.results import read
from vmon_plugin_sandbox.view import STUBS

if TYPE_CHECKING:
    from vmon_core.dynamic import CodePlugin
    from vmon_plugin_sandbox.config import SandboxConfig
    from vmon_plugin_sandbox.engine import Engine, Limits
    from vmon_plugin_sandbox.view import View

_SIGNATURES = {
    CodeKind.LIFECYCLE: "checkpoint: Checkpoint, change: Change",
    CodeKind.EXPORTER: "checkpoint: Checkpoint, samples: Rows",
}
_SIGNATURE = "checkpoint: Checkpoint"
_MISSING = re.compile(r"^KeyError: (?P<name>\S+)$")
_LOOKED_UP = re.compile(r"""\bcheckpoint\.metrics(?:\.get\(|\[)(?P<quote>['"])(?P<name>[^'"\\\n]+)(?P=quote)""")
_ROW_NODES = 20_000
"""Values that an exporter may return: some thousand rows."""

EXAMPLES_USED = "(vmon: there are no GPU metrics here, so this trial ran with example values)\n"


@attrs.frozen(kw_only=True)
class Evaluation:
    """How a run went.

    Attributes:
        value: what the code returned, as plain data.
        answer: the same as the pipeline takes it.
        printed: what it printed.
        seconds: how long it took.
        problem: why there is no answer.
        hard: it reached a limit, or its worker died.
        no_data: there was nothing to read; nobody is to blame.
    """

    value: Any = None
    answer: Any = None
    printed: str = ""
    seconds: float = 0.0
    problem: Problem | None = None
    hard: bool = False
    no_data: bool = False


class Evaluator:
    """Checks and runs code; the workers start with the first call.

    Args:
        config: limits and grants.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine, made when it is first needed: an idle sandbox costs nothing."""
        from vmon_plugin_sandbox.engine import Engine, Limits  # noqa: PLC0415 (loads the interpreter's client)

        with self._lock:
            if self._engine is None:
                limits = Limits(seconds=self._config.seconds, memory=self._config.memory)
                self._engine = Engine(limits, self._config.workers, self._config.os_hardening)
            return self._engine

    def close(self) -> None:
        """End the workers."""
        if self._engine is not None:
            self._engine.close()

    def check(self, plugin: CodePlugin) -> tuple[Problem, ...]:
        """Say what is wrong with the code; nothing of it is run.

        Raises:
            SandboxUnavailableError: there is no worker to check it.
        """
        names = self._granted(plugin)
        stubs = STUBS + "".join(f"def {f.signature}: ...\n" for f in granted.ALL if f.name in names)
        signature = _SIGNATURES.get(plugin.kind, _SIGNATURE)
        return self.engine.check(plugin.code, signature, stubs, f"{plugin.name}.py")

    def evaluate(self, plugin: CodePlugin, view: View, event: object = None, *, trial: bool = False) -> Evaluation:
        """Run the code once.

        Args:
            plugin: whose code.
            view: the moment that it sees.
            event: the change of a lifecycle listener, the rows of an exporter.
            trial: a function without data answers with examples.

        Raises:
            SandboxUnavailableError: there is no worker to run it.
        """
        from vmon_plugin_sandbox.engine import SandboxCrashedError, SandboxError, SandboxUnavailableError  # noqa: PLC0415 (as above)

        functions = Functions(view, trial=trial)
        began = time.perf_counter()
        try:
            names = [name for name in self._granted(plugin) if name in plugin.code]
            ran = self.engine.run(plugin.code, _inputs(plugin, view, event), functions.of(names), self._limits(plugin))
        except SandboxUnavailableError:
            raise
        except SandboxError as error:
            problem = _helped(error.problem, view)
            hard = problem.code == "limit" or isinstance(error, SandboxCrashedError)
            took = time.perf_counter() - began
            return Evaluation(problem=problem, hard=hard, no_data=functions.no_data and not hard, seconds=took)
        took = time.perf_counter() - began
        told = (EXAMPLES_USED if functions.examples else "") + ran.printed
        try:
            answer = read(plugin, ran.value, view.checkpoint.time)
        except SandboxError as error:
            return Evaluation(value=ran.value, printed=told, problem=error.problem, seconds=took)
        return Evaluation(value=ran.value, answer=answer, printed=told, seconds=took)

    def _granted(self, plugin: CodePlugin) -> tuple[str, ...]:
        wanted = plugin.functions
        return tuple(name for name in self._config.functions if wanted is None or name in wanted)

    def _limits(self, plugin: CodePlugin) -> Limits:
        limits = self.engine.limits
        if plugin.kind is CodeKind.COLLECTOR:
            return attrs.evolve(limits, seconds=self._config.collector_seconds)
        return attrs.evolve(limits, nodes=_ROW_NODES) if plugin.kind is CodeKind.EXPORTER else limits


def _inputs(plugin: CodePlugin, view: View, event: object) -> dict[str, object]:
    """What the code mentions: copying the rest would cost more than most runs do."""
    from vmon_plugin_sandbox.engine import Attributes  # noqa: PLC0415 (as above)

    code = plugin.code
    inputs: dict[str, object] = {}
    if "checkpoint" in code:
        fields = {name: value for name, value in view.fields.items() if name in code}
        looked_up = _looked_up(code)
        if looked_up is not None:
            fields["metrics"] = {name: view.metrics[name] for name in looked_up if name in view.metrics}
        inputs["checkpoint"] = Attributes("Checkpoint", fields)
    if plugin.kind is CodeKind.LIFECYCLE and isinstance(event, dict):
        inputs["change"] = Attributes("Change", event)
    if plugin.kind is CodeKind.EXPORTER:
        inputs["samples"] = event
    return inputs


@lru_cache(maxsize=1024)
def _looked_up(code: str) -> tuple[str, ...] | None:
    """The metrics that code looks up by name, None when it does anything else with them.

    A condition over one metric is the most frequent code there is, and a server has some hundred metrics: copying them
    all takes longer than the run.
    """
    found = tuple(match["name"] for match in _LOOKED_UP.finditer(code))
    return found if found and len(found) == code.count("metrics") else None


def _helped(problem: Problem, view: View) -> Problem:
    """Add the names that there are to an error about one that there is not."""
    missing = _MISSING.match(problem.message)
    if missing is None or problem.help:
        return problem
    import difflib  # noqa: PLC0415 (only for a failure)

    close = difflib.get_close_matches(missing["name"], list(view.metrics), n=3)
    meant = f"did you mean {', '.join(close)}? " if close else ""
    return attrs.evolve(problem, help=f"{meant}use .get(name, default) for what may be missing")
