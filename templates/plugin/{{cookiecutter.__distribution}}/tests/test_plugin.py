{% set kinds = cookiecutter.__kinds.split(',') %}
{% set nonsense = {'collector': 'average_minutes=2', 'analyzer': 'warn_above=0', 'guardrail': 'act_above=-1', 'exporter': 'export_every=0', 'intervention': 'file_name="../elsewhere"'} %}
{% set tried = [] %}
{% for kind in kinds if kind in nonsense %}{% set _ = tried.append(nonsense[kind]) %}{% endfor %}
"""The plugin as a whole: it is found, keeps the contract, and refuses nonsense."""

from __future__ import annotations

import pytest
from vmon_core import setup_plugin_system
from vmon_core.testing import FakeHost, check_plugin

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import NAME, {{ cookiecutter.__class }}Plugin


@pytest.mark.vmon_installed
def test_it_is_installed() -> None:
    """The entry point leads to a plugin that nothing speaks against."""
    host = setup_plugin_system()
    assert NAME in [plugin.info.name for plugin in host.plugins], host.report.rejected


def test_it_keeps_the_contract() -> None:
    """What every plugin promises."""
    assert check_plugin({{ cookiecutter.__class }}Plugin()).name == NAME


def test_a_mistake_in_the_configuration_is_refused(vmon_host: FakeHost) -> None:
    """An unknown key is an error at the start."""
    with pytest.raises(ValueError, match="no_such_key"):
        vmon_host.configure(NAME, {{ cookiecutter.__class }}Config, {"no_such_key": 1})
{% for arguments in tried %}
{% set field = arguments.split('=')[0] %}


def test_a_wrong_{{ field }}_is_refused() -> None:
    """What makes no sense is an error at the start."""
    with pytest.raises(ValueError, match="{{ field }}"):
        {{ cookiecutter.__class }}Config({{ arguments }})
{% endfor %}
