"""Import one plugin, so that one that fails, hangs, exits or prints costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlib_metadata import EntryPoint

from vmon_core.errors import PluginError
from vmon_core.host.guarded import DEADLINE, guarded
from vmon_core.host.say import Say, nobody
from vmon_core.plugin import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    from vmon_core.host.resolution.records import Candidate


def import_plugin(
    candidate: Candidate, *, isolated: bool = False, say: Say = nobody, deadline: float = DEADLINE
) -> object:
    """Import a plugin.

    Args:
        candidate: what to import.
        isolated: run it in a child process; what is returned stands for it here.
        say: is told when it printed something.
        deadline: seconds that it may take.

    Returns:
        The module or object that its entry point names.

    Raises:
        PluginError: it failed, or did not return in time.
    """
    if isolated:
        msg = "it is to run in a child process, which this version of vmon cannot do yet"
        raise PluginError(msg)
    point = EntryPoint(candidate.name, candidate.value, ENTRY_POINT_GROUP)
    return guarded(point.load, f"importing {candidate.value}", say, deadline)
