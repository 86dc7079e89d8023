"""Creates, runs and removes code plugins: the sandbox as the core sees it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import OPERATOR, CodeRejectedError, Problem, Trial
from vmon_core.errors import VmonError
from vmon_plugin_sandbox import allowance, granted, rules
from vmon_plugin_sandbox.allowance import Allowance
from vmon_plugin_sandbox.delivery import Delivery
from vmon_plugin_sandbox.evaluator import Evaluator
from vmon_plugin_sandbox.registry import Registry
from vmon_plugin_sandbox.shape import misshapen
from vmon_plugin_sandbox.sweeps import Job, Sweeper
from vmon_plugin_sandbox.view import View, example_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.dynamic import CodePlugin, Documents, GrantedFunction
    from vmon_core.records import Checkpoint, Sample
    from vmon_plugin_sandbox.config import SandboxConfig
    from vmon_plugin_sandbox.evaluator import Evaluation
    from vmon_plugin_sandbox.registry import Entry
    from vmon_plugin_sandbox.voice import Voice

_EARLY = 0.25
"""Seconds that a collector may come too early: sweeps come once a second, give or take, and none must be missed."""

_TOLD_EVERY = 60.0
"""Seconds between two messages about a budget that is spent."""


class Desk:
    """Implements `vmon_core.dynamic.CodePlugins`.

    Args:
        documents: keeps the plugins.
        config: limits, quotas and grants.
        voice: tells people.
        clock: tells the time in Unix seconds.

    Attributes:
        delivery: what the pipeline fetches, and what it hands in.
    """

    def __init__(
        self, documents: Documents, config: SandboxConfig, voice: Voice, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.registry = Registry(documents)
        self.delivery = Delivery(self.registry, voice)
        self.evaluator = Evaluator(config)
        self._config = config
        self._voice = voice
        self._clock = clock
        self._tries = Allowance(allowance.TRIES, allowance.TRIES_WITHIN)
        self._lock = threading.RLock()
        self._sweeper = Sweeper(self._run, config.workers, config.budget)
        self._swept_at = 0.0
        self._told_at = float("-inf")
        for name in self.registry.unreadable:
            voice.error(f"code plugin {name} was kept by another version of vmon and is not run")

    # --- for callers ---

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Check a plugin and run it once; nothing is kept."""
        return self._tried(plugin, checkpoint, plugin.owner)

    def _tried(self, plugin: CodePlugin, checkpoint: Checkpoint | None, owner: str) -> Trial:
        wrong = misshapen(plugin)
        if wrong:
            return Trial(problems=wrong)
        if owner != OPERATOR and not self._tries.take(owner, 1, self._clock()):
            message = f"more than {allowance.TRIES} tries within {allowance.TRIES_WITHIN:g} s"
            return Trial(problems=(Problem(message=message, help="wait a minute", code="quota"),))
        problems = rules.broken(plugin, owner, self._config, self.registry) or self.evaluator.check(plugin)
        if problems:
            return Trial(problems=problems)
        view = self.delivery.view if checkpoint is None else View(checkpoint, self.delivery.view.window)
        ran = self.evaluator.evaluate(plugin, view, example_event(plugin.kind.value), trial=True)
        problem = ran.problem or self.delivery.collision(plugin, ran.answer)
        problems = (problem,) if problem is not None and not ran.no_data else ()
        return Trial(problems=problems, value=ran.value, printed=ran.printed, seconds=ran.seconds)

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Check a plugin, run it once, keep it, and put it in the place of its older version.

        It belongs to who made this version: with what the operator wrote, and may, nobody else goes on.
        """
        return self._take(plugin, checkpoint, plugin.owner)

    def _take(self, plugin: CodePlugin, checkpoint: Checkpoint | None, owner: str) -> CodePlugin:
        with self._lock:
            _refuse(plugin.name, self._tried(plugin, checkpoint, owner).problems)
            kept = self.registry.put(attrs.evolve(plugin, created=self._clock()))
            self.delivery.replaced(kept.name)
            return kept

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Take a plugin out of use; its versions are kept."""
        with self._lock:
            _refuse(name, rules.foreign(self.registry[name].plugin, owner))
            self.registry.remove(name)
            self.delivery.replaced(name)

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Go back to an earlier version, which is checked and run once like a new one.

        Both the version and the one that it replaces must be the owner's: a name that was the operator's once would be
        a way to what only the operator may propose. With the operator the version comes back in its maker's name.
        """
        with self._lock:
            wanted, present = self.registry.version(name, version), self.registry.get(name)
            for each in (wanted, *([present.plugin] if present is not None else [])):
                _refuse(name, rules.foreign(each, owner))
            return self._take(wanted, None, owner)

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """Each plugin in use as plain data."""
        now = self._clock()
        return tuple(
            {**attrs.asdict(entry.plugin), "kind": entry.plugin.kind.value, **entry.health.describe(now)}
            for entry in sorted(self.registry.entries, key=lambda entry: entry.plugin.name)
        )

    def functions(self) -> tuple[GrantedFunction, ...]:
        """The functions that the operator grants."""
        return tuple(function for function in granted.ALL if function.name in self._config.functions)

    def close(self) -> None:
        """End the threads and the workers; a later call starts them again."""
        self._sweeper.close()
        self.evaluator.close()

    # --- once a second ---

    def sweep(self) -> list[Sample]:
        """Run what is due, and return the samples that came in."""
        now = self._swept_at = self._clock()
        left = self._sweeper.sweep(self.delivery.jobs(now))
        for job in left:
            job.entry.put_off += 1
            job.entry.health.delayed += 1
            self.delivery.retry(job)
        if left and now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            budget = f"{self._config.budget * 1000:g} ms of each second"
            self._voice.warning(f"{len(left)} runs of code plugins were put off: {budget} are spent")
        return self.delivery.samples()

    def _run(self, job: Job) -> float:
        """Do one job; whatever happens, the thread goes on."""
        entry, began = job.entry, time.perf_counter()
        if entry.busy or not entry.health.may_run(self._clock()):
            return 0.0
        entry.busy, entry.put_off = True, 0
        entry.due = self._swept_at + entry.plugin.interval - _EARLY
        try:
            if entry.checked or self._recheck(entry):
                view = self.delivery.view
                self._note(entry, view, self.evaluator.evaluate(entry.plugin, view, job.event))
        except VmonError as error:
            self._voice.once(str(error), f"code plugins cannot run: {error}")
        except Exception as error:  # noqa: BLE001 (a mistake of ours with one plugin must not cost the others)
            self._voice.once(entry.plugin.name, f"code plugin {entry.plugin.name} could not be run: {error!r}")
        finally:
            entry.busy = False
        return time.perf_counter() - began

    def _recheck(self, entry: Entry) -> bool:
        """Check one that comes from the journal: what may be used can have changed since."""
        revoked = tuple(rules.grants(entry.plugin, self._config))
        entry.health.disabled = entry.health.disabled or _sentence(revoked or self.evaluator.check(entry.plugin))
        entry.checked = not entry.health.disabled
        if entry.health.disabled:
            self._voice.error(f"code plugin {entry.plugin.name} is kept but not run: {entry.health.disabled}")
        return entry.checked

    def _delivered(self, entry: Entry, view: View, answer: Any) -> Problem | None:  # noqa: ANN401 (each kind has its own)
        """Hand an answer on, or say why not."""
        problem = self.delivery.collision(entry.plugin, answer) or self.delivery.flood(entry, answer)
        if problem is not None:
            return problem
        try:
            self.delivery.take(entry, view, answer)
        except OSError as error:
            return _unwritable(error)
        return None

    def _note(self, entry: Entry, view: View, ran: Evaluation) -> None:
        if self.registry.get(entry.plugin.name) is not entry:
            return
        health = entry.health
        health.took(ran.seconds)
        if ran.no_data:
            health.no_data += 1
            entry.result = None
            return
        problem = ran.problem or self._delivered(entry, view, ran.answer)
        if problem is None:
            health.succeeded()
            return
        news = health.failed(problem, self._clock(), hard=ran.hard)
        self.delivery.unknown(entry, view)
        if news:
            self._voice.error(f"code plugin {entry.plugin.name} {news}")
            self.registry.keep_state(entry)


def _unwritable(error: OSError) -> Problem:
    return Problem(message=f"its rows cannot be written: {error.strerror or error}", help="a person has to make room")


def _refuse(name: str, problems: tuple[Problem, ...]) -> None:
    if problems:
        raise CodeRejectedError(name, problems)


def _sentence(problems: tuple[Problem, ...]) -> str:
    return "; ".join(p.message if p.line is None else f"line {p.line}: {p.message}" for p in problems)
