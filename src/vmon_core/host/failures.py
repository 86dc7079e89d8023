"""What a plugin raised: whether it is the plugin's at all, and how to say it."""

from __future__ import annotations

import threading

from vmon_core.errors import PluginError


class RemoteError(Exception):
    """Something went wrong in, or with, the child process of a plugin; the text says all."""


def is_interrupt(error: BaseException) -> bool:
    """Whether this is the user's Ctrl-C: only the main thread gets one, elsewhere a plugin raised it itself."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def describe(error: BaseException) -> str:
    """Put an exception into words, even one that cannot do so itself.

    >>> describe(ValueError("too long"))
    'ValueError: too long'
    """
    try:
        return str(error) if isinstance(error, RemoteError) else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 (its own __str__ is a plugin's code as well)
        return type(error).__name__


def failed_in(plugin: str, hook: str, error: str) -> PluginError:
    """Make the error for a person who asked for something that a plugin failed to do."""
    return PluginError(f"plugin {plugin!r} failed in {hook}: {error}; to go on without it, disable it in [plugins]")
