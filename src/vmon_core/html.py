"""The report as one self-contained page: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING

from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.records import CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.report import LifecycleReport

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 small { font-weight: normal; opacity: .6; font-size: .6em; }
.badge { border-radius: .4em; padding: .1em .6em; color: #fff; background: #4a7; font-size: .8em; }
.badge.bad { background: #c43; } .badge.doubt { background: #b80; } .badge.start { background: #37a; }
.bar { display: flex; height: 2.2rem; border-radius: .4em; overflow: hidden; margin: .5rem 0; }
.bar div { background: hsl(var(--h) 55% 50%); min-width: 2px; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
td, th { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cause { border-left: .3em solid #c43; padding: .5rem 1rem; background: #c4311022; }
i.dot { display: inline-block; width: .8em; height: .8em; border-radius: 50%; background: hsl(var(--h) 55% 50%); }
"""

_BAD = frozenset(
    {
        LifecycleState.HUNG,
        LifecycleState.CORRUPT,
        LifecycleState.STUCK_STOPPING,
        *(s for s in LifecycleState if s.stage is Stage.ENDED and s is not LifecycleState.STOPPED),
    }
)
_DOUBT = frozenset({LifecycleState.STALLED, LifecycleState.SATURATED, LifecycleState.DEGRADED})


def page(report: LifecycleReport) -> str:
    """Make the page.

    Args:
        report: a life.

    Returns:
        HTML 5; everything from outside is escaped.
    """
    parts = [
        f"<h1>{escape(report.target)} {_badge(report.state)} <small>{_when(report.since)}</small></h1>",
        *_failure(report),
        *_phases(report),
        "<h2>What happened</h2>",
        _table(("when", "state", "why"), ((_when(c.time), _badge(c.state), escape(c.reason)) for c in report.changes)),
        *_checks(report),
        *_findings(report),
        *_actions(report),
        *_processes(report),
        *_checkpoint(report),
    ]
    title = escape(f"vmon: {report.target}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _badge(state: LifecycleState) -> str:
    kind = "bad" if state in _BAD else "doubt" if state in _DOUBT else "start" if state.stage is Stage.STARTUP else ""
    return f'<span class="badge {kind}">{state.value}</span>'


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) + f".{int(seconds % 1 * 1000):03d}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; the cells are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in head)}</tr>{body}</table>"


def _failure(report: LifecycleReport) -> list[str]:
    failure = report.failure
    if failure is None:
        return []
    text = f"<b>{escape(failure.code)}</b> during {failure.phase.value}: {escape(failure.explanation or failure.cause)}"
    said = f"<br>The log says: <q>{escape(failure.cause)}</q>" if failure.explanation else ""
    advice = f"<br>Fix: {escape(failure.advice)}" if failure.advice else ""
    return [f'<p class="cause">{text}{said}{advice}<br>{escape(failure.restart_advice)}</p>']


def _phases(report: LifecycleReport) -> list[str]:
    total = report.startup_seconds
    if not total:
        return []
    hue = {p.state: 360 * n // len(report.phases) for n, p in enumerate(report.phases)}
    bar = "".join(
        f'<div style="--h:{hue[p.state]};width:{100 * p.seconds / total:.2f}%" title="{p.state.value}"></div>'
        for p in report.phases
    )
    rows = (
        (f'<i class="dot" style="--h:{hue[p.state]}"></i> {p.state.value}', f"{p.seconds:.2f} s") for p in report.phases
    )
    return [f"<h2>Start-up: {total:.1f} s</h2>", f'<div class="bar">{bar}</div>', _table(("phase", "took"), rows)]


def _findings(report: LifecycleReport) -> list[str]:
    rows = [
        (
            _when(f.time),
            "over" if f.cleared else f.severity.name.lower(),
            escape(f.code),
            escape(f.summary),
            escape(f.advice),
        )
        for f in report.findings
    ]
    return ["<h2>What was found</h2>", _table(("when", "", "code", "what", "advice"), rows)] if rows else []


def _checks(report: LifecycleReport) -> list[str]:
    checks = report.checkpoint.checks if report.checkpoint else ()
    rows = [
        (escape(c.verdict.value), escape(c.code), escape(c.summary), escape(c.fix))
        for c in checks
        if c.verdict in (CheckVerdict.FAILURE, CheckVerdict.WARNING)
    ]
    return ["<h2>What was predicted</h2>", _table(("verdict", "code", "what", "fix"), rows)] if rows else []


def _actions(report: LifecycleReport) -> list[str]:
    rows = [
        (
            _when(a.action.time),
            escape(a.action.policy),
            escape(a.action.kind),
            escape(f"{a.verdict.ruling}: {a.verdict.reason}") if a.verdict else "",
            escape(f"{a.outcome.status}: {a.outcome.detail}") if a.outcome else "",
        )
        for a in report.actions
    ]
    return (
        ["<h2>What was proposed</h2>", _table(("when", "policy", "action", "verdict", "outcome"), rows)] if rows else []
    )


def _processes(report: LifecycleReport) -> list[str]:
    rows = [(str(p["pid"]), escape(str(p["name"])), escape(str(p["role"])), str(p["state"])) for p in report.processes]
    return ["<h2>Processes</h2>", _table(("pid", "name", "role", "state"), rows)] if rows else []


def _checkpoint(report: LifecycleReport) -> list[str]:
    checkpoint = report.checkpoint
    if checkpoint is None:
        return []
    parts = []
    for title, values in (
        ("Arguments", checkpoint.arguments),
        ("Environment", checkpoint.environment),
        ("Hardware", checkpoint.hardware),
        ("Software", checkpoint.software),
        ("Metrics", checkpoint.metrics),
    ):
        rows = [(escape(str(k)), escape(str(v))) for k, v in sorted(values.items())]
        if rows:
            parts.append(f"<details><summary>{title} ({len(rows)})</summary>{_table(('', ''), rows)}</details>")
    return ["<h2>Latest checkpoint</h2>", *parts]
