"""Whether a shared library is on the machine, without loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.host.child.libraries import first_absent
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

NAME = "libnvidia-ml.so.1"


@pytest.mark.parametrize(
    "files",
    [
        {f"usr/lib64/{NAME}": ""},
        {f"lib/{NAME}": ""},
        {"etc/ld.so.cache": f"glibc-ld.so.cache1.1\0libm.so.6\0{NAME}\0/opt/driver/{NAME}\0"},
    ],
)
def test_found_where_the_loader_looks(tmp_path: Path, files: dict[str, str]) -> None:
    """In its folders, or by its cache."""
    assert not first_absent([NAME], write_tree(tmp_path, files))


def test_library_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers and NixOS set it."""
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{write_tree(tmp_path, {f'own/{NAME}': ''}) / 'own'}")
    assert not first_absent([NAME], tmp_path)


@pytest.mark.parametrize("files", [{}, {"etc/ld.so.cache": f"\0{NAME}.old\0x{NAME}\0"}])
def test_first_that_is_absent_is_named(tmp_path: Path, files: dict[str, str]) -> None:
    """A name that only looks alike is another library."""
    assert first_absent([NAME, "libother.so"], write_tree(tmp_path, files)) == NAME


def test_nothing_is_needed(tmp_path: Path) -> None:
    """Most plugins need none."""
    assert not first_absent((), tmp_path)
