{% set kinds = cookiecutter.__kinds.split(',') %}
{% set validators = (['in_'] if 'collector' in kinds else []) + (['gt'] if ['analyzer', 'guardrail', 'exporter']|select('in', kinds)|list else []) + (['matches_re'] if 'intervention' in kinds else []) %}
"""The `[plugins.{{ cookiecutter.name }}]` table."""

from __future__ import annotations

import attrs
{% if validators %}
from attrs.validators import {{ validators|sort|join(', ') }}
{% endif %}
{% if 'lifecycle' in kinds %}
from vmon_core.lifecycle.states import LifecycleState
{% endif %}


@attrs.frozen(kw_only=True)
class {{ cookiecutter.__class }}Config:
{% if kinds == ['command'] %}
    """What can be set; nothing so far."""
{% else %}
    """What can be set.

    Attributes:
{% if 'collector' in kinds %}
        average_minutes: minutes over which the load is averaged: 1, 5 or 15.
{% endif %}
{% if 'analyzer' in kinds %}
        warn_above: the value above which there is a finding.
{% endif %}
{% if 'guardrail' in kinds %}
        act_above: the value above which an action is proposed.
{% endif %}
{% if 'lifecycle' in kinds %}
        announce: the states that are announced when a deployment enters them.
{% endif %}
{% if 'intervention' in kinds %}
        file_name: the file, in the plugin's own folder, that actions are noted in.
{% endif %}
{% if 'exporter' in kinds %}
        export_every: seconds from one exported frame to the next.
{% endif %}
    """

{% if 'collector' in kinds %}
    average_minutes: int = attrs.field(default=1, validator=in_((1, 5, 15)))
{% endif %}
{% if 'analyzer' in kinds %}
    warn_above: float = attrs.field(default=64.0, validator=gt(0))
{% endif %}
{% if 'guardrail' in kinds %}
    act_above: float = attrs.field(default=256.0, validator=gt(0))
{% endif %}
{% if 'lifecycle' in kinds %}
    announce: tuple[LifecycleState, ...] = (LifecycleState.SERVING, LifecycleState.HUNG)
{% endif %}
{% if 'intervention' in kinds %}
    file_name: str = attrs.field(default="actions.log", validator=matches_re(r"\w[\w.-]*"))
{% endif %}
{% if 'exporter' in kinds %}
    export_every: float = attrs.field(default=10.0, validator=gt(0))
{% endif %}
{% endif %}
