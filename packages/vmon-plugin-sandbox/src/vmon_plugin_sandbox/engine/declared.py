"""What code may use, read from the declarations that the type check is given; those are ours, never the code's."""

from __future__ import annotations

import ast
import builtins

import attrs


@attrs.frozen
class Declared:
    """The names that there are.

    Attributes:
        names: functions and parameters.
        attributes: those of each class.
    """

    names: tuple[str, ...]
    attributes: dict[str, tuple[str, ...]]

    def of_type(self, name: str) -> list[str]:
        """The attributes of a type by the name that a message gives it, such as `dict[str, float]`."""
        plain_name = name.partition("[")[0]
        if plain_name in self.attributes:
            return list(self.attributes[plain_name])
        return [member for member in dir(getattr(builtins, plain_name, None)) if not member.startswith("_")]


def declared(signature: str, stubs: str) -> Declared:
    r"""Read the declarations.

    Args:
        signature: the parameters of the function that the code is the body of.
        stubs: classes with annotated attributes, and functions.

    Examples:
        >>> declared("now: Now", "class Now:\n    time: float\ndef f() -> int: ...").attributes
        {'Now': ('time',)}
    """
    classes = [node for node in ast.parse(stubs).body if isinstance(node, ast.ClassDef)]
    functions = [node.name for node in ast.parse(stubs).body if isinstance(node, ast.FunctionDef)]
    wrapper = ast.parse(f"def body({signature}): ...").body[0]
    assert isinstance(wrapper, ast.FunctionDef)  # noqa: S101 (it is one line above)
    parameters = [argument.arg for argument in wrapper.args.args]
    return Declared((*parameters, *functions), {node.name: _members(node) for node in classes})


def _members(node: ast.ClassDef) -> tuple[str, ...]:
    targets = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    attributes = [target.id for target in targets if isinstance(target, ast.Name)]
    return (*attributes, *(item.name for item in node.body if isinstance(item, ast.FunctionDef)))
