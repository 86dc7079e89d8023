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
        problems = cattrs.transform_error(error, format_exception=_in_words)
        raise ValueError("; ".join(problem.removesuffix(" @ $") for problem in problems)) from error


def _in_words(error: BaseException, kind: type | None) -> str:
    """What a validator of the plugin's own class says, which names the key; else what cattrs says."""
    from cattrs.v import format_exception  # noqa: PLC0415 (as above)

    own = isinstance(error, ValueError | TypeError) and kind is None and error.args
    return str(error.args[0]) if own else format_exception(error, kind)
