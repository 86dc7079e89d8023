"""Small trees of files that stand for `/proc`, `/sys` or a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files and the folders that they lie in.

    Args:
        root: the folder that stands for `/`.
        files: the text of each file, by its path below `root`.

    Returns:
        The same `root`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (
    ...         write_tree(Path(folder), {"sys/devices/system/cpu/online": "0-3"}) / "sys/devices/system/cpu/online"
    ...     ).read_text()
    '0-3'
    """
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
