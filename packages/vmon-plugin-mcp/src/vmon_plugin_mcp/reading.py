"""The tools that only look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
from pydantic import Field

from vmon_core.journal.codec import EVENT_KINDS
from vmon_core.journal.reporting import report_from_journal
from vmon_core.report import finding_dict
from vmon_plugin_mcp import series
from vmon_plugin_mcp.answers import Answer, RefusedError
from vmon_plugin_mcp.untrusted import Origin, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.journal import Event
    from vmon_plugin_mcp.history import History
    from vmon_plugin_mcp.source import Source, Sources

RECENT = 120.0
"""Seconds of the recording that the latest values are taken from: more than any collector's usual interval."""

LONGEST = 86400.0
"""Seconds that one history may span: a day at one frame a second is read in a few seconds."""

MOST_SERIES = 20
"""Series of one history; more are better asked for by their labels."""

REPORTED = 50
"""Entries of each list in a report; older ones are in the events."""

CODE_LENGTH = 8000
"""Characters of a code plugin that are shown."""

Kind = Literal["transition", "checkpoint", "finding", "action", "verdict", "outcome", "message"]
TargetName = Annotated[
    str | None, Field(description="A name from list_targets; left out: the deployment seen last.", max_length=200)
]
Limit = Annotated[int, Field(description="How many at most.", ge=1, le=200)]

_ORIGIN = {"finding": Origin.PLUGIN, "message": Origin.PLUGIN, "action": Origin.PLUGIN, "outcome": Origin.PLUGIN}
_BULKY = frozenset({"evidence", "arguments", "environment", "hardware", "software", "metrics"})


class ReadTools:
    """Looks at deployments and plugins, and changes nothing.

    Args:
        history: what the journal tells.
        sources: whom to ask about plugins.
    """

    def __init__(self, history: History, sources: Sources) -> None:
        self._history = history
        self._sources = sources

    @property
    def all(self) -> tuple[Callable[..., Answer], ...]:
        """The tools, in the order in which they are listed."""
        return (
            self.get_state,
            self.list_targets,
            self.get_metrics,
            self.get_metric_history,
            self.list_events,
            self.list_findings,
            self.get_report,
            self.list_plugins,
            self.sandbox_functions,
        )

    def get_state(self, target: TargetName = None) -> Answer:
        """Tell which state a vLLM deployment is in, since when, why, and how fresh that is.

        `monitor_running` false means that nobody watches now: the state is the last one that was recorded.
        """
        data = self._history.state(self._history.find(target))
        return {**marked(data, Origin.SERVER), "monitor_running": data["target"] in self._sources.watched()}

    def list_targets(self) -> Answer:
        """List the deployments that vmon knows, each with its state; the one seen last comes last."""
        names = self._history.journal().targets()
        return {"targets": marked([self._history.state(name) for name in names], Origin.SERVER)}

    def get_metrics(
        self,
        target: TargetName = None,
        prefix: Annotated[str, Field(description="Such as `vllm.requests.` or `system.`.", max_length=200)] = "",
        limit: Limit = 100,
        offset: Annotated[int, Field(description="`next_offset` of the page before.", ge=0)] = 0,
    ) -> Answer:
        """Get the latest value of each metric whose name begins with `prefix`, sorted by name."""
        name = self._history.find(target)
        found = series.latest(self._history.frames(name, RECENT), prefix)
        page = [series.described(sample) for sample in found[offset : offset + limit]]
        more = {"next_offset": offset + limit} if offset + limit < len(found) else {}
        return {**marked({"target": name, "metrics": page}, Origin.SERVER), "total": len(found), **more}

    def get_metric_history(
        self,
        name: Annotated[str, Field(description="A name from get_metrics.", max_length=200)],
        target: TargetName = None,
        labels: Annotated[
            dict[str, str] | None, Field(description='Only series with these labels, such as {"engine": "0"}.')
        ] = None,
        seconds: Annotated[
            float, Field(description="How far back, from the last recorded moment.", gt=0, le=LONGEST)
        ] = 600.0,
        points: Annotated[int, Field(description="Points of each series at most.", ge=2, le=200)] = 60,
    ) -> Answer:
        """Get one metric over time, in few points: each has the last, least, greatest and mean value of its stretch.

        A counter only grows; the difference of two `last` values is what happened between them.
        """
        deployment = self._history.find(target)
        width = max(1.0, math.ceil(seconds / (points - 1)))
        found = series.history(self._history.frames(deployment, seconds), name, labels or {}, width)
        if not found:
            raise RefusedError(
                code="unknown_metric",
                message="nothing of this name and with these labels was recorded in that time",
                help="`get_metrics` lists the names; a longer `seconds` reaches further back",
            )
        lines = [
            {"labels": dict(key[1]), "points": [buckets[number].point() for number in sorted(buckets)]}
            for key, buckets in sorted(found.items())[:MOST_SERIES]
        ]
        data = marked({"target": deployment, "name": name, "series": lines}, Origin.SERVER)
        return {**data, "total_series": len(found), "seconds_per_point": width}

    def list_events(
        self,
        target: TargetName = None,
        kinds: Annotated[list[Kind] | None, Field(description="Only these kinds.")] = None,
        before: Annotated[int | None, Field(description="`next_before` of the page before.", ge=0)] = None,
        limit: Limit = 50,
    ) -> Answer:
        """List what happened, the newest page first: transitions, findings, proposed actions and what the gate said."""
        name = self._history.find(target)
        wanted = tuple(kinds or EVENT_KINDS)
        found = self._history.events(name, wanted, before, limit)
        more = {"next_before": found[0].id} if len(found) == limit else {}
        return {"target": marked(name, Origin.SERVER), "events": [_event(event) for event in found], **more}

    def list_findings(self, target: TargetName = None, *, include_past: bool = False, limit: Limit = 50) -> Answer:
        """List the findings that hold now; `include_past` lists the newest of all instead, with those that are over."""
        name = self._history.find(target)
        found = self._history.findings(name) if include_past else self._history.open_findings(name)
        shown = [{**finding_dict(finding), "evidence": finding.evidence} for finding in found[-limit:]]
        return {**marked({"target": name, "findings": shown}, Origin.PLUGIN), "total": len(found)}

    def get_report(self, target: TargetName = None) -> Answer:
        """Report how a deployment's life went: phases, the cause of a failure, what was left behind, proposals."""
        journal = self._history.journal()
        report = report_from_journal(journal, self._history.find(target)).as_dict()
        for name in ("transitions", "findings", "actions", "processes"):
            report[f"{name}_left_out"] = max(0, len(report[name]) - REPORTED)
            report[name] = report[name][-REPORTED:]
        if report["checkpoint"] is not None:
            report["checkpoint"] = {k: v for k, v in report["checkpoint"].items() if k not in {"metrics", "evidence"}}
        return dict(marked(report, Origin.SERVER))

    def list_plugins(self) -> Answer:
        """List the plugins: those in use, those that were rejected and why, and those that were made from code."""
        source = self._sources.current()
        return {
            "monitor_running": source.live,
            "loaded": marked(source.loaded(), Origin.PLUGIN),
            "rejected": marked(source.rejected(), Origin.PLUGIN),
            "code_plugins": marked(_code_plugins(source), Origin.CODE, length=CODE_LENGTH),
        }

    def sandbox_functions(self) -> Answer:
        """List the functions that the code of a plugin may call, with signature and example."""
        return {"functions": marked(self._sources.current().code().functions(), Origin.PLUGIN, length=CODE_LENGTH)}


def _code_plugins(source: Source) -> tuple[Mapping[str, Any], ...]:
    """The plugins from code, none where nothing runs them."""
    try:
        return source.code().describe()
    except RefusedError:
        return ()


def _event(event: Event) -> Any:  # noqa: ANN401 (plain data)
    record = event.record
    fields = {f.name: getattr(record, f.name) for f in attrs.fields(type(record))}
    if event.kind in {"transition", "checkpoint"}:
        fields = {name: value for name, value in fields.items() if name not in _BULKY}
    data = {"number": event.id, "t": event.time, "kind": event.kind, "record": fields}
    return marked(data, _ORIGIN.get(event.kind, Origin.SERVER))
