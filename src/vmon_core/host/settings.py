"""Make a plugin's configuration object from its table."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, get_args, get_origin

from vmon_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import cattrs

    from vmon_core.plugin import PluginInfo


def configured(info: PluginInfo, table: Mapping[str, Any]) -> Any:  # noqa: ANN401 (each plugin has its own class)
    """Make the configuration object of a plugin.

    Args:
        info: names the plugin and its class.
        table: its `[plugins.NAME]` table, as it was written.

    Returns:
        An instance of the class, None for a plugin that takes no configuration.

    Raises:
        PluginError: the table does not fit.
    """
    if info.config is None:
        if table:
            msg = f"it takes no configuration, but [plugins.{info.name}] is not empty"
            raise PluginError(msg)
        return None
    try:
        return settings(info.config, table)
    except Exception as error:
        msg = f"[plugins.{info.name}]: {error}"
        raise PluginError(msg) from error


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
    _be_strict(converter)
    try:
        return converter.structure(resolve_secrets(table), kind)
    except cattrs.BaseValidationError as error:
        problems = cattrs.transform_error(error, format_exception=_in_words)
        raise ValueError("; ".join(problem.removesuffix(" @ $") for problem in problems)) from error


def _be_strict(converter: cattrs.Converter) -> None:
    """Refuse what cattrs would coerce: "no" to True, a table to its text, a text to a tuple of its letters.

    A number may still come as text, since that is how an environment variable gives it.
    """
    for kind, (taken, what) in _TAKEN.items():
        converter.register_structure_hook(kind, _reader(taken, what))

    def array(kind: Any) -> Callable[[Any, Any], Any]:  # noqa: ANN401 (a generic type)
        items: Any = GenericAlias(list, get_args(kind)[:1])
        read = _reader((list,), "an array")
        return lambda value, _: tuple(converter.structure(read(value, list), items))

    converter.register_structure_hook_factory(_is_array, array)


_TAKEN: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    str: ((str,), "a string"),
    int: ((int, str), "a whole number"),
    float: ((int, float, str), "a number"),
}


def _reader(taken: tuple[type, ...], what: str) -> Callable[[Any, Any], Any]:
    def hook(value: object, kind: Callable[[Any], Any]) -> object:  # the kind may be an enumeration of texts
        if type(value) not in taken:
            msg = f"expected {what}, got {value!r}"
            raise ValueError(msg)
        return kind(value)

    return hook


def _is_array(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple and get_args(kind)[-1] is Ellipsis


def _in_words(error: BaseException, kind: type | None) -> str:
    """What a validator of the plugin's own class says, which names the key; else what cattrs says."""
    from cattrs.v import format_exception  # noqa: PLC0415 (as above)

    own = isinstance(error, ValueError | TypeError) and kind is None and error.args
    return str(error.args[0]) if own else format_exception(error, kind)
