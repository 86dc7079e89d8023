"""Import one plugin, so that one that fails, hangs, exits or prints costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlib_metadata import EntryPoint

from vmon_core.errors import PluginError
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.failures import RemoteError
from vmon_core.host.fresh import load_file
from vmon_core.host.guarded import DEADLINE, guarded
from vmon_core.host.say import Say, nobody
from vmon_core.plugin import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from vmon_core.host.child.contract import Greeting, Order
    from vmon_core.host.resolution.records import Candidate


def import_plugin(
    candidate: Candidate,
    *,
    isolated: Order | None = None,
    known: Greeting | None = None,
    say: Say = nobody,
    deadline: float = DEADLINE,
) -> object:
    """Import a plugin.

    Args:
        candidate: what to import.
        isolated: run it in a child process, as this says; what is returned stands for it here. None imports it here.
        known: who it is, where that is known without its process.
        say: is told when it printed something, or when its process ends.
        deadline: seconds that it may take.

    Returns:
        The module or object that its entry point names.

    Raises:
        PluginError: it failed, or did not return in time.
    """
    doing = f"importing {candidate.value}"
    if isolated is None:
        return guarded(lambda: import_here(candidate), doing, say, deadline)
    try:
        return ChildPlugin(isolated, say, patience=deadline, known=known)
    except RemoteError as error:
        msg = f"{doing} in a child process failed: {error}"
        raise PluginError(msg) from error


def import_here(candidate: Candidate) -> object:
    """Import the module or object that a candidate names; anything may come out of it."""
    if candidate.path is not None:
        return load_file(candidate.path)
    return EntryPoint(candidate.name, candidate.value, ENTRY_POINT_GROUP).load()
