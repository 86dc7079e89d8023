"""What each code means: the paragraphs of `vmon check --explain`, one TOML file for each area."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources


@functools.cache
def explanations() -> dict[str, str]:
    """Every code with its paragraph.

    >>> "arguments.unknown" in explanations()
    True
    """
    folder = resources.files("vmon_plugin_preflight").joinpath("explanations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {code: " ".join(text.split()) for f in files for code, text in tomllib.loads(f.read_text("utf-8")).items()}
