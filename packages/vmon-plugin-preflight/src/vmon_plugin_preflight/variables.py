"""Which environment variables the installed vLLM knows, read from its source without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "environment_variables"
"""The dictionary in `vllm/envs.py` whose keys are the names."""


def variables_of(package: Path) -> frozenset[str]:
    """Read the names of the variables.

    Args:
        package: the folder of the package `vllm`.

    Returns:
        The names; empty when the source is not there or has another form.
    """
    try:
        tree = ast.parse((package / "envs.py").read_text("utf-8"))
    except (OSError, UnicodeError, SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(name for node in tree.body for name in _keys(node))


def _keys(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign):
        targets: list[ast.expr] = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return
    if any(isinstance(t, ast.Name) and t.id == TABLE for t in targets) and isinstance(node.value, ast.Dict):
        yield from (k.value for k in node.value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
