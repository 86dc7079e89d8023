"""The settings of `[plugins.preflight]`."""

from __future__ import annotations

import attrs


@attrs.frozen
class PreflightConfig:
    """How launches are checked.

    Attributes:
        deadline: seconds that the checks may take together; what is not done by then was not evaluated.
    """

    deadline: float = attrs.field(default=0.8, validator=attrs.validators.gt(0))
