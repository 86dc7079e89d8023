"""What a plugin raised: whether it is the plugin's at all, and how to say it."""

from __future__ import annotations

import threading

from vmon_core.errors import PluginError


class RemoteError(Exception):
    """Something went wrong in, or with, the child process of a plugin; the text says all."""


class EndedError(RemoteError):
    """The child process has ended, or was killed: its keeper tells of that, once."""


def is_interrupt(error: BaseException) -> bool:
    """Whether this is the user's Ctrl-C: only the main thread gets one, elsewhere a plugin raised it itself."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


TEXT_LIMIT = 2000
"""Characters of an error's text that are kept: it is shown, recorded, and remembered for each implementation."""


def describe(error: BaseException) -> str:
    """Put an exception into words, even one that cannot do so itself, and no more of them than anybody reads.

    >>> describe(ValueError("too long"))
    'ValueError: too long'
    """
    try:
        text = str(error) if isinstance(error, RemoteError) else f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 (its own __str__ is a plugin's code as well, and may exit)
        return type(error).__name__
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text):,} characters)"


def failed_in(plugin: str, hook: str, error: str) -> PluginError:
    """Make the error for a person who asked for something that a plugin failed to do."""
    return PluginError(f"plugin {plugin!r} failed in {hook}: {error}; to go on without it, disable it in [plugins]")
