"""The engine: one call runs one piece of code, another says what is wrong with it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import pydantic_monty

from vmon_plugin_sandbox.engine import failures
from vmon_plugin_sandbox.engine.checking import Wrapped, check_source
from vmon_plugin_sandbox.engine.errors import SandboxCrashedError, SandboxError
from vmon_plugin_sandbox.engine.inward import guarded, inward
from vmon_plugin_sandbox.engine.limits import Limits
from vmon_plugin_sandbox.engine.plain import plain
from vmon_plugin_sandbox.engine.pool import Pool
from vmon_plugin_sandbox.engine.source import check_size
from vmon_plugin_sandbox.hardening.confinement import DEFAULT, Hardening

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.dynamic import Problem
    from vmon_plugin_sandbox.hardening.layers import Layer

SCRIPT = "plugin.py"


@attrs.frozen(kw_only=True)
class Ran:
    """How a run went.

    Attributes:
        value: what the code returned, as plain data.
        printed: what it printed.
        seconds: how long it took, waiting for a worker included.
    """

    value: Any
    printed: str
    seconds: float


@attrs.frozen(kw_only=True)
class Statistics:
    """What the engine did so far.

    Attributes:
        runs: pieces of code that were run, well or not.
        failures: runs that failed, by the kind of problem.
        workers: processes that run code at the same time, at most.
    """

    runs: int
    failures: Mapping[str, int]
    workers: int


class Engine:
    """Runs untrusted code in workers. Each run is alone: nothing stays of the one before.

    It may be called from several threads; as many calls as there are workers run at once.

    Args:
        limits: what a run may use when it is not said otherwise; their `wall` holds for all.
        workers: worker processes at most; one is started at the first use, the others when they are needed.
        os_hardening: how much the operating system must confine them as well. With `require`, the default on Linux,
            nothing runs without seccomp and Landlock; `prefer` takes what there is.

    Examples:
        >>> engine = Engine()
        >>> engine.run("return checkpoint['hot'] > 80", {"checkpoint": {"hot": 85.0}}).value
        True
        >>> engine.close()
    """

    def __init__(self, limits: Limits | None = None, workers: int = 2, os_hardening: Hardening | str = DEFAULT) -> None:
        self.limits = limits or Limits()
        self.workers = workers
        self._pool = Pool(workers, self.limits.wall, Hardening(os_hardening))
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(
        self,
        code: str,
        inputs: Mapping[str, object] | None = None,
        functions: Mapping[str, Callable[..., object]] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run a piece of code, the body of a function, and return what it returns.

        Args:
            code: the code; it answers with `return`.
            inputs: the names that it finds, with plain data or `Attributes`.
            functions: what it may call. They run here, on the caller's thread, with the caller's rights and outside of
                all limits; their arguments are plain data, and of their exceptions the code sees the type only.
            limits: what this run may use, instead of the engine's own.

        Raises:
            SandboxError: of the kind that says how it failed.
        """
        allowed = limits or self.limits
        try:
            return self._tried(code, inputs or {}, functions or {}, allowed)
        except SandboxError as error:
            self._count(error.problem.code)
            raise
        finally:
            self._count("")

    def check(self, code: str, signature: str = "", stubs: str = "", name: str = SCRIPT) -> tuple[Problem, ...]:
        """Parse a piece of code and check its types; nothing of it is run.

        Args:
            code: the body of a function.
            signature: that function's parameters, such as `checkpoint: Checkpoint`.
            stubs: declarations of the classes and functions that it may use, as in a stub file.
            name: what it is called in messages.

        Returns:
            What is wrong with it, in the order of its lines; empty when nothing is.

        Raises:
            SandboxUnavailableError: there is no worker to check it.
        """
        return check_source(self._pool, self.limits, Wrapped(code, signature, stubs, name))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What confines the workers, measured on one that runs.

        Raises:
            SandboxUnavailableError: there is none.
        """
        return self._pool.layers()

    def statistics(self) -> Statistics:
        """What happened so far."""
        with self._lock:
            counts = dict(self._counts)
        return Statistics(runs=counts.pop("", 0), failures=counts, workers=self.workers)

    def close(self) -> None:
        """End the workers; a later run starts new ones."""
        self._pool.close()

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _tried(
        self, code: str, inputs: Mapping[str, object], functions: Mapping[str, Callable[..., object]], limits: Limits
    ) -> Ran:
        """Run it, and once more when the worker died: it may have been dead before."""
        check_size(code, limits)
        names = {name: inward(value) for name, value in inputs.items()}
        callables = {name: guarded(name, function, limits) for name, function in functions.items()}
        try:
            return self._once(code, names, callables, limits)
        except SandboxCrashedError:
            return self._once(code, names, callables, limits)

    def _once(self, code: str, names: dict[str, Any], callables: dict[str, Any], limits: Limits) -> Ran:
        printed = pydantic_monty.CollectString(limits.printed)
        began = time.perf_counter()
        try:
            with self._pool.session(limits=limits.for_monty(), script_name=SCRIPT) as session:
                try:
                    raw = session.feed_run(code, inputs=names, external_lookup=callables, print_callback=printed)
                except pydantic_monty.MontyRuntimeError as error:
                    if failures.is_limit(error):
                        self._pool.kill(session)
                    raise
                except (TypeError, ValueError, OverflowError, RecursionError) as error:
                    self._pool.kill(session)
                    raise failures.unusable(error) from None
        except pydantic_monty.MontyError as error:
            raise failures.translated(error) from None
        value = plain(raw, limits)
        return Ran(value=value, printed=printed.output, seconds=time.perf_counter() - began)
