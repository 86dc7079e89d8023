"""The `[plugins.{{ cookiecutter.name }}]` table."""

from __future__ import annotations

import attrs
from attrs.validators import gt


@attrs.frozen(kw_only=True)
class {{ cookiecutter.__class }}Config:
    """When it is too much.

    Attributes:
        max_load: tasks above which there is a finding.
    """

    max_load: float = attrs.field(default=64.0, validator=gt(0))
