"""Make a plugin's configuration object from its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def settings(kind: type, table: Mapping[str, Any]) -> Any:  # noqa: ANN401 (each plugin has its own class)
    """Read a `[plugins.NAME]` table.

    Args:
        kind: the plugin's attrs class.
        table: as it was written; `{env = …}` and `{file = …}` are resolved.

    Returns:
        An instance of `kind`.

    Raises:
        ValueError: the table does not fit; the message names each key.
    """
    if not table:
        return kind()
    import cattrs  # noqa: PLC0415 (slow to import, and few plugins have a table)

    from vmon_core.config import resolve_secrets  # noqa: PLC0415

    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        return converter.structure(resolve_secrets(table), kind)
    except cattrs.BaseValidationError as error:
        raise ValueError("; ".join(cattrs.transform_error(error))) from error
