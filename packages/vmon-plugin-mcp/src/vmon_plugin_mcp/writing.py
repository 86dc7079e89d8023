"""The tools that make plugins from code; what they make goes through the gate like everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
from pydantic import Field

from vmon_core.dynamic import CodeKind, CodePlugin, CodePlugins
from vmon_plugin_mcp.answers import Answer, RefusedError, problems
from vmon_plugin_mcp.reading import CODE_LENGTH
from vmon_plugin_mcp.untrusted import Origin, marked

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.dynamic import Trial
    from vmon_plugin_mcp.source import Sources

Name = Annotated[
    str, Field(description="Unique among code plugins: lower case letters, digits, `-` and `_`.", max_length=64)
]
Kind = Literal["collector", "analyzer", "guardrail", "lifecycle", "intervention", "exporter"]
Code = Annotated[
    str,
    Field(description="The body of a function, in Python; it answers with `return`.", max_length=100_000),
]
Condition = Annotated[
    str,
    Field(
        description="The body of a function of `checkpoint` that returns True or False, such as"
        " `return checkpoint.metrics.get('vllm.requests.waiting', 0) > 50`.",
        max_length=100_000,
    ),
]
Description = Annotated[str, Field(description="One line for people.", max_length=500)]
Intervention = Annotated[
    str, Field(description="The kind of action to propose, such as `notify`; the gate decides.", max_length=64)
]
Actions = Annotated[
    list[str] | None, Field(description="The kinds of action that an intervention may propose; the gate decides.")
]
Functions = Annotated[
    list[str] | None, Field(description="The functions of sandbox_functions that it may call; left out: all of them.")
]
Interval = Annotated[float, Field(description="Seconds between two runs of a collector.", ge=1.0, le=86400.0)]
HoldFor = Annotated[
    float, Field(description="Seconds that a condition must hold before it counts.", ge=0.0, le=86400.0)
]
Cooldown = Annotated[float, Field(description="Seconds after a proposal without another one.", ge=1.0, le=86400.0)]
Version = Annotated[int | None, Field(description="Which version; left out: the one before.", ge=1)]

_CREATED = "in use; nothing that it proposes is done unless the gate of the operator allows it"
_KEPT = "kept; no monitor runs, so it begins its work when the next one starts"


class WriteTools:
    """Tries, makes and removes plugins from code, and nothing else.

    Args:
        sources: whom to ask.
        owner: whose name is on what is made; what others own is left alone.
    """

    def __init__(self, sources: Sources, owner: str) -> None:
        self._sources = sources
        self._owner = owner

    @property
    def all(self) -> tuple[Callable[..., Answer], ...]:
        """The tools, in the order in which they are listed."""
        return (
            self.try_plugin,
            self.create_plugin,
            self.try_guardrail,
            self.create_guardrail,
            self.back_out_plugin,
            self.remove_plugin,
        )

    def try_plugin(  # noqa: PLR0913, PLR0917 (one parameter an argument of the tool)
        self,
        name: Name,
        plugin_type: Kind,
        execute_code: Code,
        description: Description = "",
        actions: Actions = None,
        functions: Functions = None,
    ) -> Answer:
        """Check a plugin's code and run it once in the sandbox; nothing is kept.

        `problems` says what to mend, with the line; an empty list means that `create_plugin` would take it.
        """
        return self._try(self._plugin(name, plugin_type, execute_code, description, actions, functions))

    def create_plugin(  # noqa: PLR0913, PLR0917 (one parameter an argument of the tool)
        self,
        name: Name,
        plugin_type: Kind,
        execute_code: Code,
        description: Description = "",
        actions: Actions = None,
        functions: Functions = None,
        interval: Interval = 5.0,
    ) -> Answer:
        """Make a plugin from code, or replace its older version; it runs in a sandbox.

        An `error` with `problems` says what to mend; the older version, if there is one, goes on.
        """
        plugin = self._plugin(name, plugin_type, execute_code, description, actions, functions)
        return self._create(attrs.evolve(plugin, interval=interval))

    def try_guardrail(
        self, name: Name, condition_code: Condition, intervention: Intervention, description: Description = ""
    ) -> Answer:
        """Check a guardrail's condition and run it once on the latest checkpoint; nothing is kept or proposed."""
        return self._try(self._guardrail(name, condition_code, intervention, description))

    def create_guardrail(  # noqa: PLR0913, PLR0917 (one parameter an argument of the tool)
        self,
        name: Name,
        condition_code: Condition,
        intervention: Intervention,
        description: Description = "",
        hold_for: HoldFor = 0.0,
        cooldown: Cooldown = 60.0,
    ) -> Answer:
        """Make a guardrail that proposes an intervention while its condition holds; the operator's gate decides."""
        plugin = self._guardrail(name, condition_code, intervention, description)
        return self._create(attrs.evolve(plugin, hold_for=hold_for, cooldown=cooldown))

    def back_out_plugin(self, name: Name, version: Version = None) -> Answer:
        """Go back to an earlier version of a plugin made from code; it becomes the newest one."""
        code = self._sources.current().code()
        self._refuse_foreign(code, name)
        return self._made(code.back_out(name, version, self._owner))

    def remove_plugin(self, name: Name) -> Answer:
        """Take a plugin made from code out of use; its versions are kept."""
        code = self._sources.current().code()
        self._refuse_foreign(code, name)
        code.remove(name, self._owner)
        return {"removed": marked(name, Origin.AGENT)}

    # --- how ---

    def _plugin(  # noqa: PLR0913, PLR0917 (as the tools that call it)
        self,
        name: str,
        kind: str,
        code: str,
        description: str,
        actions: list[str] | None,
        functions: list[str] | None,
    ) -> CodePlugin:
        return CodePlugin(
            name=name,
            kind=CodeKind(kind),
            code=code,
            description=description,
            actions=tuple(actions or ()),
            functions=None if functions is None else tuple(functions),
            owner=self._owner,
        )

    def _guardrail(self, name: str, condition: str, intervention: str, description: str) -> CodePlugin:
        return self._plugin(name, CodeKind.GUARDRAIL, condition, description, [intervention], None)

    def _try(self, plugin: CodePlugin) -> Answer:
        trial = self._sources.current().code().attempt(plugin)
        return {"ok": not trial.problems, **_trial(trial)}

    def _create(self, plugin: CodePlugin) -> Answer:
        code = self._sources.current().code()
        self._refuse_foreign(code, plugin.name)
        return self._made(code.create(plugin))

    def _made(self, plugin: CodePlugin) -> Answer:
        live = self._sources.current().live
        return {**_version(plugin), "note": _CREATED if live else _KEPT}

    def _refuse_foreign(self, code: CodePlugins, name: str) -> None:
        """Leave alone what a person or another agent made, such as an operator's own guardrail."""
        owners = {str(each.get("owner", "")) for each in code.describe() if each.get("name") == name}
        if owners - {self._owner}:
            raise RefusedError(
                code="not_yours",
                message="a plugin of this name belongs to another owner, and is left alone",
                help="choose another name; a person can change it with `vmon plugins`",
                owner=owners,
            )


def _version(plugin: CodePlugin) -> dict[str, Any]:
    names = ("name", "kind", "version", "owner", "actions", "functions")
    return dict(marked({name: getattr(plugin, name) for name in names}, Origin.AGENT))


def _trial(trial: Trial) -> Answer:
    shown = {"value": trial.value, "printed": trial.printed, "seconds": trial.seconds}
    return {"problems": problems(trial.problems), **marked(shown, Origin.CODE, length=CODE_LENGTH)}
