"""Where the rules are, in the order in which they are told."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmon_plugin_preflight.rule import Rule

AREAS = ("vmon_plugin_preflight.rules.arguments",)
"""Modules with a tuple `RULES`; they are imported when a launch is checked, not before."""


@functools.cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every area."""
    return tuple(rule for area in AREAS for rule in import_module(area).RULES)
