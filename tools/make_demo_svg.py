"""Make docs/demo.svg from a real run of the demo: what a terminal shows, as a picture.

Run: python tools/make_demo_svg.py
"""

from __future__ import annotations

import io
import os
import pty
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"
WIDTH = 118


def main() -> None:
    """Run the demo in a terminal of its own and draw what it prints."""
    output = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.extend(data)
        return data

    os.environ["TERM"] = "dumb"  # one line after the other, in colour
    pty.spawn([sys.executable, "-m", "vmon_core", "demo"], read)
    lines = output.decode(errors="replace").replace("\r", "").strip().splitlines()
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in lines:
        text = Text.from_ansi(line)
        text.truncate(WIDTH, overflow="ellipsis")
        console.print(text)
    console.save_svg(str(PICTURE), title="vmon demo")


if __name__ == "__main__":
    main()
