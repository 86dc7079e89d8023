"""The errors that vmon raises on purpose; each message names the cause and, where there is one, the fix."""

from __future__ import annotations


class VmonError(Exception):
    """The root of them all; the command line prints these without a traceback."""


class PluginError(VmonError):
    """A plugin cannot be used."""


class ConfigError(VmonError):
    """The configuration is wrong; the message has one line for each problem."""


class JournalError(VmonError):
    """The journal cannot be used."""
