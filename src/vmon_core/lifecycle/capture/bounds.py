"""Bounds on what is captured: a checkpoint is written at every transition, so it must stay small and clean."""

from __future__ import annotations

MAX_TEXT = 4096
"""Characters kept of one value: paths, lists of devices and JSON fit; a chat template given inline does not."""

MAX_ITEMS = 1000
"""Variables or words kept; a vLLM command line with every option there is has some 600."""


def bounded(text: str) -> str:
    r"""Cut a text to `MAX_TEXT` characters and replace what UTF-8 cannot express.

    >>> bounded("a\udce9"), len(bounded("x" * 10_000))
    ('a?', 4096)
    """
    clean = text.encode(errors="replace").decode()
    return clean if len(clean) <= MAX_TEXT else f"{clean[: MAX_TEXT - 1]}…"
