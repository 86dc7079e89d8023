{% set kinds = cookiecutter.__kinds.split(',') %}
{% set judges = 'analyzer' in kinds or 'guardrail' in kinds %}
{% set writes = 'intervention' in kinds or 'exporter' in kinds %}
{% set configured = kinds != ['command'] %}
{% set records, types = [], [] %}
{% set _ = 'collector' in kinds and (records.append('Sample'), types.append('Tick')) %}
{% set _ = 'analyzer' in kinds and (records.append('Finding'), records.append('Severity')) %}
{% set _ = 'guardrail' in kinds and (records.append('Action'), types.append('Checkpoint')) %}
{% set _ = 'lifecycle' in kinds and (records.append('Severity'), types.append('Change')) %}
{% set _ = 'intervention' in kinds and (records.append('Outcome'), records.append('OutcomeStatus'), types.append('Action')) %}
{% set _ = 'exporter' in kinds and types.append('Frame') %}
{% set types = types|reject('in', records)|sort %}
"""The hooks of the plugin; what they do is an example, to be replaced by what you want."""

from __future__ import annotations

{% if 'exporter' in kinds %}
import json
{% endif %}
{% if 'collector' in kinds %}
import os
{% endif %}
{% if configured %}
from typing import TYPE_CHECKING

{% endif %}
{% if 'command' in kinds %}
import click
{% endif %}
import importlib_metadata as metadata
from vmon_core.plugin import PluginInfo{{ ', Risk' if 'intervention' in kinds }}{{ ', every' if 'collector' in kinds }}, hookimpl
{% if records %}
from vmon_core.records import {{ records|unique|sort|join(', ') }}
{% endif %}

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config

{% if configured %}
if TYPE_CHECKING:
{% if judges or 'collector' in kinds %}
    from collections.abc import Iterable
{% endif %}
{% if writes %}
    from pathlib import Path
{% endif %}
{% if writes or judges or 'collector' in kinds %}

{% endif %}
{% if 'analyzer' in kinds %}
    from vmon_core.pipeline.window import Window
{% endif %}
    from vmon_core.plugin import Host
{% if types %}
    from vmon_core.records import {{ types|join(', ') }}
{% endif %}

{% endif %}
NAME = "{{ cookiecutter.name }}"
DISTRIBUTION = "{{ cookiecutter.__distribution }}"
{% if 'collector' in kinds %}

LOAD = "{{ cookiecutter.__word }}.load"
"""The metric that the collector measures."""
{% endif %}
{% if judges %}

WATCHED = {{ 'LOAD' if 'collector' in kinds else '"vllm.requests.waiting"' }}
"""The metric that is judged."""
{% endif %}
{% if 'intervention' in kinds %}

NOTE = "{{ cookiecutter.__word }}.note"
"""The kind of action that this plugin carries out."""
{% endif %}


class {{ cookiecutter.__class }}Plugin:
    """{{ cookiecutter.__summary }}."""
{% if configured %}

    def __init__(self) -> None:
        """Begin with the defaults; `vmon_start` brings what the user has set."""
        self._config = {{ cookiecutter.__class }}Config()
{% if 'lifecycle' in kinds %}
        self._host: Host | None = None
{% endif %}
{% if writes %}
        self._folder: Path | None = None
{% endif %}
{% if 'exporter' in kinds %}
        self._exported = float("-inf")
{% endif %}
{% endif %}

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name=NAME,
            version=metadata.version(DISTRIBUTION),
            summary="{{ cookiecutter.__summary }}",
            config={{ cookiecutter.__class }}Config,
{% if 'intervention' in kinds %}
            actions={NOTE: Risk.NONE},
{% endif %}
        )
{% if configured %}

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take what the user has set."""
        self._config = host.config(NAME)
{% if 'lifecycle' in kinds %}
        self._host = host
{% endif %}
{% if writes %}
        self._folder = host.data_dir
{% endif %}
{% endif %}
{% if 'collector' in kinds %}

    @hookimpl
    @every("5s", timeout="2s")
    def vmon_collect(self, tick: Tick) -> Iterable[Sample]:
        """Measure. Give nothing when it cannot be measured: absent means not known, zero would be a lie."""
        averages = dict(zip((1, 5, 15), os.getloadavg(), strict=True))
        yield Sample(LOAD, averages[self._config.average_minutes], tick.time, unit="tasks")
{% endif %}
{% if 'analyzer' in kinds %}

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what holds now; the host notices what is new and what is over."""
        value = window.latest(WATCHED)
        if value is not None and value > self._config.warn_above:
            yield Finding(
                code="{{ cookiecutter.__word }}.too_much",
                severity=Severity.WARNING,
                summary=f"{WATCHED} is {value:.0f}, more than {self._config.warn_above:.0f}",
                time=window.now,
                advice="Look at what else runs there.",
            )
{% endif %}
{% if 'guardrail' in kinds %}

    @hookimpl
    def vmon_guardrail(self, checkpoint: Checkpoint) -> Iterable[Action]:
        """Propose an action; the gate decides on it."""
        value = checkpoint.metrics.get(WATCHED)
        if value is not None and value > self._config.act_above:
            yield Action(
                id=f"{NAME}-{checkpoint.id}",
                kind={{ 'NOTE' if 'intervention' in kinds else '"notify"' }},
                target=checkpoint.target,
                reason=f"{WATCHED} is {value:.0f}, more than {self._config.act_above:.0f}",
                policy=NAME,
                time=checkpoint.time,
            )
{% endif %}
{% if 'lifecycle' in kinds %}

    @hookimpl
    def vmon_lifecycle(self, change: Change) -> None:
        """Announce the states that the user wants to hear of."""
        if self._host is not None and change.state in self._config.announce:
            self._host.say(Severity.INFO, f"{change.origin} is over, now it is {change.state}: {change.reason}")
{% endif %}
{% if 'intervention' in kinds %}

    @hookimpl
    def vmon_intervene(self, action: Action) -> Outcome:
        """Carry out an action that the gate has allowed."""
        if self._folder is None:
            return Outcome(action=action.id, status=OutcomeStatus.FAILED, detail="it is not started", time=action.time)
        path = self._folder / self._config.file_name
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{action.time:.3f} {action.target}: {action.reason}\n")
        return Outcome(action=action.id, status=OutcomeStatus.DONE, detail=f"noted in {path}", time=action.time)
{% endif %}
{% if 'exporter' in kinds %}

    @hookimpl
    def vmon_export(self, frame: Frame) -> None:
        """Write a frame out, now and then."""
        if self._folder is None or frame.time - self._exported < self._config.export_every:
            return
        self._exported = frame.time
        line = {"time": frame.time, "samples": {sample.name: sample.value for sample in frame.samples}}
        with (self._folder / "frames.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
{% endif %}
{% if 'command' in kinds %}

    @hookimpl
    def vmon_commands(self, cli: click.Group) -> None:
        """Add `vmon {{ cookiecutter.name }}`."""

        @cli.command(NAME)
        def show() -> None:
            """Show the version of {{ cookiecutter.__distribution }}."""
            click.echo(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}")
{% endif %}


plugin = {{ cookiecutter.__class }}Plugin()
"""What the entry point names."""
