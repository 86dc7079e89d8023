"""Where captured topologies of real machines are, if they are here."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[4] / "shared/fixtures/topology"


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of captures: `VMON_TOPOLOGY_FIXTURES`, or `shared/fixtures/topology` beside the repository."""
    folder = Path(os.environ.get("VMON_TOPOLOGY_FIXTURES", BESIDE))
    if not folder.is_dir():
        pytest.skip(f"no captured topologies in {folder}")
    return folder


@pytest.fixture(scope="session")
def power9(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captured tree of a POWER9 machine, unpacked."""
    folder = tmp_path_factory.mktemp("power9")
    with tarfile.open(captures / "nvidiagpunumanodes.tar.bz2") as archive:
        archive.extractall(folder, filter="data")
    return folder / "nvidiagpunumanodes"
