"""What every plugin promises, as one check that a plugin's own tests can call."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_core.errors import PluginError
from vmon_core.host.checks import implementations
from vmon_core.host.plugin_host import PluginHost
from vmon_core.testing.rules.judging import adds_commands, knows_what_is_its_own, makes_nothing_of_nothing
from vmon_core.testing.rules.living import hands_over, lives_twice
from vmon_core.testing.rules.loading import describes_itself, imports_light, refuses_nonsense
from vmon_core.testing.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.host.say import Say
    from vmon_core.plugin import PluginInfo
    from vmon_core.records import Severity

RULES = (
    imports_light,
    describes_itself,
    refuses_nonsense,
    makes_nothing_of_nothing,
    knows_what_is_its_own,
    adds_commands,
    lives_twice,
    hands_over,
)
"""Every rule but the first and the last: that it loads, and that it prints nothing all the while."""


def check_plugin(plugin: object, config: Mapping[str, Any] | None = None) -> PluginInfo:
    """Check that a plugin keeps the contract; nothing is launched, and no intervention is carried out.

    Args:
        plugin: a module or an object with hook implementations.
        config: its `[plugins.NAME]` table, for a plugin that needs one.

    Returns:
        What it says about itself.

    Raises:
        AssertionError: it breaks promises; each line of the message begins with a rule's name.

    >>> from vmon_core.notify import NotifyPlugin
    >>> from vmon_core.feedback import Feedback
    >>> check_plugin(NotifyPlugin(Feedback())).name
    'notify'
    """
    printed = io.StringIO()

    def told(level: Severity, source: str, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values)
        """The host keeps prints apart while it loads a plugin, and only tells of them."""
        del level, source, context
        printed.write(text)

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(printed), redirect_stderr(printed):
        subject = _loaded(plugin, config or {}, Path(folder), told)
        broken = [error for rule in RULES if (error := _broken(rule, subject))]
    if text := printed.getvalue():
        broken.append(AssertionError(f"prints_nothing: it prints {text[:200]!r}; messages go through host.say"))
    if broken:
        raise AssertionError("\n".join(map(str, broken))) from broken[0]
    return subject.info


def _broken(rule: Callable[[Subject], None], subject: Subject) -> AssertionError | None:
    """What a rule says of a plugin that breaks it; the other rules are asked all the same."""
    try:
        rule(subject)
    except AssertionError as error:
        return error
    return None


def _loaded(plugin: object, table: Mapping[str, Any], folder: Path, say: Say) -> Subject:
    """Load a plugin as the host does, which checks its hooks and what it says about itself."""
    try:
        info = PluginHost(say).try_alone(plugin).info
    except PluginError as error:
        msg = f"loads: {error}"
        raise AssertionError(msg) from error
    return Subject(plugin, info, dict(implementations(plugin)), table, folder)
