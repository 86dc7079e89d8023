"""What of a server is known: its version, its metrics, its endpoints, and the signals that rules rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_vllm.diagnose.seen import PATHS, Seen, look
from vmon_plugin_vllm.diagnose.signals import SIGNALS
from vmon_plugin_vllm.diagnose.versions import installed, minor, nearest, recorded
from vmon_plugin_vllm.log.failures import FAILURES
from vmon_plugin_vllm.log.patterns import RULES
from vmon_plugin_vllm.metrics.names import DIALECTS, dialect, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.records import Target
    from vmon_plugin_vllm.config import VllmConfig

SHOWN = 8
"""How many names a sentence holds; the rest is counted."""

_UPDATE = "Update vmon-plugin-vllm; what an unknown version changed, vmon cannot see."


def diagnose(target: Target, config: VllmConfig) -> Iterator[CompatibilityCheck]:
    """Say what vmon can and cannot see of a server, within two seconds.

    Args:
        target: without URL, process and log it stands for the vLLM that is installed here.
        config: how to ask.

    Yields:
        A check each; what could not be found out was not evaluated.
    """
    seen = look(target, config)
    yield from _reachable(seen)
    version = seen.version or (installed() if target.pid is None and not target.url else "")
    yield _version(version, running=bool(seen.version))
    yield from _metrics(seen, version)
    if seen.answered or not target.url:
        yield _messages()
    if seen.answered:
        yield _endpoints(seen)
    if seen.answered or target.pid is not None:
        yield from (signal.check(seen) for signal in SIGNALS)


def _reachable(seen: Seen) -> Iterator[CompatibilityCheck]:
    if seen.target.url and not seen.answered:
        answer = seen.answers["/health"]
        yield CompatibilityCheck(
            code="vllm.reachable",
            verdict=CheckVerdict.NOT_EVALUATED,
            summary=f"nobody answers there: {answer.error} ({answer.detail})",
            fix="Check the URL; a server that starts does not answer before its start is complete.",
        )


def _version(version: str, *, running: bool) -> CompatibilityCheck:
    tried = ", ".join(recorded())
    who = "the server runs" if running else "installed here is"
    if not version:
        return _unknown("vllm.version", f"no version could be found out; vmon was tried with vLLM {tried}")
    if minor(version) in recorded():
        return _ok("vllm.version", f"{who} vLLM {version}, which vmon was tried with")
    return CompatibilityCheck(
        code="vllm.version",
        verdict=CheckVerdict.WARNING,
        summary=f"{who} vLLM {version}, and vmon was tried with {tried} only",
        fix=_UPDATE,
    )


def _metrics(seen: Seen, version: str) -> Iterator[CompatibilityCheck]:
    """The metrics that are there against those that we know, and against those that this version should show."""
    expected = recorded()[nearest(version)]
    if seen.layout is None:
        names = sorted(expected)
        missing = [name for name in names if not known(name)]
        if not seen.target.url:
            yield _names("vllm.metrics.known", names, missing, f"vLLM {nearest(version)} shows by default")
        else:
            yield _unknown("vllm.metrics.known", seen.no_metrics)
        return
    prefix = dialect(seen.layout)
    if prefix is None:
        yield CompatibilityCheck(
            code="vllm.metrics.known",
            verdict=CheckVerdict.WARNING,
            summary="the server shows no metrics of vLLM's own",
            fix="Start it without --disable-log-stats.",
        )
        return
    shown = [f.name for f in seen.layout.families if f.name.startswith(DIALECTS) and not f.name.endswith("_created")]
    yield _names("vllm.metrics.known", shown, [name for name in shown if not known(name)], "the server shows")
    yield _expected(expected, shown, version)


def _names(code: str, names: list[str], strange: list[str], who: str) -> CompatibilityCheck:
    if not strange:
        return _ok(code, f"all {len(names)} metrics that {who} are known")
    return CompatibilityCheck(
        code=code,
        verdict=CheckVerdict.WARNING,
        summary=f"{len(strange)} of the {len(names)} metrics that {who} are unknown: {_listed(strange)}",
        fix=_UPDATE,
    )


def _expected(expected: Iterable[str], shown: Iterable[str], version: str) -> CompatibilityCheck:
    there = {known(name) for name in shown}
    missing = sorted(name for name in expected if known(name) not in there)
    source = f"vLLM {nearest(version)} shows by default"
    if not missing:
        return _ok("vllm.metrics.expected", f"the server shows every metric that {source}")
    return CompatibilityCheck(
        code="vllm.metrics.expected",
        verdict=CheckVerdict.WARNING,
        summary=f"{len(missing)} metrics that {source} are missing: {_listed(missing)}",
        fix="Rules that need them are blind; a proxy or a collector in between may drop them.",
    )


def _endpoints(seen: Seen) -> CompatibilityCheck:
    told = [f"{path} {answer.code or answer.error}" for path, answer in seen.answers.items()]
    told += [f"{path} not asked: there was no time left" for path in PATHS if path not in seen.answers]
    wanted = {path: seen.answers.get(path) for path in PATHS[:-1]}
    lost = [path for path, answer in wanted.items() if answer is None or not answer.ok]
    if not lost:
        return _ok("vllm.endpoints", f"all {len(wanted)} endpoints that vmon asks answer", told)
    return CompatibilityCheck(
        code="vllm.endpoints",
        verdict=CheckVerdict.WARNING,
        summary=f"{', '.join(lost)} gave no good answer",
        evidence=tuple(told),
        fix="401 and 403: give vmon the key ([plugins.vllm] api_key). 503: look at the server's state.",
    )


def _messages() -> CompatibilityCheck:
    version = list(recorded())[-1]
    told = f"{len(RULES)} kinds of messages and {len(FAILURES)} of failures are known, as vLLM {version} logs them"
    return _ok("vllm.messages", told)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _ok(code: str, summary: str, evidence: Iterable[str] = ()) -> CompatibilityCheck:
    return CompatibilityCheck(code=code, verdict=CheckVerdict.OK, summary=summary, evidence=tuple(evidence))


def _unknown(code: str, why: str) -> CompatibilityCheck:
    return CompatibilityCheck(code=code, verdict=CheckVerdict.NOT_EVALUATED, summary=why)
